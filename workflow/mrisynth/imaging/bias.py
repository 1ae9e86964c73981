"""Bias-field correction by N4."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from mrisynth.imaging.ants_bridge import ants, from_ants, to_ants


def correct_bias(
    image: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    *,
    shrink_factor: int = 4,
    iterations: tuple[int, ...] = (50, 50, 50, 50),
) -> nib.Nifti1Image:
    """Divide out the smooth bias field that N4 estimates inside the brain (Tustison et al. 2010).

    Args:
        image: [x, y, z], brain or head; values below zero are set to zero first.
        mask: [x, y, z] on the same grid, above zero inside the brain.
        shrink_factor: the field is estimated on a grid coarser by this whole number.
        iterations: at most so many at each of the fitting levels, one level per entry.

    Returns:
        float32 [x, y, z]; the field covers the whole grid, so that voxels outside the mask change as well.
    """
    data = np.maximum(np.asarray(image.dataobj, dtype=np.float32), 0.0)
    inside = np.asarray(mask.dataobj) > 0
    corrected = ants.n4_bias_field_correction(
        to_ants(nib.Nifti1Image(data, image.affine)),
        mask=to_ants(nib.Nifti1Image(inside.astype(np.float32), image.affine)),
        shrink_factor=shrink_factor,
        convergence={"iters": list(iterations), "tol": 1e-7},
    )
    return nib.Nifti1Image(np.asarray(from_ants(corrected).dataobj), image.affine)
