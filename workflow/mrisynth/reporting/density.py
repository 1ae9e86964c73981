"""The density of points of a map, drawn as regions that hold given shares of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

SHARES = (0.95, 0.8, 0.65, 0.5, 0.35, 0.2)
"""Shares of the density inside the regions, from the outermost."""

_CELLS = 120
_LEAST_POINTS = 10


@dataclass(frozen=True)
class Density:
    """A density over a grid.

    Attributes:
        x, y: float64 [cells], places of the grid's columns and rows.
        values: float64 [y, x], the density, in no unit.
        levels: for each of :data:`SHARES` the value above which so much of the density lies, growing.
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    levels: np.ndarray


def box_of(*places: np.ndarray) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a frame around points [n, 2], an eighth of them as a margin."""
    points = np.concatenate([place for place in places if len(place)] or [np.zeros((1, 2))])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = (high - low) / 8 + 1e-6 + 0.05 * (high == low)
    (left, bottom), (right, top) = low - margin, high + margin
    return float(left), float(right), float(bottom), float(top)


def density_of(places: np.ndarray, *, box: tuple[float, float, float, float]) -> Density | None:
    """Return the kernel density of points [n, 2] over a frame; None for fewer than 10 points or points in one place.

    Kernels are round and Gaussian, as wide as half of the points have their sqrt(n)/2-th neighbour: wide enough to join
    points of a group, too narrow to join groups, which one bandwidth for a whole map is not.
    """
    if len(places) < _LEAST_POINTS:
        return None
    neighbour = max(round(np.sqrt(len(places)) / 2), 2)
    width = float(np.median(cKDTree(places).query(places, k=neighbour + 1)[0][:, -1]))
    if width <= 0:
        return None
    left, right, bottom, top = box
    x, y = np.linspace(left, right, _CELLS), np.linspace(bottom, top, _CELLS)
    across = np.exp(-((x[:, None] - places[:, 0]) ** 2) / (2 * width**2))
    down = np.exp(-((y[:, None] - places[:, 1]) ** 2) / (2 * width**2))
    values = down @ across.T
    ordered = np.sort(values.ravel())[::-1]
    held = np.cumsum(ordered) / ordered.sum()
    levels = np.array([ordered[min(np.searchsorted(held, share), ordered.size - 1)] for share in SHARES])
    return Density(x, y, values, levels) if (np.diff(levels) > 0).all() else None
