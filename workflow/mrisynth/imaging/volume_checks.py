"""Checks on a volume: shape, geometry and values that a T1-weighted head can have; each refusal has its reason."""

from __future__ import annotations

import math
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import ScanError

VOXEL_RANGE_MM = (0.3, 5.0)
EXTENT_RANGE_MM = (80.0, 600.0)  # a head fits; a slab, a phantom or a wrong unit does not
FEWEST_SLICES = 16
FEWEST_VALUES = 16  # a mask or a label map given in place of a scan has fewer
SAME_SPACE_DEGREES = 2.0  # two orientation matrices of one space may be turned against each other by this
SAME_SPACE_EDGES = 0.01  # and the edges of their voxels differ by this share
OTHER_SPACE_DEGREES = 45.0  # matrices of two spaces may be turned by this: beyond, other axes are left and right
_SPACES = {1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI", 5: "template"}


def checked_shape(shape: tuple[int, ...], path: Path, *, max_voxels: int) -> tuple[int, int, int]:
    """Return the three lengths of a volume, without trailing axes of length one.

    Raises:
        ScanError: ``not_3d``, ``too_large`` or ``too_few_slices``.
    """
    whole = shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise ScanError(
            "not_3d", f"{path} has shape {_times(whole)}; expected one 3D volume, so pick or average its volumes."
        )
    if min(shape) < FEWEST_SLICES:
        raise ScanError(
            "too_few_slices", f"{path} has {_times(shape)} voxels; expected at least {FEWEST_SLICES} along each axis."
        )
    if math.prod(shape) > max_voxels:  # whole numbers of Python: they cannot overflow
        raise ScanError("too_large", f"{path} has {_times(shape)} voxels; expected at most {max_voxels} in all.")
    return shape


def check_scalar(dtype: np.dtype, path: Path) -> None:
    """Refuse colours, complex numbers and other voxels that are not one real number (``not_scalar``)."""
    if dtype.fields is not None or dtype.kind not in "iuf":
        raise ScanError("not_scalar", f"{path} stores {dtype}; expected one real number per voxel.")


def stored_affine(header: nib.Nifti1Header, zooms_mm: tuple[float, ...], path: Path) -> np.ndarray:
    """Return the orientation matrix of a NIfTI header: the sform where it is coded, else the qform.

    Both may be coded. Of one space (equal codes) they must agree in their directions (:data:`SAME_SPACE_DEGREES`) and
    voxels (:data:`SAME_SPACE_EDGES`); a shift alone is harmless, for registration finds the head. Different codes mean
    different spaces, as after coregistration, and the sform counts; but if the two are mirrored or turned by more than
    :data:`OTHER_SPACE_DEGREES`, left and right are a guess. Such a scan is refused.

    Args:
        header: as stored.
        zooms_mm: the three edges of a voxel in ``pixdim``.
        path: named in errors.

    Raises:
        ScanError: ``voxel_size`` (an edge is 0, negative or no number), ``orientation_unknown`` or
            ``orientation_conflict``.
    """
    if not all(math.isfinite(edge) and edge > 0 for edge in zooms_mm):
        raise ScanError("voxel_size", f"{path} states voxels of {_times(zooms_mm)} mm; expected edges above 0.")
    codes = {name: int(header[f"{name}_code"]) for name in ("sform", "qform")}
    if not any(codes.values()):
        raise ScanError(
            "orientation_unknown",
            f"{path} does not say which way is left (sform and qform codes are 0); convert it again from its DICOM.",
        )
    try:
        matrices = {name: getattr(header, f"get_{name}")() for name, code in codes.items() if code}
    except (ValueError, nib.spatialimages.HeaderDataError) as error:
        raise _no_orientation(path) from error
    for matrix in matrices.values():
        check_affine(matrix, path)
    if len(matrices) == 2:
        _check_agreement(matrices, codes, path)
    return next(iter(matrices.values()))


def check_affine(affine: np.ndarray | None, path: Path) -> None:
    """Refuse an orientation matrix that is missing, not finite or flat (``orientation_unknown``)."""
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise _no_orientation(path)


def check_size_in_mm(affine: np.ndarray, shape: tuple[int, int, int], path: Path) -> None:
    """Refuse voxels and fields that no scan of a whole head has (``voxel_size``, ``extent``)."""
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


def check_values(data: np.ndarray, path: Path) -> None:
    """Refuse values that no picture of a head has (``not_finite``, ``constant``, ``few_values``)."""
    bad = int(data.size - np.isfinite(data).sum())
    if bad:
        raise ScanError("not_finite", f"{path} holds {bad} voxels that are NaN or infinite; expected finite values.")
    low, high = float(data.min()), float(data.max())
    if low == high:
        raise ScanError("constant", f"{path} holds the value {low:g} in every voxel; expected a picture of a head.")
    some = data.ravel(order="K")[:: max(data.size // 100_000, 1)]
    if len(np.unique(some)) >= FEWEST_VALUES:
        return
    values = len(np.unique(data))
    if values < FEWEST_VALUES:
        raise ScanError("few_values", f"{path} holds {values} different values, like a mask; expected a T1w scan.")


def _check_agreement(matrices: dict[str, np.ndarray], codes: dict[str, int], path: Path) -> None:
    sform, qform = matrices["sform"], matrices["qform"]
    between = _rotation(sform) @ _rotation(qform).T
    mirrored = np.linalg.det(between) < 0
    degrees = math.degrees(math.acos(min(max((np.trace(between) - 1) / 2, -1.0), 1.0)))
    edges_mm = {name: nib.affines.voxel_sizes(matrix) for name, matrix in matrices.items()}
    same_space = codes["sform"] == codes["qform"]
    differences = {
        "mirrored": mirrored,
        f"turned by {degrees:.3g} degrees": degrees > (SAME_SPACE_DEGREES if same_space else OTHER_SPACE_DEGREES),
        f"of voxels of {_times(edges_mm['sform'])} and {_times(edges_mm['qform'])} mm": same_space
        and not np.allclose(edges_mm["sform"], edges_mm["qform"], rtol=SAME_SPACE_EDGES),
    }
    if not any(differences.values()):
        return
    how = next(words for words, applies in differences.items() if applies)
    spaces = [f"{name} ({_SPACES.get(code, code)}, axes {_axes(matrices[name])})" for name, code in codes.items()]
    raise ScanError(
        "orientation_conflict",
        f"{path} says two things about its orientation: {spaces[0]} and {spaces[1]} are {how}; find out which is right "
        f"and write it to both.",
    )


def _rotation(affine: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrix (perhaps a mirror) nearest to the directions of an affine."""
    left, _, right = np.linalg.svd(affine[:3, :3] / nib.affines.voxel_sizes(affine))
    return left @ right


def _axes(affine: np.ndarray) -> str:
    return "".join(nib.aff2axcodes(affine))


def _no_orientation(path: Path) -> ScanError:
    return ScanError("orientation_unknown", f"{path} has no usable orientation matrix; set its sform or qform.")


def _times(numbers: tuple[float, ...] | np.ndarray) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)
