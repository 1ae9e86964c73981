"""The atlas that brains are measured with: tissue priors and coarse regions on the grid of one size. No download."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from mrisynth.cohorts.simulated_template import brainstem, cerebellum, load_anatomy, nuclei, world_points
from mrisynth.imaging.grid import FIELD_MM, grid_affine
from mrisynth.imaging.tissue import Region, TissueAtlas

TOTALS = ("total_csf", "total_grey", "total_white")
"""Whole tissues; the other regions are their parts, and no two of these overlap."""

_FINEST_MM = 2.0  # voxels are divided until they are no larger, so that regions have smooth borders at every size
_PRIOR_BLUR_MM = 4.0  # standard deviation of what the affine registration leaves
_MARGIN_MM = 12.0
_VENTRICLE_REACH_MM = 8.0
_CENTRAL_MM = -20.0  # y of the plane between front and back, near the central sulcus
_CSF, _GREY, _WHITE = 0, 1, 2


def load_atlas(size: int, *, field_mm: float = FIELD_MM) -> TissueAtlas:
    """Return the atlas of the ICBM 2009a symmetric template on the cube of ``size`` voxels.

    Priors are the template's grey and white maps and its mask without them, blurred by 4 mm. Regions are fixed parts
    of the template, by planes, ellipsoids and distances (:mod:`mrisynth.cohorts.simulated_template`): fluid within
    8 mm of the lateral and third ventricles; grey matter of the front and the back of each hemisphere (divided at
    y = -20 mm), of the deep nuclei and around those ventricles; white matter of each hemisphere; cerebellum and
    brainstem, grey and white together; all other fluid; and the three whole tissues.

    Args:
        size: voxels a side.
        field_mm: edge of the cube.
    """
    anatomy = load_anatomy(2)
    parts = int(np.ceil(field_mm / size / _FINEST_MM))
    fine = size * parts
    voxel_mm = field_mm / fine
    points = world_points((fine,) * 3, voxel_mm, grid_affine(fine, field_mm=field_mm)[:3, 3].astype(np.float32))
    envelope = anatomy.envelope.at(points)
    brain = envelope < 0
    inside = _averaged(envelope < _MARGIN_MM, parts) > 0
    white = anatomy.white.at(points) * brain
    grey = np.clip(anatomy.tissue.at(points) * brain - white, 0.0, 1.0)
    priors = [
        _averaged(ndimage.gaussian_filter(values, _PRIOR_BLUR_MM / voxel_mm), parts)[inside]
        for values in (brain - white - grey, grey, white)
    ]
    near = anatomy.ventricles.at(points) < _VENTRICLE_REACH_MM
    return TissueAtlas(
        inside=inside,
        brain=_averaged(brain, parts) >= 0.5,
        priors=np.stack(priors).astype(np.float32),
        regions={
            name: Region(tissues, _averaged(mask, parts)[inside]) for name, tissues, mask in _masks(points, near=near)
        },
        voxel_mm=field_mm / size,
    )


def _masks(points: np.ndarray, *, near: np.ndarray) -> Iterator[tuple[str, tuple[int, ...], np.ndarray]]:
    """Yield each region's name, its tissues and its part of the template, bool [x, y, z]."""
    x, y, _ = points
    everywhere = np.ones(x.shape, dtype=bool)
    for tissue, name in enumerate(TOTALS):
        yield name, (tissue,), everywhere
    hind, stem = cerebellum(points), brainstem(points)
    stem &= ~hind
    cerebrum = ~(hind | stem)
    near = near & cerebrum
    yield "ventricles", (_CSF,), near
    yield "outer_csf", (_CSF,), ~near
    deep = (nuclei(points) | near) & cerebrum
    cortex = cerebrum & ~deep
    for side, half in (("left", x < 0), ("right", x >= 0)):
        yield f"front_grey_{side}", (_GREY,), cortex & half & (y >= _CENTRAL_MM)
        yield f"back_grey_{side}", (_GREY,), cortex & half & (y < _CENTRAL_MM)
        yield f"white_{side}", (_WHITE,), cerebrum & half
    yield "deep_grey", (_GREY,), deep
    yield "cerebellum", (_GREY, _WHITE), hind
    yield "brainstem", (_GREY, _WHITE), stem


def _averaged(values: np.ndarray, parts: int) -> np.ndarray:
    """Return the mean of each block of ``parts`` voxels a side, float32."""
    size = len(values) // parts
    return values.reshape(size, parts, size, parts, size, parts).mean(axis=(1, 3, 5), dtype=np.float32)
