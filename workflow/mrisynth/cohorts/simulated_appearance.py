"""How a labelled head looks on a T1-weighted scan of a given site: intensities, bias field, blur and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrisynth.cohorts.simulated_anatomy import LABELS
from mrisynth.cohorts.simulated_fields import Grid, smooth_field
from mrisynth.cohorts.simulated_surroundings import load_surroundings

Draw = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class SiteProfile:
    """The scanner of a site.

    Args:
        contrast: mean of the participants' ``site_contrast``: how far grey matter lies below white, 1 = reference.
        bias: strength of the smooth multiplicative field (standard deviation of its logarithm).
        noise: standard deviation of the noise in each channel, white matter = 1.
        scale: stored intensity of white matter.
    """

    contrast: float
    bias: float
    noise: float
    scale: float


SITES = {
    "north": SiteProfile(contrast=1.08, bias=0.07, noise=0.018, scale=620.0),
    "south": SiteProfile(contrast=0.84, bias=0.13, noise=0.030, scale=410.0),
}
GREY_BELOW_WHITE = {  # at contrast 1, white matter = 1
    "grey_matter": 0.34,
    "hippocampus_left": 0.33,
    "hippocampus_right": 0.33,
    "deep_grey_matter": 0.20,
    "cerebellar_grey_matter": 0.28,
}
FLUID = 0.20


def scan_head(
    draw: Draw, grid: Grid, points_mm: np.ndarray, labels: np.ndarray, *, site: SiteProfile, contrast: float
) -> np.ndarray:
    """Return the scan of a labelled head: int16 [x, y, z], white matter near ``site.scale``, air near 0.

    Args:
        draw: returns the generator of a named part of this head, the same at each call.
        grid: the voxels.
        points_mm: template mm [3, x, y, z] of the voxels, to place skull, scalp, face and neck.
        labels: uint8 [x, y, z], 0 outside the brain (``simulated_anatomy.LABELS``).
        site: the scanner.
        contrast: the participant's ``site_contrast``.
    """
    signal = _surroundings(draw, grid, points_mm)
    brain = labels > 0
    signal[brain] = _tissue_signal(contrast)[labels[brain]]
    signal *= 1.0 + np.float32(0.025) * smooth_field(draw("texture"), grid, spacing_mm=12.0)
    signal = ndimage.gaussian_filter(signal, max(0.45, 0.7 / grid.voxel_mm))
    bias = smooth_field(draw("bias"), grid, spacing_mm=110.0)
    bias = (bias - bias[brain].mean()) / bias[brain].std()
    signal *= np.exp(np.float32(site.bias) * np.clip(bias, -3.0, 3.0))
    noise = draw("noise").standard_normal((2, *grid.shape), dtype=np.float32) * np.float32(site.noise)
    magnitude = np.hypot(signal + noise[0], noise[1])  # Rician, as in a magnitude image
    return np.clip(np.rint(magnitude * site.scale), 0, 32767).astype(np.int16)


def _tissue_signal(contrast: float) -> np.ndarray:
    """Return the intensity of every label, white matter = 1."""
    signal = np.zeros(max(LABELS.values()) + 1, dtype=np.float32)
    signal[LABELS["white_matter"]] = 1.0
    signal[[LABELS["cerebrospinal_fluid"], LABELS["ventricles"]]] = FLUID
    for name, below in GREY_BELOW_WHITE.items():
        signal[LABELS[name]] = 1.0 - contrast * below
    return signal


def _surroundings(draw: Draw, grid: Grid, points_mm: np.ndarray) -> np.ndarray:
    """Return air, skin, fat, muscle, skull with marrow and the fluid under it, as if the brain were fluid."""
    maps = load_surroundings()
    skull, depth, signal = maps.skull.at(points_mm), -maps.head.at(points_mm), maps.soft.at(points_mm)
    uneven = smooth_field(draw("scalp"), grid, spacing_mm=5.0)
    broad = smooth_field(draw("skull"), grid, spacing_mm=40.0)
    depth = depth + 0.6 * broad
    signal *= np.clip(1.0 + np.float32(0.3) * uneven, 0.2, 1.9)
    fat = (depth < 5.0 + 1.2 * broad) & (skull > 0.0)
    signal[fat] = np.clip(1.15 + 0.16 * uneven[fat], 0.5, 1.7)
    signal[depth < 1.6] = 0.55
    gap, thickness = 0.8, 6.4 + 0.9 * broad
    outward = (skull - gap) / thickness
    signal[(outward > 0.0) & (outward < 1.0) & (depth > 2.5)] = 0.10
    marrow = (np.abs(outward - 0.5) < 0.2) & (uneven > -0.6) & (depth > 2.5)
    signal[marrow] = 0.42 + 0.08 * uneven[marrow]
    signal[outward <= 0.0] = FLUID
    signal[depth < 0.0] = 0.0
    return signal
