"""One 2D image of a file: a JPEG or PNG, or a NIfTI file that holds a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrisynth.errors import ScanError
from mrisynth.imaging.grey_image import read_colour, read_grey, shape_of
from mrisynth.imaging.nifti_stream import NiftiStream, is_nifti, open_nifti
from mrisynth.imaging.volume_checks import check_scalar

LARGEST_EDGE = 2048
"""Pixels along an edge of a NIfTI file."""


def read_picture(path: Path, *, colour: bool) -> np.ndarray:
    """Read one image.

    A NIfTI file holds one image whose first axis is the row, from the top, as arrays of pictures are stored, and whole
    values of 0..255; its affine is not followed.

    Args:
        path: .nii, .nii.gz, or what :func:`mrisynth.imaging.grey_image.read_grey` reads.
        colour: keep red, green and blue, three equal channels of a grey image; else colours become grey.

    Returns:
        uint8 [row, column] or [row, column, channel], row 0 at the top, 0..255.

    Raises:
        ScanError: as ``read_grey``; of NIfTI also ``not_2d``, ``too_large``, or ``not_grey`` for other values.
    """
    if not is_nifti(path):
        return (read_colour if colour else read_grey)(path)
    stream = _opened(path)
    shape = _shape(stream, path)
    check_scalar(stream.dtype, path)
    stream.check_length()
    values = stream.read().reshape(shape)
    if not ((values >= 0) & (values <= 255) & (values == np.rint(values))).all():
        raise ScanError("not_grey", f"{path} holds other values than whole ones of 0 to 255; scale the image first.")
    image = values.astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2) if colour else image


def picture_shape(path: Path) -> tuple[int, int]:
    """Return the rows and columns of an image by its header; raises ScanError where :func:`read_picture` finds none."""
    return _shape(_opened(path), path) if is_nifti(path) else shape_of(path)


def _opened(path: Path) -> NiftiStream:
    if not path.is_file():
        raise ScanError("missing", f"{path} is not there; expected an image.")
    return open_nifti(path)


def _shape(stream: NiftiStream, path: Path) -> tuple[int, int]:
    rows, columns = (*stream.shape, 1)[:2]
    if len(stream.shape) < 2 or any(length != 1 for length in stream.shape[2:]) or not min(rows, columns) >= 1:
        words = " x ".join(map(str, stream.shape))
        raise ScanError("not_2d", f"{path} has shape {words}; expected one image [row, column].")
    if max(rows, columns) > LARGEST_EDGE:
        raise ScanError("too_large", f"{path} has {rows} x {columns} pixels; expected {LARGEST_EDGE} at most.")
    return rows, columns
