"""The receiver operating characteristic of scores whose rows may have weights, as those of a resample have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.metrics.participants import resampled_weights


@dataclass(frozen=True)
class RocPoints:
    """The curve from (0, 0) to (1, 1), one point for each different score, equal scores together.

    Attributes:
        false_positive, true_positive: float64 [points], shares of the others and of the class at or above a threshold.
        thresholds: float64 [points], falling; infinite at the first point.
    """

    false_positive: np.ndarray
    true_positive: np.ndarray
    thresholds: np.ndarray

    @property
    def area(self) -> float:
        """The area under the curve."""
        return float(np.trapezoid(self.true_positive, self.false_positive))


class RankedScores:
    """Scores of one class against the rest, sorted once so that the curve of every weighting is cheap.

    Args:
        scores: [n], larger for the class.
        positive: bool [n], who is of the class; some are and some are not.
    """

    def __init__(self, scores: np.ndarray, positive: np.ndarray) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of each run of equal scores
        self._thresholds = np.concatenate([[np.inf], ranked[self._last].astype(np.float64)])
        self._positive = positive[self._order]

    def points(self, weights: np.ndarray | None = None) -> RocPoints:
        """Return the curve; every row counts one without weights [n], which must leave some of both kinds."""
        ranked = np.ones(len(self._order)) if weights is None else weights[self._order]
        shares = [
            np.concatenate([[0.0], (total := np.cumsum(ranked * kind))[self._last] / total[-1]])
            for kind in (~self._positive, self._positive)
        ]
        return RocPoints(shares[0], shares[1], self._thresholds)


def area(chances: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the area under the ROC curve, over several classes the mean of one against the rest.

    It is the share of pairs of a row of the class and another in which the first has the larger probability; half where
    both are equal (Hanley and McNeil 1982).

    Args:
        chances: [n, classes].
        truth: int64 [n], number of the class; two or more occur. Classes that do not occur are passed over.
        weights: [n]; None for one each.
    """
    return ranked_area([RankedScores(chances[:, one], truth == one) for one in scored_classes(chances, truth)], weights)


def scored_classes(chances: np.ndarray, truth: np.ndarray) -> list[int]:
    """Return the classes that have a curve against the rest: of two the second, of several each that occurs."""
    return [1] if chances.shape[1] == 2 else np.unique(truth).tolist()


def ranked_area(ranked: Sequence[RankedScores], weights: np.ndarray | None = None) -> float:
    """Return the mean area over classes whose scores are sorted already."""
    return float(np.mean([one.points(weights).area for one in ranked]))


def roc_points(probabilities: np.ndarray, labels: np.ndarray, *, positive: int = 1) -> RocPoints:
    """Return the ROC curve of one class against the rest.

    Args:
        probabilities: [n, classes].
        labels: int64 [n]; rows below 0 (missing) are left out, of the others some are of the class and some not.
        positive: number of the class.
    """
    known = labels >= 0
    return RankedScores(probabilities[known, positive], labels[known] == positive).points()


def roc_band(
    probabilities: np.ndarray,
    labels: np.ndarray,
    participants: Sequence[str],
    *,
    at: np.ndarray,
    seed: int,
    positive: int = 1,
    replicates: int = 500,
) -> tuple[np.ndarray, np.ndarray]:
    """Return between what sensitivities 95 % of the curves of resampled participants lie at given false-positive rates.

    The band holds at each rate for itself. Participants are drawn as in
    :func:`mrisynth.metrics.participants.resampled_weights`, the curve between two of its points is a straight line.

    Args:
        probabilities, labels, positive: as in :func:`roc_points`.
        participants: the participant of each row.
        at: [points], false-positive rates, growing.
        seed: of the draws.
        replicates: how many.

    Returns:
        Lower and upper sensitivity, float64 [points] each.
    """
    known = np.flatnonzero(labels >= 0)
    ranked = RankedScores(probabilities[known, positive], labels[known] == positive)
    groups = [participants[row] for row in known]
    curves = []
    for weights in resampled_weights(labels[known], groups, seed=seed, replicates=replicates):
        found = ranked.points(weights)
        curves.append(_at(found, at))
    low, high = np.percentile(curves, (2.5, 97.5), axis=0)
    return low, high


def _at(curve: RocPoints, rates: np.ndarray) -> np.ndarray:
    """Return the sensitivity of a curve at each rate; where it climbs straight up, the upper end."""
    before = np.searchsorted(curve.false_positive, rates, side="right") - 1
    after = np.minimum(before + 1, len(curve.false_positive) - 1)
    start, width = curve.false_positive[before], curve.false_positive[after] - curve.false_positive[before]
    way = np.divide(rates - start, width, out=np.zeros(len(rates)), where=width > 0)
    return curve.true_positive[before] * (1.0 - way) + curve.true_positive[after] * way
