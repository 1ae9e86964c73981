"""UK Biobank: the forms in which images are delivered, and tables of field IDs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrisynth.cohorts.tables import build_cohort
from mrisynth.cohorts.ukbiobank import read_ukbiobank
from mrisynth.cohorts.ukbiobank_listing import list_ukbiobank
from mrisynth.errors import ConfigError, MrisynthError

CSV = '"eid","31-0.0","21003-0.0","21003-2.0","21003-3.0","54-2.0","54-3.0","25010-2.0"\n'
CSV += '"1000001","0","48","61","64","11025","11027","1234.5"\n"1000002","1","50","66","","11026","","NA"\n'
CSV += '"1000009","1","50","66","","11026","",""\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "T1"
    for name in (
        "1000001_20252_2_0.zip",
        "1000001_20252_3_0/T1/T1.nii.gz",
        "1000002_20252_2_0.nii.gz",
        "1000002_20253_2_0.zip",
        "more/1000003_20252_2_0/T1/T1_unbiased.nii.gz",
        "notes.txt",
    ):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return place


def test_every_form_of_delivery_is_listed(folder: Path) -> None:
    selection = list_ukbiobank(folder)
    assert [(scan.scan, scan.participant_id) for scan in selection.scans] == [
        ("1000001-i2", "sub-1000001"),
        ("1000001-i3", "sub-1000001"),
        ("1000002-i2", "sub-1000002"),
        ("1000003-i2", "sub-1000003"),
    ]
    zipped, unpacked, flat, unusable = selection.scans
    assert (zipped.path, zipped.archive) == (None, folder / "1000001_20252_2_0.zip")
    assert (unpacked.path, unpacked.archive) == (folder / "1000001_20252_3_0/T1/T1.nii.gz", None)
    assert flat.path == folder / "1000002_20252_2_0.nii.gz"
    assert unusable.path is not None
    assert not unusable.path.exists()
    left_out = [finding for finding in selection.findings if finding.status == "left_out"]
    assert [(finding.image, finding.reason) for finding in left_out] == [("1000002_20253_2_0.zip", "not_t1")]


def test_an_unpacked_image_stands_before_its_zip_file(folder: Path) -> None:
    (folder / "1000001_20252_3_0.zip").write_bytes(b"x")
    (folder / "1000001_20252_3_1.zip").write_bytes(b"another array, so another image")
    selection = list_ukbiobank(folder)
    scans = {scan.scan: scan for scan in selection.scans}
    assert scans["1000001-i3"].archive is None
    assert scans["1000001-i3-1"].archive == folder / "1000001_20252_3_1.zip"
    assert ("1000001_20252_3_0.zip", "repeat") in {(finding.image, finding.reason) for finding in selection.findings}


def test_folders_without_images_are_refused_by_key(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises(ConfigError, match=r"cohort\.folder: .*"):
            list_ukbiobank(place)


TABLES = {
    "showcase": lambda text: text,
    "R": lambda text: (
        text.replace('"eid"', '"f.eid"')
        .replace("31-0.0", "f.31.0.0")
        .replace("-0.0", ".0.0")
        .replace("-2.0", ".2.0")
        .replace("-3.0", ".3.0")
        .replace('"21003', '"f.21003')
        .replace('"54.', '"f.54.')
        .replace('"25010.', '"f.25010.')
    ),
    "platform": lambda text: (
        text.replace("31-0.0", "p31")
        .replace("21003-", "p21003_i")
        .replace("54-", "p54_i")
        .replace("25010-", "p25010_i")
        .replace('.0"', '"')
    ),
    "tabs, a BOM": lambda text: "\ufeff" + text.replace('"', "").replace(",", "\t"),
}


@pytest.mark.parametrize("form", TABLES)
def test_tables_of_field_ids(folder: Path, tmp_path: Path, form: str) -> None:
    table = tmp_path / "fields.csv"
    table.write_text(TABLES[form](CSV))
    merged, scans = read_ukbiobank(list_ukbiobank(folder).scans, table=table)
    people = merged.table
    assert people["participant_id"].tolist() == ["sub-1000001", "sub-1000002"]
    assert people["sex"].tolist() == ["f", "m"]
    volume = next(name for name in people if "25010" in name)
    assert people[volume].fillna("-").tolist() == ["1234.5", "-"]
    assert scans["age"].fillna(-1).tolist() == [61, 64, 66, -1]
    assert scans["site"].fillna("-").tolist() == ["Cheadle", "Newcastle", "Reading", "-"]
    assert scans["visit"].tolist() == ["i2", "i3", "i2", "i2"]
    assert any("21003" in name for name in people)  # the age at the first visit stays under its own name


def test_the_tables_of_the_cohort(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "fields.csv").write_text(CSV)
    listed = list_ukbiobank(folder).scans
    people, values = read_ukbiobank(listed, table=tmp_path / "fields.csv")
    participants, scans = build_cohort(
        listed, people.table, source="ukbiobank", seed=0, fractions={"test": 0, "validation": 0}, scan_values=values
    )
    assert participants["age"].fillna(-1).tolist() == [61, 66, -1]
    assert scans["site"].fillna("-").tolist() == ["Cheadle", "Newcastle", "Reading", "-"]
    assert participants["site"].fillna("-").tolist() == [
        "-",
        "Reading",
        "-",
    ]  # one person at two centres has no one site
    assert scans["25010-2.0"].fillna("-").tolist() == ["1234.5", "1234.5", "-", "-"]


def test_tables_that_cannot_be_right_are_refused(folder: Path, tmp_path: Path, caplog) -> None:
    scans = list_ukbiobank(folder).scans
    table = tmp_path / "fields.csv"
    table.write_text("id,31-0.0\n1000001,0\n")
    with pytest.raises(MrisynthError, match=r"cohort\.demographics: .* lacks the column `eid`"):
        read_ukbiobank(scans, table=table)
    table.write_text("eid,31-0.0\n7000001,0\n")
    with pytest.raises(MrisynthError, match="7000001, the scans such as sub-1000001"):
        read_ukbiobank(scans, table=table)
    table.write_text("eid,31-0.0,21003-2.0\n1000001,7,610\n")
    people, values = read_ukbiobank(scans, table=table)
    assert people.table["rejected"].tolist() == ["sex=7"]
    assert values["age"].isna().all()
    people, values = read_ukbiobank(scans, table=None)
    assert (len(people.table), len(values)) == (0, 4)
    assert "cohort.demographics" in caplog.text
