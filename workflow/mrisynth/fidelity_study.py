"""Condition fidelity of one model in every feature space, as a table of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mrisynth.conditions import Condition
from mrisynth.embeddings import Embeddings, feature_spaces
from mrisynth.labelled_sets import SAMPLES, feature_warnings, labelled_sets
from mrisynth.metrics.class_means import Estimate
from mrisynth.metrics.condition_fidelity import condition_fidelity
from mrisynth.metrics.quantiles import Z_90
from mrisynth.metrics.readings import CONFUSION_COLUMNS, Reading
from mrisynth.metrics.table import MISSING, Score, score_table
from mrisynth.seeds import derive_seed

UNCONDITIONAL = "Not computed: the model is unconditional, so that nothing was asked that could be read back."

CHANCE = ".chance"
"""Ending of the control's name: a reader that sees nothing, with this model's classes."""


def fidelity_of_model(
    found: Mapping[tuple[str, str], Embeddings],
    *,
    model: str,
    scans: pd.DataFrame,
    condition: Condition,
    asked: Sequence[int],
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores and the confusions of a model in each feature space.

    Two readers (:func:`mrisynth.metrics.condition_fidelity.condition_fidelity`) make two references. Reference
    ``test`` is a reader of test scans, which the model has never seen; its floor is what it reads off training scans.
    Reference ``train`` is a reader of training scans; its floor is what it reads off test scans. A random condition
    reads at chance in the first alone when a model repeats its training scans with their labels.

    Args:
        found: (features, source) -> embeddings; ``real`` and the model's name are used.
        model: name of the model.
        scans: the scans table.
        condition: the condition of the model; one without columns gives a row with a missing value.
        asked: label of each sample.
        seed: the study's seed.

    Returns:
        scores in the form of :func:`mrisynth.metrics.table.score_table`, a row ``{model}.chance`` beside each value;
        confusions: ``features``, ``reference`` and :data:`mrisynth.metrics.readings.CONFUSION_COLUMNS`.
    """
    scores: list[Score] = []
    confusions = [pd.DataFrame(columns=["features", "reference", *CONFUSION_COLUMNS])]
    for space in feature_spaces(found):
        real, samples = found[space, "real"], found[space, model]
        sets = labelled_sets(real, samples, scans=scans, condition=condition, asked=asked)
        for reference, other in (("test", "train"), ("train", "test")):
            if not condition.columns:
                nothing = Reading(metric="condition_accuracy", better="higher", warning=UNCONDITIONAL)
                scores.append(_score(nothing, model, real, reference, seed))
                continue
            fidelity = condition_fidelity(
                learned=sets[reference], unseen=sets[other], samples=sets[SAMPLES], columns=list(condition.columns),
                seed=derive_seed(seed, "condition fidelity", reference),
            )  # fmt: skip
            for reading in fidelity.readings:
                scores.append(_score(reading, model, real, reference, seed))
                if reading.samples is not None:
                    scores.append(_score(reading, f"{model}{CHANCE}", real, reference, seed))
            table = fidelity.confusion_table()
            confusions.append(table.assign(features=space, reference=reference)[list(confusions[0].columns)])
    full = [table for table in confusions if len(table)]
    return score_table(scores), pd.concat(full, ignore_index=True) if full else confusions[0]


def _score(reading: Reading, model: str, real: Embeddings, reference: str, seed: int) -> Score:
    blind = model.endswith(CHANCE)
    value = reading.chance if blind else MISSING if reading.samples is None else reading.samples.value
    low, high = (MISSING, MISSING) if blind else _ends(reading, reading.samples)
    floor_low, floor_high = _ends(reading, reading.real, z=Z_90)
    sentences = [reading.warning] * (not blind) + feature_warnings(real.meta)
    return Score(
        metric=reading.metric, model=model, source="control" if blind else "model", features=real.meta["features"],
        features_sha256=real.meta["weights_sha256"], features_trained=real.meta["trained"],
        view=str(real.meta["view"]), reference=reference, value=value, low=low, high=high,
        floor=MISSING if reading.real is None else reading.real.value, floor_low=floor_low, floor_high=floor_high,
        better=reading.better, n=reading.n, seed=seed, warning=" ".join(filter(None, sentences)),
    )  # fmt: skip


def _ends(reading: Reading, estimate: Estimate | None, **z: float) -> tuple[float, float]:
    if estimate is None:
        return MISSING, MISSING
    return estimate.ends(lowest=reading.bounds[0], highest=reading.bounds[1], **z)
