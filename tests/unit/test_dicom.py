"""DICOM series to NIfTI with the real dcm2niix."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import ScanError
from mrisynth.imaging.dicom import convert_series, dcm2niix_command


def test_a_series_becomes_one_volume_in_place(tmp_path: Path, dicom_series) -> None:
    convert_series(dicom_series(tmp_path / "series"), tmp_path / "scan.nii.gz")
    image = nib.as_closest_canonical(nib.load(tmp_path / "scan.nii.gz"))
    assert image.shape == (24, 24, 20)
    assert np.allclose(nib.affines.voxel_sizes(image.affine), [4, 4, 5])
    values = image.get_fdata()
    # DICOM counts to the left and to the back; RAS the other way: the first pixel of slice 0 is the last here
    assert values[23, 23, 0] == 0
    assert values[22, 23, 0] == 1
    assert values[23, 22, 0] == 4
    assert values[23, 23, 19] == 570
    point = image.affine @ [23, 23, 0, 1]
    assert np.allclose(point[:3], [48, 48, 0])


@pytest.mark.fault(26)
def test_no_name_number_or_date_of_the_person_travels_along(tmp_path: Path, dicom_series, capfd, caplog) -> None:
    convert_series(dicom_series(tmp_path / "series"), tmp_path / "scan.nii.gz")
    written = gzip.decompress((tmp_path / "scan.nii.gz").read_bytes())
    shown = "".join(capfd.readouterr()) + caplog.text
    for secret in ("Doe", "Jane", "SECRET", "1921", "2006", "82030"):
        assert secret.encode() not in written
        assert secret not in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.nii.gz", "series"]


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda folder: [path.write_bytes(b"no dicom" * 99) for path in folder.iterdir()], "not_converted"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "not_converted"),
        (lambda folder: [path.unlink() for path in folder.iterdir() if path.stem.endswith("_9")], "several_volumes"),
    ],
)
def test_a_broken_series_is_a_reason_and_no_file(tmp_path: Path, dicom_series, break_it, reason) -> None:
    series = dicom_series(tmp_path / "series")
    break_it(series)
    with pytest.raises(ScanError, match="series") as error:
        convert_series(series, tmp_path / "scan.nii.gz")
    assert error.value.reason == reason
    assert not (tmp_path / "scan.nii.gz").exists()


def test_two_series_in_one_folder_are_refused(tmp_path: Path, dicom_series) -> None:
    series = dicom_series(tmp_path / "series")
    for path in dicom_series(tmp_path / "other", slices=18).iterdir():
        path.rename(series / path.name)
    with pytest.raises(ScanError) as error:
        convert_series(series, tmp_path / "scan.nii.gz")
    assert error.value.reason == "several_volumes"


def test_the_command_is_a_program_that_is_there() -> None:
    assert Path(dcm2niix_command()[0]).is_file()
