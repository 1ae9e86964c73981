"""A bundle of series or zip files: what works is an image, what does not a row."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import pytest

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import read_table
from mrisynth.imaging.conversion import convert_bundle, unpack_image
from mrisynth.imaging.dicom import convert_series
from mrisynth.imaging.heads import read_head

MEMBER = "T1/T1.nii.gz"
unpack = partial(unpack_image, member=MEMBER)


def _zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name.replace("__", "/").replace("_nii_gz", ".nii.gz"), content)
    return path


def test_a_series_that_fails_stops_no_other(tmp_path: Path, dicom_series) -> None:
    series = {"bad": tmp_path / "empty", "good": dicom_series(tmp_path / "good")}
    series["bad"].mkdir()
    table = convert_bundle(series, tmp_path / "out", convert=convert_series, what="DICOM series")
    assert table["status"].tolist() == ["failed", "converted"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["conversion.tsv", "good_T1w.nii.gz"]
    written = read_table(tmp_path / "out" / "conversion.tsv", reason="string", message="string")
    assert written["reason"].fillna("-").tolist() == ["not_converted", "-"]
    assert "empty" in written["message"][0]
    with pytest.raises(ScanError) as later:
        read_head(tmp_path / "out" / "bad_T1w.nii.gz", voxel_mm=2.0, already_extracted=False)
    assert later.value.reason == "not_converted" and "empty" in str(later.value)
    with pytest.raises(ScanError, match="never_T1w"):
        read_head(tmp_path / "out" / "never_T1w.nii.gz", voxel_mm=2.0, already_extracted=False)


def test_only_the_image_of_a_zip_file_is_unpacked(tmp_path: Path) -> None:
    good = _zip(tmp_path / "good.zip", T1__T1_nii_gz=b"head", T1__T1_brain_nii_gz=b"brain", evil=b"x")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(good.read_bytes()[:40])
    without = _zip(tmp_path / "without.zip", T1__T1_brain_nii_gz=b"brain")
    archives = {"a": good, "b": broken, "c": without, "d": tmp_path / "absent.zip"}
    table = convert_bundle(archives, tmp_path / "out", convert=unpack, what="zip files")
    assert table["status"].tolist() == ["converted", "failed", "failed", "failed"]
    assert set(table["reason"].iloc[1:]) == {"not_unpacked"}
    assert "T1/T1.nii.gz" in table["message"][2]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_T1w.nii.gz", "conversion.tsv"]
    assert (tmp_path / "out" / "a_T1w.nii.gz").read_bytes() == b"head"


def test_a_damaged_member_leaves_no_file(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", T1__T1_nii_gz=bytes(range(256)) * 40)
    content = bytearray(archive.read_bytes())
    content[200] ^= 0xFF
    archive.write_bytes(bytes(content))
    table = convert_bundle({"a": archive}, tmp_path / "out", convert=unpack, what="zip files")
    assert table["reason"].tolist() == ["not_unpacked"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["conversion.tsv"]


def test_a_full_disk_is_no_fault_of_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "a.zip", T1__T1_nii_gz=b"head")
    usage = type("Usage", (), {"free": 3})
    monkeypatch.setattr("mrisynth.imaging.conversion.shutil.disk_usage", lambda _: usage)
    with pytest.raises(MrisynthError, match="too little space"):
        convert_bundle({"a": archive}, tmp_path / "out", convert=unpack, what="zip files")
