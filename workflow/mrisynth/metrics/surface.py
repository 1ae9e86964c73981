"""How far the surface of a predicted structure is from the true one: surface Dice and 95 % Hausdorff distance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from mrisynth.errors import MrisynthError
from mrisynth.metrics.overlap import BothEmpty, check_maps, value_of_absence

_NEAR_MM = 1e-6  # so that a distance of whole voxels equal to the tolerance does not fall out by rounding


@dataclass(frozen=True, kw_only=True)
class SurfaceScores:
    """Scores of surfaces, float64 [structures].

    Attributes:
        surface_dice: share of the elements of both surfaces that are no farther from the other one than a tolerance.
        hausdorff_95_mm: 95th percentile of the distances of one surface from the other, the larger of both ways.
    """

    surface_dice: np.ndarray
    hausdorff_95_mm: np.ndarray


def surface_scores(
    predicted: np.ndarray,
    true: np.ndarray,
    numbers: Sequence[int],
    *,
    spacing_mm: Sequence[float],
    tolerance_mm: float,
    both_empty: BothEmpty = "agree",
) -> SurfaceScores:
    """Return surface Dice (Nikolov et al. 2021) and 95 % Hausdorff distance (Huttenlocher et al. 1993) per structure.

    An element of a surface is a voxel of the structure with a neighbour outside it, over a face (in 2D an edge); what
    lies beyond the grid is outside. Every element counts 1, whatever its area, and distances go from centre to centre
    in mm. So surfaces are told apart to a voxel, and a tolerance below the smallest edge of a voxel asks for equal
    ones. A structure that only one map holds has surface Dice 0 and, as nothing farther is possible, the diagonal of
    the grid as its distance: leaving it out would reward whoever misses what is hard. One in neither map has, where
    ``both_empty`` is ``agree``, surface Dice 1 and distance 0.

    Args:
        predicted, true: [x, y, z] or [row, column], whole numbers, of one grid.
        numbers: what the structures are in both maps.
        spacing_mm: edges of a voxel along the axes of the maps.
        tolerance_mm: of the surface Dice, 0 or more.
        both_empty: what a structure counts that is in neither map.

    Raises:
        MrisynthError: the maps are no label maps of one grid, or the spacing or the tolerance makes no sense.
    """
    check_maps(predicted, true)
    spacing = _checked_spacing(spacing_mm, true.ndim)
    if not (math.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise MrisynthError(f"Found a tolerance of {tolerance_mm} mm for surface Dice; expected 0 or more.")
    absent = value_of_absence(both_empty)
    farthest = float(np.linalg.norm(spacing * np.array(true.shape)))
    scores = np.empty((len(numbers), 2))
    for row, number in enumerate(numbers):
        one, other = predicted == number, true == number
        if not one.any() and not other.any():
            scores[row] = absent, 1.0 - absent
        elif not one.any() or not other.any():
            scores[row] = 0.0, farthest
        else:
            ways = surface_distances_mm(one, other, spacing_mm=spacing)
            near = tolerance_mm + _NEAR_MM
            scores[row, 0] = sum(int((way <= near).sum()) for way in ways) / sum(map(len, ways))
            scores[row, 1] = max(float(np.percentile(way, 95)) for way in ways)
    return SurfaceScores(surface_dice=scores[:, 0], hausdorff_95_mm=scores[:, 1])


def surface_distances_mm(
    one: np.ndarray, other: np.ndarray, *, spacing_mm: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of each surface element of one structure from the nearest of the other, and the other way.

    Args:
        one, other: bool, of one grid, neither empty.
        spacing_mm: edges of a voxel along the axes.
    """
    box = _box(one | other)
    surfaces = [_surface(mask[box]) for mask in (one, other)]
    away = [distance_transform_edt(~surface, sampling=spacing_mm) for surface in surfaces]
    return away[1][surfaces[0]], away[0][surfaces[1]]


def _surface(mask: np.ndarray) -> np.ndarray:
    return mask & ~binary_erosion(mask)


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box around a mask; the nearest element is always in it, as both surfaces are."""
    sides = [np.flatnonzero(mask.any(axis=tuple(set(range(mask.ndim)) - {axis}))) for axis in range(mask.ndim)]
    return tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)


def _checked_spacing(spacing_mm: Sequence[float], axes: int) -> np.ndarray:
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (axes,) or not np.isfinite(spacing).all() or (spacing <= 0).any():
        raise MrisynthError(
            f"Found the voxel edges {spacing.tolist()} mm for label maps of {axes} axes; expected {axes} lengths above "
            "0, those of the affine."
        )
    return spacing
