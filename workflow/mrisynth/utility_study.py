"""Utility of a model's samples, by linear heads in every feature space and by a small network, as a table of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.conditions import Condition
from mrisynth.embeddings import Embeddings, feature_spaces
from mrisynth.labelled_sets import SAMPLES, feature_warnings, labelled_sets
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.quantiles import Z_90
from mrisynth.metrics.table import MISSING, Better, Score, score_table
from mrisynth.metrics.utility import REVERSE, Draw, Task, plan_utility
from mrisynth.metrics.utility_heads import linear_predictions
from mrisynth.metrics.utility_scores import Usefulness, reverse_scores, utility_scores
from mrisynth.prediction_tables import predictions_of_table
from mrisynth.scans_table import scans_in_split
from mrisynth.seeds import derive_seed

NETWORK = {"features": "small_network", "weights_sha256": "trained in each arm", "trained": True}
"""What stands in place of a feature space where a network was trained on the volumes themselves."""


def utility_of_model(
    found: Mapping[tuple[str, str], Embeddings],
    *,
    model: str,
    scans: pd.DataFrame,
    condition: Condition,
    asked: Sequence[int],
    settings: Mapping[str, Any],
    seed: int,
    network: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the scores of a model for every target, in the form of :func:`mrisynth.metrics.table.score_table`.

    Rows of the arms ``synthetic`` and ``both`` and of the differences are the model's. The arm ``real`` is a control of
    the name ``real``, and the floor of the two others (its 5th and 95th percentile from its standard error), and of
    the rows ``reverse``: who learned from real scans, tested on samples; of classes and by linear heads alone.

    Args:
        found: (features, source) -> embeddings; ``real`` and the model's name are used.
        model: name of the model.
        scans: the scans table.
        condition: the condition of the model.
        asked: label of each sample.
        settings: ``evaluation.utility``.
        seed: the study's seed.
        network: of :func:`mrisynth.prediction_tables.table_of_predictions`; None where no network was trained.
    """
    scores: list[Score] = []
    chosen = {key: settings[key] for key in ("equal_numbers", "repeats")}
    for space in feature_spaces(found):
        real, samples = found[space, "real"], found[space, model]
        sets = labelled_sets(real, samples, scans=scans, condition=condition, asked=asked, targets=settings["targets"])
        plans = plan_utility(settings["targets"], **sets, **chosen, seed=seed)
        for task, draws in plans:
            predictions = {} if task.problem else linear_predictions(task, draws, **sets, seed=seed)
            scores += _scores(task, predictions, draws, sets=sets, model=model, meta=real.meta, seed=seed)
    if network is not None:  # features play no part in plans: those of the last space are those of all
        meta = NETWORK | {"view": real.meta["view"]}
        tested = scans_in_split(scans, real.ids, "test")
        for task, draws in plans:
            predictions = {}
            if not task.problem and not task.missing:
                names = [tested[row] for row in task.test]
                predictions = predictions_of_table(network, task, names, repeats=len(draws))
            scores += _scores(task, predictions, draws, sets=sets, model=model, meta=meta, seed=seed)
    return score_table(scores)


def _scores(
    task: Task,
    predictions: Mapping[str, np.ndarray],
    draws: Sequence[Draw],
    *,
    sets: Mapping[str, LabelledSet],
    model: str,
    meta: Mapping[str, Any],
    seed: int,
) -> list[Score]:
    def score(metric: str, better: Better, *, arm: str, warning: str, value: float = MISSING, **numbers: Any) -> Score:
        sentences = [warning, *feature_warnings(meta)]
        return Score(
            metric=metric, model="real" if arm == "real" else model, source="control" if arm == "real" else "model",
            features=meta["features"], features_sha256=meta["weights_sha256"], features_trained=meta["trained"],
            view=str(meta["view"]), reference="test", value=value, better=better, seed=seed,
            warning=" ".join(filter(None, sentences)), **{"n": 0} | numbers,
        )  # fmt: skip

    test, samples = sets["test"], sets[SAMPLES]
    rows = []
    if gap := task.problem or task.missing:
        better = "lower" if task.name == "age" else "higher"
        rows.append(score(f"utility_{task.name}_synthetic", better, arm="synthetic", warning=gap))
    if not predictions:
        return rows
    own = derive_seed(seed, "utility", task.name)
    values = utility_scores(task, predictions, draws, test=test, seed=own)
    if REVERSE in predictions:
        turned = derive_seed(seed, "utility", REVERSE, task.name)
        values += reverse_scores(task, predictions[REVERSE], draws, samples=samples, forward=values, seed=turned)
    for found in values:
        rows.append(
            score(
                found.metric,
                found.better,
                arm=found.arm,
                warning=_warning(task, found, samples),
                n=found.n,
                **_numbers(found),
            )
        )
    return rows


def _numbers(found: Usefulness) -> dict[str, float]:
    lowest, highest = found.bounds
    low, high = found.estimate.ends(lowest=lowest, highest=highest)
    numbers = {"value": found.estimate.value, "low": low, "high": high}
    if found.real is not None:
        floor_low, floor_high = found.real.ends(Z_90, lowest=lowest, highest=highest)
        numbers |= {"floor": found.real.value, "floor_low": floor_low, "floor_high": floor_high}
    return numbers


def _warning(task: Task, found: Usefulness, samples: LabelledSet) -> str:
    sentences = [task.warning]
    if found.arm == REVERSE:
        drawn = {samples.words[task.name][row] for row in task.samples}
        if absent := [word for word in task.classes if word not in drawn]:
            sentences.append(f"No sample of: {', '.join(absent)}.")
    if task.name == "age" and found.arm != "real":
        sentences.append("The age of a sample is the mean age of its class in training.")
    if np.isnan(found.estimate.error):
        sentences.append("No interval: too few test participants or repetitions.")
    return " ".join(filter(None, sentences))
