"""Means of one number in classes and differences between classes, with intervals over participants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.metrics.participants import LEAST_PARTICIPANTS, resampled_weights
from mrisynth.metrics.quantiles import Z_90, t_95
from mrisynth.metrics.table import MISSING


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """A value with the spread of its resamples.

    Attributes:
        value: missing (NaN) where it cannot be computed.
        error: its standard error; missing where there are too few participants.
        freedom: degrees of freedom of the error.
    """

    value: float
    error: float = MISSING
    freedom: int = 0

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval by Student's t."""
        return self.value - self._reach()

    @property
    def high(self) -> float:
        """Upper end of it."""
        return self.value + self._reach()

    @property
    def range_90(self) -> tuple[float, float]:
        """5th and 95th percentile of what other participants would give."""
        return self.value - Z_90 * self.error, self.value + Z_90 * self.error

    def _reach(self) -> float:
        return t_95(self.freedom) * self.error if self.freedom else MISSING


class ResampledClasses:
    """The values of classes and what they become when participants are drawn anew.

    As many participants as there are, are drawn with replacement within each class, with all their rows
    (:func:`mrisynth.metrics.participants.resampled_weights`); the standard error is the spread of the resampled values,
    made up for what drawing so few participants underrates it. In simulations of 6 to 40 participants a class the 95 %
    intervals of means, differences and standardised differences held the truth in 93 to 99 % (one is in the tests).

    Args:
        values: float [n], finite.
        labels: int64 [n], the class of each; rows below 0 are left out.
        groups: [n], the participant of each; a sample is its own.
        seed: of the draws.
        replicates: how many draws.
    """

    def __init__(
        self, values: np.ndarray, labels: np.ndarray, groups: Sequence[str], *, seed: int, replicates: int = 200
    ) -> None:
        known = np.flatnonzero(labels >= 0)
        self._values, self._labels = np.asarray(values, dtype=np.float64)[known], labels[known]
        self._groups = np.asarray(groups, dtype=str)[known]
        draws = resampled_weights(self._labels, self._groups.tolist(), seed=seed, replicates=replicates)
        self._weights = np.stack([np.ones(len(known)), *draws])
        self._moments = {label: self._moments_of(label) for label in np.unique(self._labels).tolist()}

    def participants(self, label: int) -> int:
        """Return how many participants have rows of a class."""
        return len(set(self._groups[self._labels == label].tolist()))

    def mean(self, label: int) -> Resampled:
        """Return the mean of a class; missing where it has no rows."""
        if label not in self._moments:
            return Resampled(value=MISSING)
        return self._resampled(self._moments[label][1], [label])

    def difference(self, one: int, other: int) -> Resampled:
        """Return the mean of one class minus that of the other."""
        if not {one, other} <= set(self._moments):
            return Resampled(value=MISSING)
        return self._resampled(self._moments[one][1] - self._moments[other][1], [one, other])

    def effect(self, one: int, other: int) -> Resampled:
        """Return that difference over the pooled standard deviation of both classes (Cohen 1988).

        Missing where a class has fewer than two rows or no row differs from the mean of its class.
        """
        if not {one, other} <= set(self._moments):
            return Resampled(value=MISSING)
        (counts, means, squares), (more, others, further) = self._moments[one], self._moments[other]
        if min(counts[0], more[0]) < 2:
            return Resampled(value=MISSING)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (means - others) / np.sqrt((squares + further) / (counts + more - 2))
        return self._resampled(np.where(np.isfinite(found), found, np.nan), [one, other])

    def _moments_of(self, label: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return count, mean and sum of squares about the mean, [1 + replicates] each, first those of all rows."""
        mine = self._labels == label
        weights, values = self._weights[:, mine], self._values[mine]
        counts = weights.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = weights @ values / counts
        return counts, means, (weights * (values - means[:, None]) ** 2).sum(axis=1)

    def _resampled(self, found: np.ndarray, labels: Sequence[int]) -> Resampled:
        value, resampled = float(found[0]), found[1:][np.isfinite(found[1:])]
        fewest = min(map(self.participants, labels))
        if fewest < LEAST_PARTICIPANTS or len(resampled) < 2:
            return Resampled(value=value)
        error = float(np.std(resampled, ddof=1)) * math.sqrt(fewest / (fewest - 1))
        return Resampled(value=value, error=error, freedom=len(labels) * (fewest - 1))
