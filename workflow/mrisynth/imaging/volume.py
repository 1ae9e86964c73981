"""Reading, checking, resampling and writing one volume."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import ScanError
from mrisynth.files import atomic

MAX_VOXELS = 512**3
VOXEL_RANGE_MM = (0.3, 5.0)
EXTENT_RANGE_MM = (80.0, 600.0)  # a head fits; a slab, a phantom or a wrong unit does not
FEWEST_SLICES = 16
FEWEST_VALUES = 16  # a mask or a label map given in place of a scan has fewer
UINT16_STEPS = 65535.0

_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, nib.filebasedimages.ImageFileError)


def read_volume(path: str | Path, *, max_voxels: int = MAX_VOXELS) -> nib.Nifti1Image:
    """Read a scan, check it and turn it to the closest canonical axes.

    Args:
        path: NIfTI (or any format nibabel reads) of one 3D volume; a fourth axis of length one is dropped.
        max_voxels: larger volumes are refused before their data is read.

    Returns:
        float32 [x, y, z], RAS+ axes, stored scale factors applied, no header fields kept.

    Raises:
        ScanError: with reason ``missing``, ``empty_file``, ``unreadable``, ``truncated``, ``not_3d``, ``too_large``,
            ``too_few_slices``, ``voxel_size``, ``extent``, ``orientation_unknown``, ``not_scalar``, ``not_finite``,
            ``constant`` or ``few_values``, and one sentence that names the file.
    """
    path = Path(path)
    image = _open(path)
    shape = _checked_shape(image, path, max_voxels)
    _check_geometry(image, shape, path)
    data = _read_data(image, path).reshape(shape)
    _check_values(data, path)
    return nib.as_closest_canonical(nib.Nifti1Image(data, image.affine))


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


def resample_to_voxel(image: nib.Nifti1Image, *, voxel_mm: float) -> nib.Nifti1Image:
    """Resample to an isotropic grid along the volume's own axes, keeping its field of view and centre.

    Each axis is filtered once by a cubic kernel, as wide as the larger of the old and the new voxel asks for, and the
    result is clipped to the range of the input. A volume that has this voxel size already (to 0.1 %) is returned as
    it is.

    Args:
        image: [x, y, z] with any voxel sizes.
        voxel_mm: edge of the new voxels.

    Returns:
        float32 [x, y, z].
    """
    old_mm = np.asarray(nib.affines.voxel_sizes(image.affine))
    if np.allclose(old_mm, voxel_mm, rtol=1e-3):
        return image
    data = np.asarray(image.dataobj, dtype=np.float32)
    low, high = float(data.min()), float(data.max())
    step = voxel_mm / old_mm
    shape = np.maximum(np.rint(np.asarray(data.shape) / step), 1).astype(int)
    start = (np.asarray(data.shape) - 1) / 2 - step * (shape - 1) / 2
    for axis in range(3):
        weights = _cubic_weights(image.shape[axis], int(shape[axis]), step=float(step[axis]), start=float(start[axis]))
        data = np.tensordot(data, weights, axes=([0], [1]))  # the axis done goes last: after three, the order is back
    affine = image.affine @ nib.affines.from_matvec(np.diag(step), start)
    return nib.Nifti1Image(np.clip(data, low, high), affine)


def resample_brain(
    brain: nib.Nifti1Image, mask: np.ndarray, *, voxel_mm: float
) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    """Resample a brain that stands on a background of 0, so that no halo grows around it.

    Args:
        brain: [x, y, z], values at or above 0.
        mask: bool [x, y, z], true inside the brain.
        voxel_mm: edge of the new voxels.

    Returns:
        The brain, float32 [x, y, z], above 0 inside the new mask and exactly 0 outside; and that mask, uint8.
    """
    values = nib.Nifti1Image(np.asarray(brain.dataobj, dtype=np.float32) * mask, brain.affine)
    share = nib.Nifti1Image(mask.astype(np.float32), brain.affine)
    values, share = (resample_to_voxel(each, voxel_mm=voxel_mm) for each in (values, share))
    inside = np.asarray(share.dataobj) > 0.5
    data = np.asarray(values.dataobj)
    data = np.where(inside, np.maximum(data, 1e-6 * data.max()), 0).astype(np.float32)
    return nib.Nifti1Image(data, values.affine), nib.Nifti1Image(inside.astype(np.uint8), values.affine)


def _cubic_weights(source_length: int, length: int, *, step: float, start: float) -> np.ndarray:
    """Return the weights [length, source_length] of cubic convolution (Keys 1981, a = -1/2) along one axis.

    The kernel is widened by ``step`` when the new voxels are larger, so that nothing aliases; rows sum to 1, and the
    edge voxel continues beyond the field.
    """
    width = max(step, 1.0)
    centre = start + step * np.arange(length)
    reach = int(np.ceil(2 * width))
    taps = np.floor(centre)[:, None].astype(int) + np.arange(-reach, reach + 1)[None, :]
    distance = np.abs(taps - centre[:, None]) / width
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    kernel = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    weights = np.zeros((length, source_length))
    rows = np.broadcast_to(np.arange(length)[:, None], taps.shape)
    np.add.at(weights, (rows, np.clip(taps, 0, source_length - 1)), kernel)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _open(path: Path) -> nib.spatialimages.SpatialImage:
    if not path.is_file():
        raise ScanError("missing", f"{path} is not there; expected a T1-weighted scan.")
    if path.stat().st_size == 0:
        raise ScanError("empty_file", f"{path} holds 0 bytes; copy or download it again.")
    try:
        return nib.load(path)
    except EOFError as error:
        raise ScanError("truncated", f"{path} ends before its header does; copy or download it again.") from error
    except _UNREADABLE as error:
        raise ScanError(
            "unreadable", f"{path} cannot be read as NIfTI ({_first_line(error)}); expected .nii or gzipped .nii.gz."
        ) from error


def _checked_shape(image: nib.spatialimages.SpatialImage, path: Path, max_voxels: int) -> tuple[int, ...]:
    shape = tuple(int(length) for length in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise ScanError(
            "not_3d", f"{path} has shape {_times(image.shape)}; expected one 3D volume, so pick or average its volumes."
        )
    if np.prod(shape, dtype=np.int64) > max_voxels:
        raise ScanError("too_large", f"{path} has {_times(shape)} voxels; expected at most {max_voxels} in all.")
    if min(shape) < FEWEST_SLICES:
        raise ScanError(
            "too_few_slices", f"{path} has {_times(shape)} voxels; expected at least {FEWEST_SLICES} along each axis."
        )
    return shape


def _check_geometry(image: nib.spatialimages.SpatialImage, shape: tuple[int, ...], path: Path) -> None:
    affine = image.affine
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ScanError("orientation_unknown", f"{path} has no usable orientation matrix; set its sform or qform.")
    header = image.header
    if isinstance(header, nib.Nifti1Header) and int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise ScanError(
            "orientation_unknown",
            f"{path} does not say which way is left (sform and qform codes are 0); convert it again from its DICOM.",
        )
    voxel_mm = nib.affines.voxel_sizes(affine).round(3)
    smallest, largest = VOXEL_RANGE_MM
    if voxel_mm.min() < smallest or voxel_mm.max() > largest:
        raise ScanError(
            "voxel_size",
            f"{path} has voxels of {_times(voxel_mm)} mm; expected {smallest:g} to {largest:g} mm along each axis.",
        )
    extent_mm = voxel_mm * np.asarray(shape)
    smallest, largest = EXTENT_RANGE_MM
    if extent_mm.min() < smallest or extent_mm.max() > largest:
        raise ScanError(
            "extent", f"{path} covers {_times(extent_mm)} mm; expected a whole head, {smallest:g} to {largest:g} mm."
        )


def _read_data(image: nib.spatialimages.SpatialImage, path: Path) -> np.ndarray:
    dtype = image.get_data_dtype()
    if dtype.fields is not None or dtype.kind not in "iuf":
        raise ScanError("not_scalar", f"{path} stores {dtype}; expected one real number per voxel.")
    try:
        data = image.get_fdata(dtype=np.float32, caching="unchanged")
        if path.suffix == ".gz":
            _check_gzip_sum(path)
    except _UNREADABLE as error:
        raise ScanError(
            "truncated", f"{path} is cut short or damaged ({_first_line(error)}); copy or download it again."
        ) from error
    return data


def _check_gzip_sum(path: Path) -> None:
    with gzip.open(path, "rb") as stream:
        while stream.read(1 << 22):
            pass


def _check_values(data: np.ndarray, path: Path) -> None:
    bad = int(data.size - np.isfinite(data).sum())
    if bad:
        raise ScanError("not_finite", f"{path} holds {bad} voxels that are NaN or infinite; expected finite values.")
    low, high = float(data.min()), float(data.max())
    if low == high:
        raise ScanError("constant", f"{path} holds the value {low:g} in every voxel; expected a picture of a head.")
    values = len(np.unique(data))
    if values < FEWEST_VALUES:
        raise ScanError("few_values", f"{path} holds {values} different values, like a mask; expected a T1w scan.")


def _times(numbers: tuple[int, ...] | np.ndarray) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:160]
