"""Classification: how well the probabilities of a classifier tell the classes of scans, pooled over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.class_means import Estimate, mean_over_classes
from mrisynth.metrics.participants import (
    LEAST_PARTICIPANTS,
    fewest_participants,
    resampled_ends,
    resampled_weights,
)
from mrisynth.metrics.roc import RankedScores, ranked_area, scored_classes
from mrisynth.metrics.table import MISSING, Better, Score

_TOLERANCE = 1e-3
_LEAST_CHANCE = float(np.finfo(np.float64).eps)  # a probability of 0 costs 36 in cross-entropy


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number on a classifier.

    Attributes:
        name: ``auc``, ``accuracy``, ``balanced_accuracy``, ``sensitivity``, ``specificity``, ``cross_entropy`` or
            ``brier``.
        value: missing where it cannot be computed, and ``warning`` says why.
        low, high: ends of the 95 % interval over participants.
        better: which values are better.
        n: scans it was computed of.
        warning: what a reader must know.
    """

    name: str
    value: float
    low: float = MISSING
    high: float = MISSING
    better: Better
    n: int
    warning: str = ""


def classifier_measures(
    probabilities: np.ndarray,
    labels: np.ndarray,
    participants: Sequence[str],
    *,
    classes: Sequence[str],
    seed: int,
    replicates: int = 1000,
) -> list[Measure]:
    """Return the measures of a classifier with their intervals, each of all scans at once and never a mean of batches.

    * ``auc``: area under the ROC curve of the second class, of several classes the mean of each against the rest.
      Participants are resampled (:func:`mrisynth.metrics.participants.resampled_weights`); in simulations of 6 to 40
      participants a class and areas of .64 to .99 the interval held the truth in 94 to 99 % (two of them in the tests).
    * ``accuracy``, ``balanced_accuracy`` and, of two classes, ``sensitivity`` (share of the second class that is found)
      and ``specificity`` (of the first): the class with the largest probability, of equal ones the first, is the
      answer. Intervals as in :func:`mrisynth.metrics.class_means.mean_over_classes`.
    * ``cross_entropy``, in natural units, and ``brier``: the mean squared distance of the probability of the second
      class from 0 or 1, of several classes the sum of those of all (0 to 2). Normal intervals over participants.

    Args:
        probabilities: [n, classes], each row sums to 1.
        labels: int64 [n], the true class; rows below 0 (missing) are left out.
        participants: the participant of each row; a sample is its own.
        classes: names of the classes, two or more.
        seed: of the resamples.
        replicates: how many.

    Raises:
        MrisynthError: the arrays do not belong together, or a row holds no probabilities.
    """
    chances, truth, groups = _known(probabilities, labels, participants, classes=classes)
    words = [classes[label] for label in truth]
    counts = np.bincount(truth, minlength=len(classes))
    absent = [name for name, count in zip(classes, counts, strict=True) if not count]
    note = f"No scan of: {', '.join(absent)}." if absent and len(truth) else ""
    if not len(truth):
        note = "Not computed: no scan has a known class."
    right = (predicted_classes(chances) == truth).astype(np.float64)

    def share(name: str, rows: np.ndarray, strata: Sequence[str]) -> Measure:
        found = mean_over_classes(right[rows], strata, groups=[groups[row] for row in rows], extremes=(0.0, 1.0))
        return _measure(name, found, better="higher", n=len(rows), highest=1.0, warning=note)

    every = np.arange(len(truth))
    found = [_auc(chances, truth, groups, note=note, seed=seed, replicates=replicates)]
    found.append(share("accuracy", every, ["all"] * len(truth)))
    if np.count_nonzero(counts) > 1:
        found.append(share("balanced_accuracy", every, words))
    else:
        found.append(_missing("balanced_accuracy", n=len(truth), note=note))
    if len(classes) == 2:
        for number, name in ((1, "sensitivity"), (0, "specificity")):
            rows = np.flatnonzero(truth == number)
            found.append(share(name, rows, ["all"] * len(rows)))
    picked = np.clip(chances[every, truth], _LEAST_CHANCE, 1.0)
    for name, items, highest in (
        ("cross_entropy", -np.log(picked), np.inf),
        ("brier", _brier(chances, truth), 1.0 if len(classes) == 2 else 2.0),
    ):
        mean = mean_over_classes(items, ["all"] * len(truth), groups=groups)
        found.append(_measure(name, mean, better="lower", n=len(truth), highest=highest, warning=note))
    return found


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the class with the largest probability of each row [n, classes], of equal ones the first, int64 [n]."""
    return probabilities.argmax(axis=1).astype(np.int64)


def confusion_table(probabilities: np.ndarray, labels: np.ndarray, *, classes: Sequence[str]) -> pd.DataFrame:
    """Return how many scans of each class (rows) were taken for each class (columns), int64.

    Args:
        probabilities: [n, classes].
        labels: int64 [n]; rows below 0 (missing) are left out.
        classes: names of the classes, of rows and columns alike.
    """
    known = np.flatnonzero(labels >= 0)
    counts = np.zeros((len(classes),) * 2, dtype=np.int64)
    np.add.at(counts, (labels[known], predicted_classes(probabilities[known])), 1)
    return pd.DataFrame(
        counts, index=pd.Index(list(classes), name="label"), columns=pd.Index(list(classes), name="predicted")
    )


def measure_scores(measures: Sequence[Measure], *, prefix: str, **fields: Any) -> list[Score]:
    """Return measures as rows of a score table, named ``{prefix}_{name}``.

    Args:
        measures: of :func:`classifier_measures`.
        prefix: what was classified, by what.
        fields: what else a :class:`mrisynth.metrics.table.Score` says, such as ``model`` and ``features``; ``warning``
            is joined to that of each measure.
    """
    said = fields.pop("warning", "")
    return [
        Score(
            metric=f"{prefix}_{one.name}", value=one.value, low=one.low, high=one.high, better=one.better, n=one.n,
            warning=" ".join(filter(None, (one.warning, said))), **fields,
        )
        for one in measures
    ]  # fmt: skip


def _known(
    probabilities: np.ndarray, labels: np.ndarray, participants: Sequence[str], *, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return what is known of the rows with a label."""
    expected = (len(labels), len(classes))
    if len(classes) < 2 or probabilities.shape != expected or len(participants) != len(labels):
        raise MrisynthError(
            f"Found probabilities {probabilities.shape}, {len(labels)} labels and {len(participants)} participants; "
            f"expected [n, {max(len(classes), 2)}] and n of both."
        )
    if len(labels) and int(labels.max()) >= len(classes):
        raise MrisynthError(f"A label is {int(labels.max())}; expected one below {len(classes)}, as many as classes.")
    known = np.flatnonzero(labels >= 0)
    chances = probabilities[known].astype(np.float64)
    wrong = ~(np.isfinite(chances).all(axis=1) & (chances >= 0).all(axis=1))
    wrong |= np.abs(chances.sum(axis=1) - 1.0) > _TOLERANCE
    if wrong.any():
        raise MrisynthError(
            f"{int(wrong.sum())} of {len(known)} rows hold no probabilities (first: row {int(known[wrong.argmax()])}); "
            "expected numbers of 0 or more that sum to 1."
        )
    return chances, labels[known].astype(np.int64), [participants[row] for row in known]


