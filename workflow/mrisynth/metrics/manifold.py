"""Precision and recall of a set of synthetic features by nearest-neighbour balls."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.distances import Distances
from mrisynth.metrics.features import all_rows, check_pair, check_subset
from mrisynth.metrics.neighbours import distances_between


def precision_recall(real: np.ndarray, synthetic: np.ndarray, *, k: int = 3) -> tuple[float, float]:
    """Return the share of synthetic rows among the real ones, and of real rows among the synthetic ones.

    Each row of a set carries a ball that reaches to its k-th nearest neighbour in the same set, itself not counted;
    a row lies among a set when it lies in any of its balls (Euclidean, the border included). Kynkäänniemi et al.
    2019 (arXiv 1904.06991), written from the paper. Distances of large sets are computed in blocks of rows: memory
    grows with n, not with n squared.

    Args:
        real: [n, d], finite.
        synthetic: [m, d], finite; compare sets of equal size, both shares depend on n and m.
        k: neighbours, fewer than the rows of either set.

    Returns:
        Precision and recall, each in [0, 1], higher is better.

    Raises:
        MrisynthError: a set has k rows or fewer, the widths differ, or a value is not finite.
    """
    precision, recall = PrecisionRecallComparison(real, synthetic, k=k)()
    return float(precision), float(recall)


class PrecisionRecallComparison:
    """Precision and recall of two sets and of their subsets; a comparison of :mod:`mrisynth.metrics.comparison`.

    Args:
        real: [n, d], finite.
        synthetic: [m, d], finite.
        k: neighbours, fewer than the rows of either set.

    Raises:
        MrisynthError: as :func:`precision_recall`.
    """

    def __init__(
        self, real: np.ndarray, synthetic: np.ndarray, *, k: int = 3, distances: Distances | None = None
    ) -> None:
        if k < 1:
            raise MrisynthError(f"Nearest-neighbour metrics need k of 1 or more, found {k}.")
        self.smallest = k + 1
        check_pair(real, synthetic, rows=self.smallest)
        self._k, self._counts = k, (len(real), len(synthetic))
        self._distances = distances or distances_between(real, synthetic)

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return precision and recall [2] of these rows of each set, more than k; None for all."""
        rows = all_rows(self._counts, real_rows, synthetic_rows)
        check_subset(rows, rows_needed=self.smallest)
        shares = []
        for side in (0, 1):
            radii = self._distances.squared_radii(side, rows[side], k=self._k)
            _, balls = self._distances.counts(side, radii, rows)
            shares.append((balls > 0).mean())
        return np.array(shares)
