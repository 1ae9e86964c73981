"""The head as both stages of preprocessing see it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import pandas as pd

from mrisynth.errors import ScanError
from mrisynth.files import read_table
from mrisynth.imaging.conversion import CONVERSION_NAME
from mrisynth.imaging.extracted import support_of_brain
from mrisynth.imaging.volume import read_volume, resample_brain, resample_to_voxel


def read_head(path: Path | None, *, voxel_mm: float, already_extracted: bool) -> nib.Nifti1Image:
    """Read a scan, check it, turn it to canonical axes and resample it to isotropic voxels.

    It is read by brain extraction and read again by registration, which costs less than to keep a copy of it.

    Args:
        path: the scan's file; None where none is known.
        voxel_mm: edge of the voxels.
        already_extracted: the scan is a brain on a background of 0, which must not grow a halo.

    Returns:
        float32 [x, y, z], RAS+.

    Raises:
        ScanError: ``missing``, ``not_extracted``, or a reason of :func:`~mrisynth.imaging.volume.read_volume`.
    """
    if path is None:
        raise ScanError("missing", "No file is known for this scan; expected a T1-weighted scan.")
    if not path.exists():
        _explain_by_conversion(path)
    head = read_volume(path)
    if already_extracted:
        return resample_brain(head, support_of_brain(head, path), voxel_mm=voxel_mm)[0]
    return resample_to_voxel(head, voxel_mm=voxel_mm)


def _explain_by_conversion(path: Path) -> None:
    """Raise the reason for which the conversion of DICOM series or archives made no such file, where it says one."""
    record = path.with_name(CONVERSION_NAME)
    if not record.is_file():
        return
    table = read_table(record, status="string", reason="string", message="string")
    for row in table[table["scan"] == path.name.removesuffix("_T1w.nii.gz")].itertuples():
        if pd.notna(row.reason):
            raise ScanError(row.reason, row.message)
