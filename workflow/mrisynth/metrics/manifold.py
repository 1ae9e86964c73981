"""Precision and recall of a set of synthetic features by nearest-neighbour balls."""

from __future__ import annotations

import numpy as np

from mrisynth.metrics.neighbours import NeighbourComparison


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


class PrecisionRecallComparison(NeighbourComparison):
    """Precision and recall of two sets and of their subsets; a comparison of :mod:`mrisynth.metrics.comparison`."""

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return precision and recall [2] of these rows of each set, more than k; None for all."""
        rows = self._rows(real_rows, synthetic_rows, needed=self.smallest)
        shares = []
        for side in (0, 1):
            radii = self._distances.squared_radii(side, rows[side], k=self._k)
            _, balls = self._distances.counts(side, radii, rows)
            shares.append((balls > 0).mean())
        return np.array(shares)
