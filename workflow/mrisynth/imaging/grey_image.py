"""Grey images: reading one 2D picture as uint8 and bringing it to a square."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mrisynth.errors import ScanError
from mrisynth.store import overlap_weights

SMALLEST, LARGEST = 16, 8192  # pixels along an edge
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601); equal channels keep their value."""

_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I")


def read_grey(path: Path) -> np.ndarray:
    """Read a JPEG or PNG as grey values.

    16-bit values are divided by 257, so that 65535 becomes 255; colour becomes ``0.299 R + 0.587 G + 0.114 B``; what
    is transparent is laid over black; a palette is looked up first. Nothing is stretched and the turning that a camera
    notes (EXIF) is not followed.

    Returns:
        uint8 [row, column], row 0 at the top, 0..255.

    Raises:
        ScanError: with reason ``missing``, ``empty_file``, ``unreadable`` (no picture), ``truncated``, ``not_grey`` (a
            kind of pixel that no rule above covers), ``wrong_size`` (an edge outside 16..8192) or ``constant``.
    """
    with _open(path) as image:
        if min(image.size) < SMALLEST or max(image.size) > LARGEST:
            raise ScanError("wrong_size", f"{path} has {image.size[0]} x {image.size[1]} pixels; expected 16 to 8192.")
        try:
            image.load()
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise ScanError("truncated", f"{path} is cut short or damaged ({error}); copy it again.") from error
        grey = _grey(image, path)
    if grey.min() == grey.max():
        raise ScanError("constant", f"{path} has the value {grey.min()} everywhere; expected a picture.")
    return grey


def shape_of(path: Path) -> tuple[int, int]:
    """Return the rows and columns of an image by its header; raises ScanError where :func:`read_grey` finds none."""
    with _open(path) as image:
        return image.size[1], image.size[0]


def to_square(grey: np.ndarray, *, size: int) -> np.ndarray:
    """Pad an image with 0 to a square around its centre and average it onto ``size`` x ``size`` pixels.

    Each new pixel is the mean of the old ones under it, shared pixels by their share (the box rule of
    :func:`mrisynth.store.overlap_weights`); the aspect is kept.

    Args:
        grey: uint8 [row, column].
        size: pixels a side.

    Returns:
        uint8 [row, column].
    """
    edge = max(grey.shape)
    before = [(edge - length) // 2 for length in grey.shape]
    padded = np.pad(grey, [(b, edge - length - b) for b, length in zip(before, grey.shape, strict=True)])
    if edge == size:
        return padded
    weights = overlap_weights(edge, size)
    return np.rint(weights @ padded.astype(np.float32) @ weights.T).clip(0, 255).astype(np.uint8)


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
    if image.mode not in ("1", "P", "PA", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "CMYK"):
        raise ScanError("not_grey", f"{path} has pixels of kind {image.mode}; expected grey or colour of 8 or 16 bits.")
    colour = np.asarray(image.convert("RGBA"), dtype=np.float64)
    return np.rint(colour[..., :3] @ np.array(LUMA) * colour[..., 3] / 255.0).clip(0, 255).astype(np.uint8)
