"""Precision and recall of a set of synthetic features by nearest-neighbour balls."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.features import check_pair

_BLOCK_ROWS = 1024
_ROUNDING = 1e-12  # relative to the squared lengths


def precision_recall(real: np.ndarray, synthetic: np.ndarray, *, k: int = 3) -> tuple[float, float]:
    """Return the share of synthetic rows among the real ones, and of real rows among the synthetic ones.

    Each row of a set carries a ball that reaches to its k-th nearest neighbour in the same set, itself not counted;
    a row lies among a set when it lies in any of its balls (Euclidean, the border included). Kynkäänniemi et al.
    2019 (arXiv 1904.06991), written from the paper. Distances are computed in blocks of rows: memory grows with n,
    not with n squared.

    Args:
        real: [n, d], finite.
        synthetic: [m, d], finite; compare sets of equal size, both shares depend on n and m.
        k: neighbours, fewer than the rows of either set.

    Returns:
        Precision and recall, each in [0, 1], higher is better.

    Raises:
        MrisynthError: a set has k rows or fewer, the widths differ, or a value is not finite.
    """
    if k < 1:
        raise MrisynthError(f"precision and recall need k of 1 or more, found {k}.")
    check_pair(real, synthetic, rows=k + 1)
    origin = real.mean(axis=0, dtype=np.float64)  # distances do not change, rounding gets smaller
    real, synthetic = real - origin, synthetic - origin
    precision = _share_inside(synthetic, real, _squared_radii(real, k=k))
    recall = _share_inside(real, synthetic, _squared_radii(synthetic, k=k))
    return precision, recall


def _squared_radii(features: np.ndarray, *, k: int) -> np.ndarray:
    radii = np.empty(len(features))
    for start in range(0, len(features), _BLOCK_ROWS):
        distances = _squared_distances(features[start : start + _BLOCK_ROWS], features)
        rows = np.arange(len(distances))
        distances[rows, start + rows] = -1.0  # a row is not its own neighbour, also when it has a twin
        radii[start : start + len(distances)] = np.partition(distances, k, axis=1)[:, k]
    return radii


def _share_inside(features: np.ndarray, centres: np.ndarray, squared_radii: np.ndarray) -> float:
    inside = 0
    for start in range(0, len(features), _BLOCK_ROWS):
        distances = _squared_distances(features[start : start + _BLOCK_ROWS], centres)
        inside += int((distances <= squared_radii).any(axis=1).sum())
    return inside / len(features)


def _squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    squares = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", others, others)[None]
    distances = squares - 2.0 * (rows @ others.T)
    return np.where(distances > _ROUNDING * squares, distances, 0.0)  # twins are at distance 0 exactly
