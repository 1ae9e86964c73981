"""Tissue maps and region volumes of one packed brain: fractions of fluid, grey and white matter in every voxel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrisynth.errors import ScanError

TISSUES = ("csf", "grey", "white")

_BACKGROUND_TOP = 8  # networks draw their background a few units above 0
_PRIOR_FLOOR = 0.02  # no tissue is impossible anywhere: brains are registered affinely
_LEAST_PRIOR = 1e-3
_NOISE = 0.07  # standard deviation of the brightness of a kind of voxel, as a share of white matter
_KINDS = np.array(  # shares of background, fluid, grey and white matter
    [
        *np.eye(4),
        *(0.5 * (np.eye(4)[one] + np.eye(4)[other]) for one, other in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))),
    ]
)
_SMALLEST_OVERLAP = 0.7  # Dice of the brain and the template; real brains reach .9 and more
_SMALLEST_MATCH = 0.3  # correlation with the brightness that the template expects; real brains reach .6 and more
_EM_STEPS = 10
_TOP = 1.3  # brighter than so many times white matter is no tissue (vessels, noise)


@dataclass(frozen=True)
class Contrast:
    """Brightness of pure fluid and pure grey matter in a cohort, as shares of white matter."""

    csf: float = 0.15
    grey: float = 0.75


@dataclass(frozen=True)
class Region:
    """A region: some tissues inside a fixed part of the template.

    Attributes:
        tissues: positions in :data:`TISSUES`.
        share: float32 [v], how much of each voxel of the atlas lies in the part, 0..1.
    """

    tissues: tuple[int, ...]
    share: np.ndarray


@dataclass(frozen=True, kw_only=True)
class TissueAtlas:
    """What is known of a brain before it is seen, on the grid of one size.

    Attributes:
        inside: bool [x, y, z], the v voxels in which tissue may lie: the template brain and a margin.
        brain: bool [x, y, z], the template brain.
        priors: float32 [3, v], probability of each tissue.
        regions: name -> region.
        voxel_mm: edge of a voxel.
    """

    inside: np.ndarray
    brain: np.ndarray
    priors: np.ndarray
    regions: Mapping[str, Region]
    voxel_mm: float


def region_volumes_mm3(volume: np.ndarray, atlas: TissueAtlas, *, contrast: Contrast) -> dict[str, float]:
    """Return the volume of every region of the atlas in one brain, in mm3 of template space.

    Brains are scaled to the template by their registration, so that volumes are relative to the size of the head.

    Args:
        volume: uint8 [x, y, z], RAS+, as the pyramid packs it, on the grid of the atlas.
        atlas: priors and regions on that grid.
        contrast: of the cohort.

    Raises:
        ScanError: as :func:`tissue_fractions`.
    """
    fractions = tissue_fractions(volume, atlas, contrast=contrast)
    voxel_mm3 = atlas.voxel_mm**3
    return {
        name: float(sum(fractions[tissue] @ region.share for tissue in region.tissues) * voxel_mm3)
        for name, region in atlas.regions.items()
    }


def tissue_fractions(volume: np.ndarray, atlas: TissueAtlas, *, contrast: Contrast) -> np.ndarray:
    """Return how much of each voxel is fluid, grey and white matter.

    A voxel is of one of nine kinds: background or one tissue alone, or half of one and half of another that borders on
    it. The brightness of a kind is that of its parts with normal noise; its weight before the voxel is seen is the
    (geometric) mean of the priors of its parts, the background's being the outline of the brain itself. The result is
    the expectation over the kinds. White matter is the median brightness where the priors expect it, and the other
    tissues are shares of it, so that nothing is fitted to the single brain: a few odd voxels cannot turn it. Kinds of
    mixed voxels are those of Santago and Gage 1993 and of Shattuck et al. 2001; without them every mixture of tissue
    and background counts as fluid, and the larger the voxels the worse.

    Returns:
        float64 [3, v] in the order of :data:`TISSUES`, over ``atlas.inside``; with the background they sum to 1.

    Raises:
        ScanError: ``empty``, ``flat`` (one brightness), ``off_template`` (the brain is not where the template's is),
            ``unlike_brain`` (its brightness does not follow the tissues of the template) or ``other_grid``.
    """
    seen = _see(volume, atlas)
    pure = np.array([0.0, contrast.csf, contrast.grey, 1.0]) * seen.white
    _check_match(seen.brightness, pure @ seen.priors)
    found = np.zeros_like(seen.priors)
    for kind, weight in zip(_KINDS, _kind_weights(seen, pure), strict=True):
        found += np.outer(kind, weight)
    fractions = np.zeros((len(TISSUES), len(seen.on)))
    fractions[:, seen.on] = found[1:]
    return fractions


def fit_contrast(volumes: Iterable[np.ndarray], atlas: TissueAtlas) -> Contrast:
    """Return the contrast between grey and white matter in real brains: the median over them.

    In each brain the brightness of pure grey and white matter is fitted to the kinds of voxels of
    :func:`tissue_fractions` by expectation and maximisation, that of fluid being a fixed share of white matter. What is
    no brain is passed over; with none left the usual contrast of T1 is returned.

    Args:
        volumes: uint8 [x, y, z] each, real brains of the cohort.
        atlas: on their grid.
    """
    usual = Contrast()
    ratios = []
    for volume in volumes:
        try:
            ratios.append(_fitted_ratio(_see(volume, atlas), usual))
        except ScanError:
            continue
    return Contrast(csf=usual.csf, grey=float(np.clip(np.median(ratios), 0.6, 0.9))) if ratios else usual


@dataclass(frozen=True)
class _Seen:
    """The voxels of one brain: where in the atlas they are, their brightness, priors [4, n], and white matter."""

    on: np.ndarray
    brightness: np.ndarray
    priors: np.ndarray
    white: float


def _see(volume: np.ndarray, atlas: TissueAtlas) -> _Seen:
    support = brain_support(volume, atlas)
    on = support[atlas.inside]
    brightness = volume[atlas.inside].astype(np.float64)[on]
    if brightness.std() < 1.0:
        raise ScanError("flat", "The volume has one brightness inside the brain; no tissue can be told from another.")
    rim = np.clip(1.5 * (1.0 - ndimage.uniform_filter(support.astype(np.float64), 3)[atlas.inside][on]), 0.0, 1.0)
    tissue = _floored(atlas.priors[:, on])
    white = _weighted_median(brightness, tissue[2] ** 4)
    return _Seen(on, np.minimum(brightness, _TOP * white), np.vstack([rim, tissue * (1.0 - rim)]), white)


def _kind_weights(seen: _Seen, pure: np.ndarray) -> np.ndarray:
    """Return the probability of each kind in each voxel, [kind, n]."""
    logs = np.log(seen.priors + _LEAST_PRIOR)
    scale = _NOISE * seen.white
    weights = np.stack([np.exp(kind @ logs - 0.5 * ((seen.brightness - kind @ pure) / scale) ** 2) for kind in _KINDS])
    return weights / np.maximum(weights.sum(axis=0), 1e-300)


def _fitted_ratio(seen: _Seen, usual: Contrast) -> float:
    grey, white = usual.grey * seen.white, seen.white
    design = np.stack([_KINDS[:, 2], _KINDS[:, 3] + usual.csf * _KINDS[:, 1]])  # brightness = design^T (grey, white)
    for _ in range(_EM_STEPS):
        weights = _kind_weights(seen, np.array([0.0, usual.csf * white, grey, white]))
        moments = (design * weights.sum(axis=1)) @ design.T + 1e-6 * np.eye(2)
        grey, white = np.linalg.solve(moments, design @ (weights @ seen.brightness))
    return float(grey / max(white, 1e-9))


def brain_support(volume: np.ndarray, atlas: TissueAtlas) -> np.ndarray:
    """Return where the brain of a packed volume is, bool [x, y, z], its holes filled.

    Args:
        volume: uint8 [x, y, z], as the pyramid packs it.
        atlas: on its grid.

    Raises:
        ScanError: ``empty``, ``off_template`` (the brain is not where the template's is) or ``other_grid``.
    """
    if volume.shape != atlas.inside.shape:
        raise ScanError("other_grid", f"The volume has shape {volume.shape}, the atlas {atlas.inside.shape}.")
    support = ndimage.binary_fill_holes(volume > _BACKGROUND_TOP)
    voxels = int(support.sum())
    if not voxels:
        raise ScanError("empty", "The volume is empty.")
    overlap = 2.0 * float((support & atlas.brain).sum()) / (voxels + int(atlas.brain.sum()))
    if overlap < _SMALLEST_OVERLAP:
        raise ScanError(
            "off_template",
            f"The brain overlaps the template's by a Dice of {overlap:.2f}, {_SMALLEST_OVERLAP} or more is needed.",
        )
    return support


def _check_match(brightness: np.ndarray, expected: np.ndarray) -> None:
    match = float(np.corrcoef(brightness, expected)[0, 1])
    if not match >= _SMALLEST_MATCH:
        raise ScanError(
            "unlike_brain",
            f"The brightness correlates by {match:.2f} with what the template expects, {_SMALLEST_MATCH} or more "
            "is needed.",
        )


def _floored(priors: np.ndarray) -> np.ndarray:
    floored = priors.astype(np.float64) + _PRIOR_FLOOR
    return floored / floored.sum(axis=0)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])
