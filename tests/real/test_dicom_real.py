"""Real heads written as DICOM come back voxel for voxel, at the same place in the scanner."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from mrisynth.imaging.dicom import convert_series

pytestmark = pytest.mark.real

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
TURNED = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.2, -0.1, 0.3), [7.0, -11.0, 5.0])


def _as_dicom(series: Path, image: nib.Nifti1Image) -> Path:
    """Give the slices of a series the voxels and the position of an image, slice after slice along its last axis."""
    values = np.asarray(image.dataobj)
    values = np.rint(values / values.max() * 4000).astype("<u2")
    affine = LPS @ image.affine
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    for path in series.iterdir():
        data = pydicom.dcmread(path)
        number = int(data.InstanceNumber) - 1
        data.Columns, data.Rows = values.shape[:2]
        data.PixelSpacing, data.SliceThickness = [f"{steps[1]:.6f}", f"{steps[0]:.6f}"], f"{steps[2]:.6f}"
        data.ImageOrientationPatient = [f"{cosine:.9f}" for cosine in (affine[:3, :2] / steps[:2]).T.ravel()]
        data.ImagePositionPatient = [f"{mm:.6f}" for mm in (affine @ [0, 0, number, 1])[:3]]
        data.PixelData = values[:, :, number].T.tobytes()
        data.save_as(path)
    return series


@pytest.mark.parametrize(
    ("name", "move"),
    [
        ("heads_ixi_2mm/IXI012-HH-1211-T1.nii.gz", np.eye(4)),
        ("heads_ixi_2mm/IXI012-HH-1211-T1.nii.gz", TURNED),
        ("heads/sub-18_T1w.nii.gz", np.eye(4)),  # thick sagittal slices
    ],
)
def test_a_head_survives_dicom(shared_data: Path, tmp_path: Path, dicom_series, name: str, move: np.ndarray):
    head = nib.load(shared_data / name)
    head = nib.Nifti1Image(np.asarray(head.dataobj), move @ head.affine)
    series = _as_dicom(dicom_series(tmp_path / "series", slices=head.shape[2]), head)
    convert_series(series, tmp_path / "scan.nii.gz")
    before, after = (nib.as_closest_canonical(each) for each in (head, nib.load(tmp_path / "scan.nii.gz")))
    expected = np.rint(before.get_fdata() / before.get_fdata().max() * 4000)
    assert after.shape == before.shape
    assert np.abs(after.get_fdata() - expected).max() <= 1
    assert np.allclose(after.affine, before.affine, atol=2e-3)
