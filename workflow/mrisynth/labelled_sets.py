"""The sets that conditions are read from and predictors are trained on: real scans by split, and a model's samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.conditions import Condition
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.feature_weights import COHORT_ENCODER
from mrisynth.files import MISSING
from mrisynth.labels import values_of
from mrisynth.metrics.labelled import LabelledSet, Words
from mrisynth.metrics.scoring import UNTRAINED_SENTENCE

SAMPLES = "samples"

LEARNED_SENTENCE = (
    "These features were trained on age and sex of the training scans: heads that learn from those scans are too sure."
)


def labelled_sets(
    real: Embeddings,
    samples: Embeddings,
    *,
    scans: pd.DataFrame,
    condition: Condition,
    asked: Sequence[int],
    targets: Sequence[str] = (),
) -> dict[str, LabelledSet]:
    """Return the sets ``train``, ``test`` and ``samples`` with their values in words and their ages.

    Samples have the columns of the condition; where one of them is ``age_tercile`` (or ``age``), their age is the mean
    age of the training scans of the same value. Real scans also have the columns ``targets`` of the scans table.

    Args:
        real: features of the real scans.
        samples: features of the samples, in the order of ``asked``.
        scans: the scans table: ``scan``, ``participant_id``, ``split``, ``age`` and the targets.
        condition: the condition of the model.
        asked: label of each sample, as in :mod:`mrisynth.labels`.
        targets: further columns of the scans table; ``age`` and columns that it lacks are passed over.

    Raises:
        MrisynthError: a scan is not in the tables, or labels and samples differ in number.
    """
    if len(asked) != len(samples.features):
        raise MrisynthError(
            f"There are {len(asked)} labels in samples.tsv and features of {len(samples.features)} samples; delete the "
            "embeddings of the model and run again."
        )
    known = scans.set_index("scan")
    told = condition.table.set_index("scan")
    for name, table in (("scans table", known), (f"condition {condition.name}", told)):
        if absent := [scan for scan in real.ids if scan not in table.index]:
            raise MrisynthError(f"The {name} knows no scan {absent[0]} ({len(absent)} embedded scans unknown in all).")
    ages = _class_ages(known, told, condition)
    sets = {}
    for split in ("train", "test"):
        ids = [scan for scan in real.ids if known.at[scan, "split"] == split]
        rows = known.loc[ids]
        words: dict[str, Words] = {name: _words(rows[name]) for name in targets if name != "age" and name in rows}
        words |= {name: _words(told.loc[ids, name]) for name in condition.columns}
        sets[split] = LabelledSet(
            features=real.rows(ids),
            words=words,
            age=rows["age"].to_numpy(dtype=np.float64) if "age" in rows else np.full(len(ids), np.nan),
            class_age=_ages_of(words, ages, count=len(ids)),
            groups=rows["participant_id"].astype(str).tolist(),
        )
    values = [values_of(int(label), condition.columns) for label in asked] if condition.columns else []
    words = {
        name: [None if row[name] == MISSING else row[name] for row in values] for name in condition.columns if values
    }
    sample_ages = _ages_of(words, ages, count=len(asked))
    sets[SAMPLES] = LabelledSet(
        features=samples.features, words=words, age=sample_ages, class_age=sample_ages, groups=samples.ids
    )
    return sets


def feature_warnings(meta: Mapping[str, Any]) -> list[str]:
    """Return what must be known of features before heads on them are compared.

    Args:
        meta: of the embeddings; ``trained`` and ``network`` are read.
    """
    sentences = [] if meta["trained"] else [UNTRAINED_SENTENCE]
    if meta.get("network") == COHORT_ENCODER:
        sentences.append(LEARNED_SENTENCE)
    return sentences


def _words(values: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in values]


def _class_ages(known: pd.DataFrame, told: pd.DataFrame, condition: Condition) -> Mapping[str, Mapping[str, float]]:
    """Return the column of the condition that is about age, and the mean training age of each of its values."""
    for column in ("age", "age_tercile"):
        if column in condition.columns and "age" in known:
            training = known[known["split"] == "train"]
            ages = training["age"].astype("float64").groupby(told[column].reindex(training.index)).mean()
            return {column: {str(word): float(age) for word, age in ages.items()}}
    return {}


def _ages_of(words: Mapping[str, Words], ages: Mapping[str, Mapping[str, float]], *, count: int) -> np.ndarray:
    for column, by_word in ages.items():
        return np.array([by_word.get(word or "", np.nan) for word in words[column]], dtype=np.float64)
    return np.full(count, np.nan)
