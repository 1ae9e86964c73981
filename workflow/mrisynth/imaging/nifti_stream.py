"""NIfTI as a stream: header and voxels of a file that may lie, read once, in blocks, with memory bounded beforehand."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import nibabel as nib
import numpy as np

from mrisynth.errors import ScanError

MAX_OFFSET_BYTES = 16 * 2**20  # header extensions end here at the latest
MAX_VOXEL_BYTES = 2**30
GZIP_BEST = 1100  # gzip packs at most 1032 to 1
PLAIN_BYTES = 128 * 2**20  # up to here any expansion is harmless
MAX_EXPANSION = 200  # above it: heads pack 2 to 6 to 1, brains on a background of 0 about 12 to 1
_BLOCK_BYTES = 2**22
_LONGEST_HEADER = 540
_SIZES = {348: (nib.Nifti1Header, b"n+1"), 540: (nib.Nifti2Header, b"n+2")}


@dataclass(frozen=True, kw_only=True)
class NiftiStream:
    """A NIfTI file of which nothing but the first 540 bytes has been read.

    Attributes:
        path: ``.nii`` or ``.nii.gz``.
        header: as stored, unmended; its free text is never looked at, its extensions are never read.
        shape: lengths of all axes, as the header claims.
        zooms_mm: edges of the voxels in ``pixdim``, as stored, one per axis up to three.
    """

    path: Path
    header: nib.Nifti1Header
    shape: tuple[int, ...]
    zooms_mm: tuple[float, ...]

    @property
    def dtype(self) -> np.dtype:
        """Stored type, with its byte order."""
        return self.header.get_data_dtype()

    def check_length(self, *, most_bytes: int = MAX_VOXEL_BYTES) -> None:
        """Refuse the file when it cannot hold, or should not need, the bytes that its header announces.

        Args:
            most_bytes: of voxels, unpacked; more than the usual only where they are not held in memory together.

        Raises:
            ScanError: ``too_large``, ``expansion`` or ``truncated``; before anything is allocated.
        """
        announced, stored = math.prod(self.shape) * self.dtype.itemsize, self.path.stat().st_size
        if announced > most_bytes:
            raise ScanError(
                "too_large", f"{self.path} announces {announced} bytes of voxels; expected at most {most_bytes}."
            )
        most = (stored - self._offset) if not _packed(self.path) else stored * GZIP_BEST
        if announced > most:
            raise ScanError(
                "truncated",
                f"{self.path} announces {announced} bytes of voxels, more than its {stored} bytes can hold; copy or "
                f"download it again.",
            )
        if announced > max(PLAIN_BYTES, stored * MAX_EXPANSION):
            raise ScanError(
                "expansion",
                f"{self.path} would grow from {stored} to {announced} bytes; expected at most {MAX_EXPANSION} times "
                f"its size, as of any real scan.",
            )

    def read(self) -> np.ndarray:
        """Read the voxels with their scale factors, and the rest of a gzipped file for its checksum.

        Returns:
            float32 in the shape of the header; infinite or NaN only where the file stores that.

        Raises:
            ScanError: ``truncated``, ``damaged`` (checksum), ``overlong`` (a slice or more follows the last voxel) or
                ``scale_factors`` (they make numbers that float32 cannot hold).
        """
        with self._at_voxels() as stream:
            data = self._voxels(stream, math.prod(self.shape))
            self._check_end(stream)
        return data.reshape(self.shape, order="F")

    def read_along_last(self) -> Iterator[np.ndarray]:
        """Read as :meth:`read`, but yield one position of the last axis after the other; memory holds one of them.

        Returns:
            float32 arrays in the shape of the header without its last axis. Errors that lie at the end of the file are
            raised after the last array.
        """
        with self._at_voxels() as stream:
            for _ in range(self.shape[-1]):
                yield self._voxels(stream, math.prod(self.shape[:-1])).reshape(self.shape[:-1], order="F")
            self._check_end(stream)

    @property
    def _offset(self) -> int:
        return int(self.header["vox_offset"])

    @contextmanager
    def _at_voxels(self) -> Iterator[IO[bytes]]:
        self._scale()  # refuses factors that are no numbers before anything is read
        try:
            with _opened(self.path) as stream:
                _skip(stream, self._offset, self.path)
                yield stream
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ScanError(
                "damaged", f"{self.path} does not pass its own checksum; copy or download it again."
            ) from error
        except EOFError as error:
            raise _cut_short(self.path) from error
        except OSError as error:
            raise _unreadable(self.path, error.strerror) from error

    def _scale(self) -> tuple[float, float]:
        slope, intercept = float(self.header["scl_slope"]), float(self.header["scl_inter"])
        if slope == 0 or math.isnan(slope):  # NIfTI: not scaled
            return 1.0, 0.0
        if not (math.isfinite(slope) and math.isfinite(intercept)):
            raise self._bad_scale(slope, intercept)
        return slope, intercept

    def _voxels(self, stream: IO[bytes], count: int) -> np.ndarray:
        slope, intercept = self._scale()
        data = np.empty(count, dtype=np.float32)
        size, done = self.dtype.itemsize, 0
        while done < data.size:
            block = stream.read(min(_BLOCK_BYTES // size, data.size - done) * size)
            if not block or len(block) % size:
                raise _cut_short(self.path)
            values = np.frombuffer(block, dtype=self.dtype)
            piece = data[done : done + values.size]
            with np.errstate(over="ignore", invalid="ignore"):
                piece[:] = values if (slope, intercept) == (1.0, 0.0) else values * np.float64(slope) + intercept
            if np.isinf(piece).any() and not np.isinf(values).any():
                raise self._bad_scale(slope, intercept)
            done += values.size
        return data

    def _check_end(self, stream: IO[bytes]) -> None:
        slice_bytes = math.prod(self.shape[:2]) * self.dtype.itemsize
        if len(stream.read(slice_bytes)) == slice_bytes:
            raise ScanError(
                "overlong",
                f"{self.path} goes on for more than a slice after the last voxel of its header; its dimensions are "
                f"wrong, so convert it again.",
            )

    def _bad_scale(self, slope: float, intercept: float) -> ScanError:
        return ScanError(
            "scale_factors",
            f"{self.path} has the scale factors {slope:g} (slope) and {intercept:g} (intercept), with which its voxels "
            f"leave the range of 32-bit numbers; convert it again.",
        )


def is_nifti(path: Path) -> bool:
    """Tell whether a path is called like a single-file NIfTI: ``.nii`` or ``.nii.gz``."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def open_nifti(path: Path) -> NiftiStream:
    """Read the header of a NIfTI file and nothing else.

    Raises:
        ScanError: ``unreadable`` or ``truncated``.
    """
    try:
        with _opened(path) as stream:
            raw = stream.read(_LONGEST_HEADER)
    except (EOFError, zlib.error) as error:
        raise ScanError("truncated", f"{path} ends before its header does; copy or download it again.") from error
    except OSError as error:
        raise _unreadable(path, "it is no gzip file" if isinstance(error, gzip.BadGzipFile) else error) from error
    kind = next((kind for order in ("little", "big") if (kind := _SIZES.get(int.from_bytes(raw[:4], order)))), None)
    if kind is None:
        raise _unreadable(path, "no NIfTI header" if len(raw) >= 348 else f"{len(raw)} bytes, less than a header")
    header_class, magic = kind
    size = header_class.sizeof_hdr
    if len(raw) < size:
        raise ScanError("truncated", f"{path} ends before its header does; copy or download it again.")
    header = header_class(binaryblock=raw[:size], check=False)
    if not bytes(header["magic"].tobytes()).startswith(magic):
        raise _unreadable(path, "no NIfTI header")
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7:
        raise _unreadable(path, f"its header claims {axes} axes")
    if not size <= float(header["vox_offset"]) <= MAX_OFFSET_BYTES:
        raise _unreadable(path, f"its voxels start at byte {float(header['vox_offset']):g}")
    _check_type(header, path)
    return NiftiStream(
        path=path,
        header=header,
        shape=tuple(int(length) for length in header["dim"][1 : axes + 1]),
        zooms_mm=tuple(float(edge) for edge in header["pixdim"][1 : min(axes, 3) + 1]),
    )


def _check_type(header: nib.Nifti1Header, path: Path) -> None:
    try:
        header.get_data_dtype()
    except (KeyError, nib.spatialimages.HeaderDataError) as error:
        raise _unreadable(path, f"its voxels are of the unknown type {int(header['datatype'])}") from error


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if _packed(path) else path.open("rb")


def _packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _skip(stream: IO[bytes], length: int, path: Path) -> None:
    while length:
        block = stream.read(min(length, _BLOCK_BYTES))
        if not block:
            raise _cut_short(path)
        length -= len(block)


def _cut_short(path: Path) -> ScanError:
    return ScanError("truncated", f"{path} ends before its last voxel; copy or download it again.")


def _unreadable(path: Path, what: object) -> ScanError:
    return ScanError("unreadable", f"{path} cannot be read as NIfTI ({what}); expected .nii or gzipped .nii.gz.")