def _auc(
    chances: np.ndarray, truth: np.ndarray, groups: Sequence[str], *, note: str, seed: int, replicates: int
) -> Measure:
    if len(np.unique(truth)) < 2:
        return _missing("auc", n=len(truth), note=note)
    ranked = [RankedScores(chances[:, one], truth == one) for one in scored_classes(chances, truth)]
    value, fewest = ranked_area(ranked), fewest_participants(truth, groups)
    if fewest < LEAST_PARTICIPANTS:
        gap = f"No interval: a class has {fewest} participants, {LEAST_PARTICIPANTS} or more are needed."
        return Measure(name="auc", value=value, better="higher", n=len(truth), warning=f"{note} {gap}".strip())
    draws = resampled_weights(truth, groups, seed=seed, replicates=replicates)
    resampled = np.array([ranked_area(ranked, weights) for weights in draws])
    low, high = resampled_ends(value, resampled, participants=fewest)
    return Measure(name="auc", value=value, low=low, high=high, better="higher", n=len(truth), warning=note)


def _brier(chances: np.ndarray, truth: np.ndarray) -> np.ndarray:
    squares = ((chances - np.eye(chances.shape[1])[truth]) ** 2).sum(axis=1)
    return squares / 2 if chances.shape[1] == 2 else squares


def _measure(name: str, found: Estimate, *, better: Better, n: int, highest: float, warning: str) -> Measure:
    low, high = found.ends(lowest=0.0, highest=highest)
    if n and np.isnan(low):
        warning = f"{warning} No interval: all scans are of one participant.".strip()
    return Measure(name=name, value=found.value, low=low, high=high, better=better, n=n, warning=warning)


def _missing(name: str, *, n: int, note: str) -> Measure:
    gap = "Not computed: scans of one class alone." if n else ""
    return Measure(name=name, value=MISSING, better="higher", n=n, warning=f"{gap} {note}".strip())
