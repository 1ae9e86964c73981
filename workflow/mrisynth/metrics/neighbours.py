"""What metrics of nearest-neighbour balls are computed of: two checked sets and their distances."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.distances import DenseDistances, Distances
from mrisynth.metrics.features import all_rows, check_pair, check_subset
from mrisynth.metrics.screened import ScreenedDistances

LARGEST_DENSE = 2048
"""Rows of a set up to which all distances are kept (three times 32 MiB), so that subsets cost next to nothing."""


def distances_between(real: np.ndarray, synthetic: np.ndarray) -> Distances:
    """Return the distances of real features [n, d] and synthetic ones [m, d], both finite."""
    if max(len(real), len(synthetic)) > LARGEST_DENSE:
        return ScreenedDistances(real, synthetic)
    return DenseDistances(real, synthetic)


class NeighbourComparison:
    """Two sets whose distances were computed once; comparisons by nearest-neighbour balls build on it.

    Args:
        real: [n, d], finite.
        synthetic: [m, d], finite.
        k: neighbours, fewer than the rows of either set.
        distances: those of the two sets, where another metric has them already.

    Attributes:
        smallest: fewest rows of a set, also of a subset.

    Raises:
        MrisynthError: k is below 1, a set has k rows or fewer, the widths differ, or a value is not finite.
    """

    def __init__(self, real: np.ndarray, synthetic: np.ndarray, *, k: int, distances: Distances | None = None) -> None:
        if k < 1:
            raise MrisynthError(f"Nearest-neighbour metrics need k of 1 or more, found {k}.")
        self.smallest = k + 1
        check_pair(real, synthetic, rows=self.smallest)
        self._k, self._counts = k, (len(real), len(synthetic))
        self._distances = distances or distances_between(real, synthetic)

    def _rows(
        self, real_rows: np.ndarray | None, synthetic_rows: np.ndarray | None, *, needed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the chosen rows of both sets, all of a set for None; fewer than needed are refused."""
        rows = all_rows(self._counts, real_rows, synthetic_rows)
        check_subset(rows, rows_needed=needed)
        return rows
