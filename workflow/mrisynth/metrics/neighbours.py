"""The distances that nearest-neighbour metrics are computed of, by the size of the sets."""

from __future__ import annotations

import numpy as np

from mrisynth.metrics.distances import DenseDistances, Distances
from mrisynth.metrics.screened import ScreenedDistances

LARGEST_DENSE = 2048
"""Rows of a set up to which all distances are kept (three times 32 MiB), so that subsets cost next to nothing."""


def distances_between(real: np.ndarray, synthetic: np.ndarray) -> Distances:
    """Return the distances of real features [n, d] and synthetic ones [m, d], both finite."""
    if max(len(real), len(synthetic)) > LARGEST_DENSE:
        return ScreenedDistances(real, synthetic)
    return DenseDistances(real, synthetic)
