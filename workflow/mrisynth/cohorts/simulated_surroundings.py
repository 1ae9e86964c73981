"""What surrounds the simulated brain: maps of skull, scalp, face and neck in template space, made once per process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from mrisynth.cohorts.simulated_template import (
    TemplateMap,
    ellipsoid,
    load_anatomy,
    signed_distance,
    world_points,
)

_LOWER_MM = np.array([-108.0, -153.0, -153.0], dtype=np.float32)
_SHAPE = (73, 97, 92)
_VOXEL_MM = 3.0
SCALP_MM = 14.0  # from the brain's closed surface to the skin, in template mm

_DARK = (  # air of the nose, throat and sinuses: centre and radii in template mm, mirrored
    ((7.0, 66.0, -52.0), (6.0, 26.0, 16.0)),
    ((28.0, 60.0, -60.0), (12.0, 14.0, 15.0)),
    ((0.0, 8.0, -95.0), (11.0, 8.0, 48.0)),
    ((8.0, 78.0, -14.0), (9.0, 4.0, 9.0)),
    ((0.0, 30.0, -38.0), (10.0, 11.0, 9.0)),
    ((50.0, -32.0, -50.0), (9.0, 10.0, 14.0)),
)
_MUSCLE, _FAT, _AIR, _EYE, _CORD, _FLUID, _BONE = 0.50, 1.05, 0.04, 0.20, 0.92, 0.22, 0.14


@dataclass(frozen=True)
class Surroundings:
    """Maps around the brain in template space.

    ``skull`` is the signed distance in mm to the inside of the skull, ``head`` to the skin (both negative inside);
    ``soft`` is the intensity, white matter = 1, of what is neither skull, scalp nor brain.
    """

    skull: TemplateMap
    head: TemplateMap
    soft: TemplateMap


@lru_cache(maxsize=1)
def load_surroundings() -> Surroundings:
    """Make the maps of skull, skin and soft tissue on a 3 mm grid."""
    points = world_points(_SHAPE, _VOXEL_MM, _LOWER_MM)
    brain = load_anatomy(2).envelope.at(points) < 0.0
    away = signed_distance(brain, _VOXEL_MM)
    skull = _closed(away, 12.0)
    calvaria = _closed(away, 27.0) - SCALP_MM
    face = (ellipsoid(points, (0.0, 46.0, -62.0), (70.0, 56.0, 74.0)) - 1.0) * 60.0
    nose = (ellipsoid(points, (0.0, 98.0, -56.0), (13.0, 17.0, 19.0)) - 1.0) * 15.0
    column = np.hypot(points[0] / 60.0, (points[1] + 36.0) / 62.0)
    neck = np.maximum((column - 1.0) * 60.0, points[2] + 45.0)
    head = _blend(_blend(_blend(calvaria, face, 16.0), neck, 16.0), nose, 8.0)

    def as_map(values: np.ndarray) -> TemplateMap:
        return TemplateMap(np.ascontiguousarray(values, dtype=np.float32), _VOXEL_MM, _LOWER_MM)

    return Surroundings(skull=as_map(skull), head=as_map(head), soft=as_map(_soft_tissue(points)))


def _closed(away: np.ndarray, radius_mm: float) -> np.ndarray:
    """Return the smoothed signed distance to the closing of a brain, given the distance to that brain."""
    grown = signed_distance(away < radius_mm, _VOXEL_MM) + radius_mm
    return ndimage.gaussian_filter(np.minimum(grown, away), 1.2)


def _blend(one: np.ndarray, other: np.ndarray, width_mm: float) -> np.ndarray:
    """Return the distance to the union of two bodies with a rounded seam (polynomial smooth minimum)."""
    share = np.clip(0.5 + 0.5 * (other - one) / width_mm, 0.0, 1.0)
    return other + share * (one - other) - width_mm * share * (1.0 - share)


def _soft_tissue(points: np.ndarray) -> np.ndarray:
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    soft = np.full(points.shape[1:], _MUSCLE, dtype=np.float32)
    soft[ellipsoid(mirrored, (31.0, 66.0, -36.0), (21.0, 24.0, 19.0)) < 1.0] = _FAT
    soft[ellipsoid(mirrored, (32.0, 74.0, -36.0), (12.0, 12.0, 12.0)) < 1.0] = _EYE
    for centre, radii in _DARK:
        soft[ellipsoid(mirrored, centre, radii) < 1.0] = _AIR
    along = np.clip((-66.0 - points[2]) / 84.0, 0.0, 1.0)
    radius = np.hypot(points[0], points[1] + 44.0 + 8.0 * along)
    canal = points[2] < -62.0
    for edge_mm, value in ((14.0, _BONE), (9.5, _FLUID), (6.5, _CORD)):
        soft[canal & (radius < edge_mm)] = value
    return soft
