"""Stacks: many 2D images in one NIfTI file [W, H, C, N], written and read one image at a time."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import atomic
from mrisynth.imaging.nifti_stream import NiftiStream, open_nifti
from mrisynth.imaging.volume_checks import check_scalar
from mrisynth.store import from_unit

LARGEST_EDGE, MOST_IMAGES, MOST_BYTES = 2048, 2**20, 2**34
CHANNELS = (1, 3)
SCALINGS = ("unit", "slice", "array")
_MOST_OF_NIFTI_1 = 2**15 - 1
_TOLERANCE = 1e-3
_COMPRESSION = 1


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of images of which only the header has been read.

    Attributes:
        stream: the file.
        width, height: pixels of an image.
        channels: 1 (grey) or 3 (colour).
        count: number of images.
        first_row: which row of a picture index 0 of the second axis is, ``bottom`` or ``top``.
    """

    stream: NiftiStream
    width: int
    height: int
    channels: int
    count: int
    first_row: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.stream.path

    def values(self) -> Iterator[np.ndarray]:
        """Yield one image after the other, float32 [row, column] or [row, column, channel], row 0 at the top."""
        for image in self.stream.read_along_last():
            upright = image.reshape(self.width, self.height, self.channels).swapaxes(0, 1)
            upright = upright[::-1] if self.first_row == "bottom" else upright
            yield upright[..., 0] if self.channels == 1 else upright

    def images(self, scaling: str) -> Iterator[np.ndarray | ScanError]:
        """Yield one image after the other as uint8, or why it cannot be used: ``not_finite`` or ``constant``.

        Args:
            scaling: ``unit``: values of -1..1 become 0..255. ``slice``: 0 to the largest value of each image becomes
                0..255. ``array``: 0 to the largest value of all, for which the file is read twice. In the last two
                values below 0 become 0.

        Raises:
            MrisynthError: another scaling, or with ``unit`` values outside -1..1; ScanError as of the stream.
        """
        if scaling not in SCALINGS:
            raise MrisynthError(f"The scaling {scaling!r} is unknown; expected one of: {', '.join(SCALINGS)}.")
        top = max((_top(image) for image in self.values()), default=0.0) if scaling == "array" else None
        for number, image in enumerate(self.values()):
            if not np.isfinite(image).all():
                yield ScanError("not_finite", f"Image {number} of {self.path} holds NaN or infinite values.")
            elif (image == image[0, 0]).all():
                value = " ".join(f"{part:g}" for part in np.atleast_1d(image[0, 0]))
                yield ScanError("constant", f"Image {number} of {self.path} has the value {value} everywhere.")
            elif scaling == "unit":
                yield self._from_unit(image, number)
            else:
                yield _to_uint8(image, _top(image) if top is None else top)

    def _from_unit(self, image: np.ndarray, number: int) -> np.ndarray:
        low, high = float(image.min()), float(image.max())
        if low < -1 - _TOLERANCE or high > 1 + _TOLERANCE:
            raise MrisynthError(
                f"Image {number} of {self.path} holds values from {low:g} to {high:g}; expected -1 to 1. Read raw "
                "intensities with the scaling slice or array."
            )
        return from_unit(image)


