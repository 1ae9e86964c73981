"""Multi-scale structural similarity of two volumes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang et al. 2003)."""

_WINDOW = 11
_SIGMA = 1.5
_TOP = 255.0
_C1, _C2 = (0.01 * _TOP) ** 2, (0.03 * _TOP) ** 2


@dataclass(frozen=True)
class SsimScales:
    """How volumes of one size are compared.

    Attributes:
        count: scales, each half the edge of the one before; the first ``count`` of :data:`WEIGHTS`, scaled to sum 1.
        window: edge of the Gaussian window in voxels, odd; its standard deviation is 1.5 voxels.
    """

    count: int
    window: int

    @property
    def weights(self) -> tuple[float, ...]:
        """Exponents of the scales."""
        used = WEIGHTS[: self.count]
        return tuple(weight / sum(used) for weight in used)


def ssim_scales(size: int) -> SsimScales:
    """Return the published scales as far as they fit volumes of ``size`` voxels a side.

    All five fit from 176 voxels on, four from 88, three from 44, two from 22. The window is the published one of 11
    voxels; volumes smaller than that get the largest odd one that fits.
    """
    window = min(_WINDOW, size - 1 + size % 2)
    count = max(scale for scale in range(1, len(WEIGHTS) + 1) if scale == 1 or size // 2 ** (scale - 1) >= window)
    return SsimScales(count, window)


def ms_ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Return the multi-scale structural similarity of two volumes (Wang, Simoncelli and Bovik 2003, in 3D).

    At each scale the contrast and structure of Gaussian windows that lie inside the volume are averaged, at the
    coarsest with their brightness; a negative mean counts as 0; then they are multiplied with the exponents of
    :func:`ssim_scales`. The next scale is the mean over blocks of 2 x 2 x 2 voxels. Background counts: windows that are
    0 in both volumes are alike.

    Args:
        one: uint8 or float [x, y, z], 0..255, a cube.
        other: the same shape.

    Returns:
        0 to 1; 1 for equal volumes, constant ones among them.

    Raises:
        MrisynthError: the shapes differ or are no cube.
    """
    if one.shape != other.shape or len(set(one.shape)) != 1 or one.ndim != 3:
        raise MrisynthError(f"Volumes of shapes {one.shape} and {other.shape} cannot be compared; expected two cubes.")
    scales = ssim_scales(len(one))
    first, second = one.astype(np.float64), other.astype(np.float64)
    product = 1.0
    for scale, weight in enumerate(scales.weights, start=1):
        similarity, structure = _similarity(first, second, window=scales.window)
        product *= max(similarity if scale == scales.count else structure, 0.0) ** weight
        if scale < scales.count:
            first, second = _halved(first), _halved(second)
    return float(product)


def _similarity(one: np.ndarray, other: np.ndarray, *, window: int) -> tuple[float, float]:
    """Return the mean over windows of the similarity, and of its part without brightness."""
    windows = (len(one) - window + 1) ** 3
    box = _box(one, other, reach=window - 1)
    if box is None:
        return 1.0, 1.0
    one, other = one[box], other[box]
    mean, other_mean = _blurred(one, window), _blurred(other, window)
    product = mean * other_mean
    squares = mean**2 + other_mean**2
    spread = _blurred(one * one + other * other, window) - squares
    structure = (2.0 * (_blurred(one * other, window) - product) + _C2) / (spread + _C2)
    similarity = structure * (2.0 * product + _C1) / (squares + _C1)
    alike = windows - structure.size  # windows beyond the box hold zeros in both volumes
    return tuple((float(values.sum(dtype=np.float64)) + alike) / windows for values in (similarity, structure))


def _box(one: np.ndarray, other: np.ndarray, *, reach: int) -> tuple[slice, ...] | None:
    """Return the box around what is not 0 in either volume, wide enough for every window that touches it."""
    found = ndimage.find_objects(((one != 0) | (other != 0)).astype(np.uint8))
    if not found:
        return None
    return tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in found[0])


def _blurred(values: np.ndarray, window: int) -> np.ndarray:
    """Return the Gaussian mean of every window that lies inside."""
    half = window // 2
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / _SIGMA) ** 2)
    kernel /= kernel.sum()
    for axis in range(3):
        values = ndimage.correlate1d(values, kernel, axis=axis, mode="constant")
        inside = [slice(None)] * 3
        inside[axis] = slice(half, values.shape[axis] - half)
        values = values[tuple(inside)]
    return values


def _halved(values: np.ndarray) -> np.ndarray:
    half = len(values) // 2
    return values[: 2 * half, : 2 * half, : 2 * half].reshape(half, 2, half, 2, half, 2).mean(axis=(1, 3, 5))
