"""SimpleITK: exact conversion from nibabel, one thread."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from mrisynth.imaging.ants_bridge import LPS  # before SimpleITK: it sets the number of ITK's threads

import SimpleITK as sitk  # noqa: N813  # isort: skip

sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def to_sitk(image: nib.Nifti1Image) -> sitk.Image:
    """Return the same volume as a SimpleITK image, float32 with the same axes and world position."""
    spacing = nib.affines.voxel_sizes(image.affine)
    volume = np.asarray(image.dataobj, dtype=np.float32)
    converted = sitk.GetImageFromArray(np.ascontiguousarray(volume.transpose(2, 1, 0)))
    converted.SetOrigin((LPS @ image.affine[:3, 3]).tolist())
    converted.SetSpacing(spacing.tolist())
    converted.SetDirection((LPS @ image.affine[:3, :3] / spacing).ravel().tolist())
    return converted
