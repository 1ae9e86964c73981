"""Reading, checking and writing one volume."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import ScanError
from mrisynth.files import atomic
from mrisynth.imaging.nifti_stream import MAX_VOXEL_BYTES, is_nifti, open_nifti
from mrisynth.imaging.resampling import resample_brain, resample_to_voxel
from mrisynth.imaging.volume_checks import (
    check_affine,
    check_scalar,
    check_size_in_mm,
    check_values,
    checked_shape,
    stored_affine,
)

__all__ = ["MAX_VOXELS", "read_volume", "resample_brain", "resample_to_voxel", "write_volume"]

MAX_VOXELS = 512**3
UINT16_STEPS = 65535.0

_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, KeyError)
_UNREADABLE += (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError)


def read_volume(path: str | Path, *, max_voxels: int = MAX_VOXELS) -> nib.Nifti1Image:
    """Read a scan, check it and turn it to the closest canonical axes.

    What a NIfTI file claims is checked against limits and against its size before its voxels are read, and they are
    read once, in blocks: reading needs at most 2 GiB of memory whatever the file says or unpacks to.

    Args:
        path: NIfTI (or any format nibabel reads) of one 3D volume; a fourth axis of length one is dropped.
        max_voxels: larger volumes are refused before their data is read.

    Returns:
        float32 [x, y, z], RAS+ axes, stored scale factors applied, no header fields kept.

    Raises:
        ScanError: with reason ``missing``, ``empty_file``, ``unreadable``, ``truncated``, ``damaged``, ``overlong``,
            ``expansion``, ``not_3d``, ``too_large``, ``too_few_slices``, ``voxel_size``, ``extent``,
            ``orientation_unknown``, ``orientation_conflict``, ``not_scalar``, ``scale_factors``, ``not_finite``,
            ``constant`` or ``few_values``, and one sentence that names the file and repeats no text of its header.
    """
    path = Path(path)
    if not path.is_file():
        raise ScanError("missing", f"{path} is not there; expected a T1-weighted scan.")
    if path.stat().st_size == 0:
        raise ScanError("empty_file", f"{path} holds 0 bytes; copy or download it again.")
    shape, affine, read = (_nifti if is_nifti(path) else _other)(path, max_voxels)
    check_size_in_mm(affine, shape, path)
    data = read().reshape(shape)
    check_values(data, path)
    return nib.as_closest_canonical(nib.Nifti1Image(data, affine))


def write_volume(image: nib.Nifti1Image, path: str | Path, *, dtype: str = "float32", unit_range: bool = False) -> None:
    """Write a volume with a fresh header: shape, type, affine, millimetres and nothing else; equal input, equal bytes.

    Args:
        image: [x, y, z]; its own header is not copied, so that no name or date can travel along.
        path: ends in ``.nii.gz`` or ``.nii``.
        dtype: stored type; values are rounded for integer types.
        unit_range: store values of 0..1 as unsigned 16-bit with the scale 1/65535 instead; 0 stays exactly 0.
    """
    data = np.asanyarray(image.dataobj)
    if unit_range:
        data, dtype = np.clip(data, 0.0, 1.0) * UINT16_STEPS, "uint16"
    stored = np.rint(data).astype(dtype) if np.issubdtype(np.dtype(dtype), np.integer) else data.astype(dtype)
    fresh = nib.Nifti1Image(stored, image.affine)
    fresh.set_sform(image.affine, code="aligned")
    fresh.set_qform(image.affine, code="aligned")
    fresh.header.set_xyzt_units("mm")
    if unit_range:
        fresh.header.set_slope_inter(1.0 / UINT16_STEPS, 0.0)
    with atomic(path) as unfinished:
        nib.save(fresh, unfinished)


_Opened = tuple[tuple[int, int, int], np.ndarray, Callable[[], np.ndarray]]


def _nifti(path: Path, max_voxels: int) -> _Opened:
    stream = open_nifti(path)
    shape = checked_shape(stream.shape, path, max_voxels=max_voxels)
    check_scalar(stream.dtype, path)
    affine = stored_affine(stream.header, stream.zooms_mm, path)
    stream.check_length()
    return shape, affine, stream.read


def _other(path: Path, max_voxels: int) -> _Opened:
    try:
        image = nib.load(path)
        dtype = image.get_data_dtype()
    except _UNREADABLE as error:
        raise ScanError("unreadable", f"{path} cannot be read as an image ({type(error).__name__}).") from error
    shape = checked_shape(tuple(int(length) for length in image.shape), path, max_voxels=max_voxels)
    check_scalar(dtype, path)
    check_affine(image.affine, path)
    if np.prod(shape) * dtype.itemsize > MAX_VOXEL_BYTES:
        raise ScanError("too_large", f"{path} needs more than {MAX_VOXEL_BYTES} bytes; expected fewer.")

    def read() -> np.ndarray:
        try:
            return image.get_fdata(dtype=np.float32, caching="unchanged")
        except _UNREADABLE as error:
            raise ScanError(
                "truncated", f"{path} is cut short or damaged ({type(error).__name__}); copy or download it again."
            ) from error

    return shape, image.affine, read
