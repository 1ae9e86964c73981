"""The cube: one field of view in world coordinates, whatever the size."""

from __future__ import annotations

import nibabel as nib
import numpy as np

FIELD_MM = 224.0

# Middle of the brain's bounding box in the ICBM152 2009a template (x -72.5..72.5, y -107.5..73.5, z -72.5..82.5 mm).
# A field of 224 mm about it leaves at least 39, 21 and 34 mm on each side of that brain, and 37, 16 and 34 mm
# on each side of the larger MNI152 6th generation brain (tests/unit/test_grid.py, tests/real/test_imaging_real.py).
FIELD_CENTRE: tuple[float, float, float] = (0.0, -17.0, 5.0)


def grid_affine(
    size: int, *, field_mm: float = FIELD_MM, centre_mm: tuple[float, float, float] = FIELD_CENTRE
) -> np.ndarray:
    """Return the affine of the cube of ``size`` voxels a side, axes RAS+.

    Voxel (i, j, k) is centred on ``centre_mm + (index - (size - 1) / 2) * field_mm / size``, so that every size covers
    exactly the same ``field_mm`` cube about ``centre_mm``.

    Returns:
        float64 [4, 4], voxel indices to world mm.
    """
    voxel_mm = field_mm / size
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = np.asarray(centre_mm, dtype=np.float64) - voxel_mm * (size - 1) / 2
    return affine


def empty_cube(
    size: int, *, field_mm: float = FIELD_MM, centre_mm: tuple[float, float, float] = FIELD_CENTRE
) -> nib.Nifti1Image:
    """Return a cube of zeros on the grid of that size, float32 [x, y, z]."""
    affine = grid_affine(size, field_mm=field_mm, centre_mm=centre_mm)
    return nib.Nifti1Image(np.zeros((size, size, size), dtype=np.float32), affine)
