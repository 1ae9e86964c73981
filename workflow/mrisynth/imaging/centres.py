"""Where registrations start: the centres of mass."""

from __future__ import annotations

import nibabel as nib
import numpy as np


def centre_of_mass(image: nib.Nifti1Image) -> np.ndarray:
    """Return the centre of mass of the values of a volume, float64 [3] in world mm."""
    volume = np.asarray(image.dataobj, dtype=np.float64)
    total = volume.sum()
    profiles = (volume.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3))
    index = [float((profile * np.arange(len(profile))).sum() / total) for profile in profiles]
    return nib.affines.apply_affine(image.affine, index)


def between_centres(fixed: nib.Nifti1Image, moving: nib.Nifti1Image) -> np.ndarray:
    """Return the shift, float64 [4, 4], that maps one volume's centre of mass onto the other's (world mm)."""
    return nib.affines.from_matvec(np.eye(3), centre_of_mass(moving) - centre_of_mass(fixed))
