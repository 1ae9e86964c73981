"""Pictures: reading one 2D image as uint8, grey or in colour, and bringing it to a square."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mrisynth.errors import ScanError
from mrisynth.store import overlap_weights

SMALLEST, LARGEST = 16, 8192  # pixels along an edge
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601); equal channels keep their value."""

_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I")


def read_grey(path: Path, *, flat: bool = False) -> np.ndarray:
    """Read a JPEG or PNG as grey values.

    16-bit values are divided by 257, so that 65535 becomes 255; colour becomes ``0.299 R + 0.587 G + 0.114 B``; what
    is transparent is laid over black; a palette is looked up first. Nothing is stretched and the turning that a camera
    notes (EXIF) is not followed.

    Args:
        path: the file.
        flat: let all pixels be equal, as those of a mask of nothing are.

    Returns:
        uint8 [row, column], row 0 at the top, 0..255.

    Raises:
        ScanError: with reason ``missing``, ``empty_file``, ``unreadable`` (no picture), ``truncated``, ``not_grey`` (a
            kind of pixel that no rule above covers), ``wrong_size`` (an edge outside 16..8192) or ``constant``.
    """
    return _read(path, _grey, flat=flat)


def read_colour(path: Path) -> np.ndarray:
    """Read a JPEG or PNG as red, green and blue, by the rules of :func:`read_grey`; grey becomes three equal channels.

    Returns:
        uint8 [row, column, channel], row 0 at the top, 0..255. Errors are those of :func:`read_grey`.
    """
    return _read(path, _colour)


def shape_of(path: Path) -> tuple[int, int]:
    """Return the rows and columns of an image by its header; raises ScanError where :func:`read_grey` finds none."""
    with _open(path) as image:
        return image.size[1], image.size[0]


def to_square(image: np.ndarray, *, size: int) -> np.ndarray:
    """Pad an image with 0 to a square around its centre and average it onto ``size`` x ``size`` pixels.

    Each new pixel is the mean of the old ones under it, shared pixels by their share (the box rule of
    :func:`mrisynth.store.overlap_weights`); the aspect is kept.

    Args:
        image: uint8 [row, column] or [row, column, channel].
        size: pixels a side.

    Returns:
        uint8 of the same number of axes.
    """
    rows, columns = image.shape[:2]
    edge = max(rows, columns)
    before = [(edge - length) // 2 for length in (rows, columns)]
    margins = [(b, edge - length - b) for b, length in zip(before, (rows, columns), strict=True)]
    padded = np.pad(image, margins + [(0, 0)] * (image.ndim - 2))
    if edge == size:
        return padded
    weights = overlap_weights(edge, size)
    means = np.einsum("ri,ij...,cj->rc...", weights, padded.astype(np.float32), weights, optimize=True)
    return np.rint(means).clip(0, 255).astype(np.uint8)


def _read(path: Path, convert: Callable[[Image.Image, Path], np.ndarray], *, flat: bool = False) -> np.ndarray:
    with _open(path) as image:
        if min(image.size) < SMALLEST or max(image.size) > LARGEST:
            raise ScanError("wrong_size", f"{path} has {image.size[0]} x {image.size[1]} pixels; expected 16 to 8192.")
        try:
            image.load()
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise ScanError("truncated", f"{path} is cut short or damaged ({error}); copy it again.") from error
        values = convert(image, path)
    if not flat and (values == values[0, 0]).all():
        raise ScanError("constant", f"{path} has the value {values[0, 0]} everywhere; expected a picture.")
    return values


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise ScanError("missing", f"{path} is not there; expected a JPEG or PNG image.")
    if path.stat().st_size == 0:
        raise ScanError("empty_file", f"{path} holds 0 bytes; copy it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # size is judged below
            return Image.open(path)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise ScanError("unreadable", f"{path} is no image ({type(error).__name__}); expected JPEG or PNG.") from error


def _grey(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode == "L":
        return np.asarray(image)
    if image.mode in _SIXTEEN_BITS:
        values = np.asarray(image).astype(np.float64)
        if values.min() < 0 or values.max() > 65535:
            raise ScanError(
                "not_grey", f"{path} holds values from {values.min():g} to {values.max():g}; expected 16 bits."
            )
        return np.rint(values / 257.0).astype(np.uint8)
    return np.rint(_rgb(image, path) @ np.array(LUMA)).clip(0, 255).astype(np.uint8)


def _colour(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode == "L" or image.mode in _SIXTEEN_BITS:
        return np.repeat(_grey(image, path)[..., None], 3, axis=2)
    return np.rint(_rgb(image, path)).clip(0, 255).astype(np.uint8)


def _rgb(image: Image.Image, path: Path) -> np.ndarray:
    """Return float64 [row, column, 3], 0..255, laid over black."""
    if image.mode not in ("1", "P", "PA", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "CMYK"):
        raise ScanError("not_grey", f"{path} has pixels of kind {image.mode}; expected grey or colour of 8 or 16 bits.")
    colour = np.asarray(image.convert("RGBA"), dtype=np.float64)
    return colour[..., :3] * colour[..., 3:] / 255.0
