"""Distances between the region volumes of two sets: Wasserstein distances, effect sizes and spreads."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from mrisynth.errors import MrisynthError
from mrisynth.metrics.features import check_pair, taken

SMALLEST = 3
"""Rows of a set that distances need."""


class MorphometryComparison:
    """Distances between the region volumes of two sets, in standard deviations: a Comparison.

    Gives the mean over regions of the one-dimensional Wasserstein-1 distance; the Wasserstein-1 distance of the joint
    distributions with the Euclidean distance over the square root of the number of regions, by the best assignment
    (exact for equal weights); the mean over regions of the absolute Cohen's d; and the median over regions of the
    standard deviation of the second set over that of the first. The idea of a multivariate Wasserstein distance of
    region volumes is that of WASABI (Jafrasteh et al. 2025, arXiv 2504.21771), which fits normal distributions.

    Args:
        real: [n, regions], standardised.
        synthetic: [m, regions], likewise; compared at equal numbers of rows.

    Raises:
        MrisynthError: fewer than :data:`SMALLEST` rows, other regions, or a value that is not finite.
    """

    smallest = SMALLEST

    def __init__(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        check_pair(real, synthetic, rows=SMALLEST)
        self._real, self._synthetic = real, synthetic

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return the four values of these rows of each set, equally many; None for all."""
        one, other = taken(self._real, real_rows), taken(self._synthetic, synthetic_rows)
        ratios = other.std(axis=0, ddof=1) / np.maximum(one.std(axis=0, ddof=1), 1e-12)
        return np.array(
            [
                wasserstein_by_region(one, other).mean(),
                joint_wasserstein(one, other),
                np.abs(cohens_d(other, one)).mean(),
                np.median(ratios),
            ]
        )


def wasserstein_by_region(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the Wasserstein-1 distance of each column of two tables with as many rows: mean gap of the sorted values.

    Raises:
        MrisynthError: the tables have different shapes.
    """
    _check_equal(one, other)
    return np.abs(np.sort(one, axis=0) - np.sort(other, axis=0)).mean(axis=0)


def joint_wasserstein(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Wasserstein-1 distance of two tables [n, d], Euclidean over the root of d, by the best assignment.

    Raises:
        MrisynthError: the tables have different shapes.
    """
    _check_equal(one, other)
    cost = cdist(one, other) / np.sqrt(one.shape[1])
    return float(cost[linear_sum_assignment(cost)].mean())


def cohens_d(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return (mean of one - mean of other) over the pooled standard deviation, for each column (Cohen 1988).

    Two constant columns differ by 0 when they are equal and by infinity, with the sign, when they are not.
    """
    degrees = len(one) + len(other) - 2
    squares = one.var(axis=0, ddof=1) * (len(one) - 1) + other.var(axis=0, ddof=1) * (len(other) - 1)
    difference = one.mean(axis=0) - other.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / np.sqrt(squares / degrees))


def _check_equal(one: np.ndarray, other: np.ndarray) -> None:
    if one.shape != other.shape:
        raise MrisynthError(f"Tables of shapes {one.shape} and {other.shape}; expected equal numbers of rows.")
