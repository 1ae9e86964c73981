"""Training on synthetic samples and testing on real scans, the reverse, and what real scans alone reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.quantiles import Z_90
from mrisynth.metrics.table import MISSING, Score, SourceKind, score_table
from mrisynth.metrics.utility import Draw, Task, plan_utility
from mrisynth.metrics.utility_heads import linear_predictions
from mrisynth.metrics.utility_scores import Usefulness, utility_scores
from mrisynth.seeds import derive_seed

REVERSE = "reverse_utility"
"""How the names of scores begin that are of probes trained on real scans and tested on samples."""


def train_on_synthetic(
    column: str,
    *,
    train: LabelledSet,
    samples: LabelledSet,
    test: LabelledSet,
    model: str,
    source: SourceKind = "model",
    seed: int,
    equal_numbers: bool = True,
    repeats: int = 5,
    fields: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the scores of linear probes that learn from one kind of scan and are tested on another.

    * ``utility_{column}_real`` and ``utility_{column}_auc_real``, controls of the name ``real``: real scans against
      held-out real scans, the most that can be hoped for. ``..._synthetic``: samples against held-out real scans;
      ``..._both``, and differences from ``real``. They are those of
      :func:`mrisynth.metrics.utility_scores.utility_scores`, with its intervals over test participants and training
      scans.
    * ``reverse_utility_{column}`` and ``reverse_utility_{column}_auc``: trained on the same real scans and tested on
      all samples. Above the floor, samples are easier to tell apart than real scans are: caricatures of their class.

    The floor of what is the model's is what real scans reach.

    Args:
        column: what is predicted, classes or ``age``; a reverse score needs classes.
        train: real scans to learn from.
        samples: synthetic ones, with what was asked of each.
        test: real scans of other participants.
        model, source: of the scores.
        seed: the study's seed.
        equal_numbers, repeats: as in :func:`mrisynth.metrics.utility.draw_rows`.
        fields: further fields of a score: ``features``, ``features_sha256``, ``features_trained``, ``view``.
    """
    sets = {"train": train, "samples": samples, "test": test}
    [(task, draws)] = plan_utility([column], **sets, equal_numbers=equal_numbers, repeats=repeats, seed=seed)
    fields = {"reference": "test", "seed": seed} | dict(fields)
    if task.problem or task.missing:
        gap = Score(
            metric=f"utility_{column}_synthetic", model=model, source=source, value=MISSING, n=0,
            better="lower" if column == "age" else "higher", warning=task.problem or task.missing, **fields,
        )  # fmt: skip
        return score_table([gap])
    predictions = linear_predictions(task, draws, **sets, seed=seed)
    found = utility_scores(task, predictions, draws, test=test, seed=derive_seed(seed, "utility", column))
    scores = []
    for one in found:
        whose = {"model": "real", "source": "control"} if one.arm == "real" else {"model": model, "source": source}
        scores.append(_score(one, one.metric, task, **whose, **fields))
    if column != "age":
        for one in _reverse(task, draws, sets=sets, seed=seed):
            floor = next(other for other in found if other.metric == one.metric)
            name = one.metric.replace("utility", REVERSE, 1).removesuffix("_real")
            reverse = replace(one, better="neither", real=floor.estimate)
            scores.append(_score(reverse, name, task, model=model, source=source, **fields))
    return score_table(scores)


def _reverse(task: Task, draws: Sequence[Draw], *, sets: Mapping[str, LabelledSet], seed: int) -> list[Usefulness]:
    """Return the scores of the real arm where the samples are what is tested."""
    samples = sets["samples"]
    turned = replace(task, test=task.samples, missing="samples are what is tested")
    predictions = linear_predictions(turned, draws, train=sets["train"], samples=samples, test=samples, seed=seed)
    return utility_scores(turned, predictions, draws, test=samples, seed=derive_seed(seed, REVERSE, task.name))


def _score(one: Usefulness, name: str, task: Task, **fields: Any) -> Score:
    lowest, highest = one.bounds
    low, high = one.estimate.ends(lowest=lowest, highest=highest)
    floor = {}
    if one.real is not None:
        floor_low, floor_high = one.real.ends(Z_90, lowest=lowest, highest=highest)
        floor = {"floor": one.real.value, "floor_low": floor_low, "floor_high": floor_high}
    missing = "No interval: too few test participants or repetitions." if np.isnan(one.estimate.error) else ""
    return Score(
        metric=name, value=one.estimate.value, low=low, high=high, better=one.better, n=one.n,
        warning=" ".join(filter(None, (task.warning, missing))), **floor, **fields,
    )  # fmt: skip
