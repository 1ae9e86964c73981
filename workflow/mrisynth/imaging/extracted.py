"""What brain extraction leaves for registration, apart from the networks that find brains."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from mrisynth.errors import ScanError

MASK_NAME = "mask.nii.gz"
RECORD_NAME = "extraction.json"
EXTRACTION_MEASURES = ("brain_ml", "cut_fraction", "intensity_range", "clipped_fraction")


def support_of_brain(image: nib.Nifti1Image, path: Path) -> np.ndarray:
    """Return where an already extracted brain is, bool [x, y, z]: above zero, holes filled.

    Raises:
        ScanError: reason ``not_extracted`` when hardly any voxel is zero.
    """
    mask = ndimage.binary_fill_holes(np.asarray(image.dataobj) > 0)
    if mask.mean() > 0.8:
        raise ScanError(
            "not_extracted",
            f"{path} is above zero in {mask.mean():.0%} of its voxels; `already_extracted` expects brains on "
            "a background of 0.",
        )
    return mask
