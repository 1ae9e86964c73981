"""Structural similarity of two slices, in two dimensions and at one scale."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError
from mrisynth.metrics.ssim import ssim_scales

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def slice_ssim(one: np.ndarray, other: np.ndarray, *, signed: bool = False) -> float:
    """Return the mean structural similarity of two slices (Wang et al. 2004, IEEE Trans. Image Process. 13, 600).

    Gaussian windows of 11 pixels with a standard deviation of 1.5 (the largest odd number that fits, in smaller slices)
    that lie inside the slice, moments of the population, K1 0.01 and K2 0.03. In colour the channels are averaged.

    Args:
        one: uint8 [row, column] or [row, column, channel].
        other: the same shape.
        signed: compare values of -1..1 with a range of 2, as PACGAN did, instead of 0..255 with 255. Brightness then
            counts from mid-grey: the numbers of both ways cannot be compared.

    Returns:
        -1 to 1; 1 for equal slices.

    Raises:
        MrisynthError: the slices have different shapes or another type.
    """
    if one.shape != other.shape or one.ndim not in (2, 3) or not one.dtype == other.dtype == np.uint8:
        raise MrisynthError(
            f"Slices {one.dtype} {one.shape} and {other.dtype} {other.shape} cannot be compared; expected two of uint8 "
            "and one shape."
        )
    window = ssim_scales(min(one.shape[:2])).window
    first, second = (image.astype(np.float64) / 127.5 - 1.0 if signed else image / 255.0 for image in (one, other))
    top = 2.0 if signed else 1.0
    steady, spread_steady = (_K1 * top) ** 2, (_K2 * top) ** 2
    moments = np.stack([first, second, first * first + second * second, first * second])
    mean, other_mean, squares, product = _blurred(moments, window)
    means, mean_squares = mean * other_mean, mean * mean + other_mean * other_mean
    structure = (2.0 * (product - means) + spread_steady) / (squares - mean_squares + spread_steady)
    return float((structure * (2.0 * means + steady) / (mean_squares + steady)).mean())


def _blurred(values: np.ndarray, window: int) -> np.ndarray:
    """Return the Gaussian mean of every window that lies inside, of the axes 1 and 2."""
    half = window // 2
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / _SIGMA) ** 2)
    kernel /= kernel.sum()
    for axis in (1, 2):
        values = ndimage.correlate1d(values, kernel, axis=axis, mode="constant")
        values = np.moveaxis(np.moveaxis(values, axis, 0)[half : values.shape[axis] - half], 0, axis)
    return values
