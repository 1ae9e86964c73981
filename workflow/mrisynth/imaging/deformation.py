"""Deformations: displacement fields as files, and where they fold."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.imaging.ants_bridge import LPS


def jacobian_determinant(field: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return how much a deformation changes volumes: det(I + du/dx) by central differences.

    Args:
        field: float [x, y, z, 3], displacement in mm along left, posterior, superior, as ITK stores it.
        affine: float [4, 4], voxel indices of the field to RAS+ world mm.

    Returns:
        float32 [x, y, z]; 1 where volumes stay, at or below 0 where the deformation folds.
    """
    to_voxels = np.linalg.inv(LPS @ affine[:3, :3]).astype(np.float32)
    by_index = np.stack([np.gradient(field.astype(np.float32), axis=axis) for axis in range(3)], axis=-1)
    a, b, c = np.moveaxis(by_index @ to_voxels + np.eye(3, dtype=np.float32), -2, 0)
    return np.einsum("...i,...i->...", a, np.cross(b, c)).astype(np.float32)


def folded_share(warp: str | Path, inside: nib.Nifti1Image) -> float:
    """Return the share of a mask's voxels in which a deformation folds (determinant at or below 0), 0..1.

    Args:
        warp: NIfTI displacement field [x, y, z, 1, 3] in mm, as ANTs writes it.
        inside: [x, y, z] on the same grid, above 0 inside the mask (the template's brain will do).

    Raises:
        MrisynthError: the two grids differ, or the mask is empty.
    """
    image = nib.load(warp)
    mask = np.asarray(inside.dataobj) > 0
    if mask.shape != image.shape[:3] or not np.allclose(image.affine, inside.affine, atol=1e-3):
        raise MrisynthError(
            f"The deformation {warp} lies on a grid of {image.shape[:3]}, the template on one of {mask.shape}; "
            "give the template that the scan was registered to."
        )
    if not mask.any():
        raise MrisynthError("The template's mask is empty; expected values above 0 inside the brain.")
    found = np.argwhere(mask)
    low, high = np.maximum(found.min(axis=0) - 1, 0), found.max(axis=0) + 2
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    field = np.asarray(image.dataobj[(*box, 0)], dtype=np.float32)
    return float((jacobian_determinant(field, image.affine)[mask[box]] <= 0).mean())