def open_stack(path: str | Path, *, first_row: str = "bottom") -> Stack:
    """Check what a stack claims, before any of its images is read.

    Axes are taken as they are stored, [W, H, C, N] or [W, H, N]: column, row, channel, image. The affine is not
    followed, since that of the format is the identity whatever the slices show.

    Args:
        path: ``.nii`` or ``.nii.gz``; nobody need trust who made it.
        first_row: which row of a picture index 0 of H is: ``bottom``, as of slices cut from NIfTI volumes whose axes
            grow to the front or the top, or ``top``, as of photographs.

    Raises:
        ScanError: ``missing``, ``unreadable``, ``not_a_stack``, ``not_scalar``, ``too_large``, ``truncated`` or
            ``expansion``.
    """
    path = Path(path)
    if not path.is_file():
        raise ScanError("missing", f"{path} is not there; expected a stack of images [W, H, C, N].")
    if first_row not in ("bottom", "top"):
        raise MrisynthError(f"first_row is {first_row!r}; expected bottom or top.")
    stream = open_nifti(path)
    shape = stream.shape if len(stream.shape) == 4 else (*stream.shape[:2], 1, *stream.shape[2:])
    words = " x ".join(map(str, stream.shape))
    if len(shape) != 4 or min(shape) < 1 or shape[2] not in CHANNELS:
        raise ScanError("not_a_stack", f"{path} has shape {words}; expected [W, H, C, N] with 1 or 3 channels.")
    if max(shape[:2]) > LARGEST_EDGE or shape[3] > MOST_IMAGES:
        raise ScanError(
            "too_large",
            f"{path} has shape {words}; expected at most {LARGEST_EDGE} pixels a side and {MOST_IMAGES} images.",
        )
    check_scalar(stream.dtype, path)
    stream.check_length(most_bytes=MOST_BYTES)
    width, height, channels, count = shape
    return Stack(stream=stream, width=width, height=height, channels=channels, count=count, first_row=first_row)


def write_stack(images: Iterable[np.ndarray], path: str | Path, *, count: int, size: int, channels: int = 1) -> None:
    """Write images as one NIfTI file [W, H, C, N], float32, identity affine; equal images, equal bytes.

    The first axis goes along the columns from left to right, the second along the rows from the bottom to the top, so
    that a viewer of NIfTI files shows a slice upright. More than 32767 images make it a NIfTI-2 file.

    Args:
        images: [row, column] or [row, column, channel], row 0 at the top, -1..1; used one at a time.
        path: ends in ``.nii.gz``.
        count: number of images.
        size: pixels a side.
        channels: 1 or 3.

    Raises:
        MrisynthError: there are more or fewer images, or one has another shape or values outside -1..1.
    """
    written = 0
    with atomic(path) as unfinished, unfinished.open("wb") as file:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=file, mtime=0) as stream:
            stream.write(_header((size, size, channels, count)))
            for image in images:
                values = np.asarray(image, dtype="<f4").reshape(image.shape[0], image.shape[1], -1)
                if values.shape != (size, size, channels) or not np.abs(values).max() <= 1 + _TOLERANCE:
                    raise MrisynthError(
                        f"{path}: image {written} is {image.shape}, largest {np.abs(values).max():g}; expected "
                        f"{size} x {size} x {channels} pixels in -1..1."
                    )
                stream.write(values[::-1].swapaxes(0, 1).tobytes(order="F"))
                written += 1
        if written != count:
            raise MrisynthError(f"{path}: {written} images came, {count} were announced.")


def _header(shape: tuple[int, ...]) -> bytes:
    kind = nib.Nifti1Header if max(shape) <= _MOST_OF_NIFTI_1 else nib.Nifti2Header
    header = kind(endianness="<")
    header.set_data_dtype("<f4")
    header.set_data_shape(shape)
    header.set_sform(np.eye(4), code="aligned")
    header.set_qform(np.eye(4), code="aligned")
    header["vox_offset"] = header.single_vox_offset
    header["magic"] = header.single_magic
    return header.binaryblock + bytes(header.single_vox_offset - kind.sizeof_hdr)


def _top(image: np.ndarray) -> float:
    """Return the largest finite value, 0 without any."""
    finite = image[np.isfinite(image)]
    return float(finite.max()) if finite.size else 0.0


def _to_uint8(image: np.ndarray, top: float) -> np.ndarray:
    if top <= 0 or not math.isfinite(top):
        return np.zeros(image.shape, dtype=np.uint8)
    return np.rint(np.clip(image / np.float32(top), 0, 1) * 255).astype(np.uint8)
