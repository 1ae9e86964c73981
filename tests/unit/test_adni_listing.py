"""ADNI downloads: folders, search tables, descriptions and repeats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mrisynth.cohorts.adni_folder import find_images
from mrisynth.cohorts.adni_listing import list_adni, parse_day
from mrisynth.errors import ConfigError

HEADER = "Image Data ID,Subject,Group,Sex,Age,Visit,Modality,Description,Type,Acq Date,Format,Downloaded"
TIME = "2006-04-18_08_20_30.0"


def _row(image: str, subject: str = "002_S_0295", **changes: str) -> list[str]:
    fields = {
        "Image Data ID": image,
        "Subject": subject,
        "Group": "CN",
        "Sex": "M",
        "Age": "85",
        "Visit": "sc",
        "Modality": "MRI",
        "Description": "MP-RAGE",
        "Type": "Original",
        "Acq Date": "4/18/2006",
        "Format": "DCM",
        "Downloaded": "",
    }
    return list((fields | changes).values())


def _table(path: Path, *rows: list[str]) -> Path:
    lines = [HEADER, *[",".join(f'"{cell}"' for cell in row) for row in rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _reasons(selection) -> dict[str, str]:
    return {finding.image: finding.reason for finding in selection.findings}


def test_the_tree_of_a_download(tmp_path: Path, adni_image, dicom_series) -> None:
    raw = adni_image("002_S_0295", "MP-RAGE", TIME, "I13722")
    packed = adni_image(
        "002_S_0413", "MPR__GradWarp__B1_Correction__N3", "2007-06-01_10_00_00.0", "I99", suffix=".nii.gz"
    )
    series = dicom_series(tmp_path / "ADNI" / "011_S_0002" / "MP-RAGE" / "2005-08-26_08_01_01.0" / "S9127" / "I7394")
    scans = list_adni(tmp_path / "ADNI", table=None).scans
    assert [(scan.scan, scan.participant_id) for scan in scans] == [
        ("002S0295-20060418-I13722", "sub-002S0295"),
        ("002S0413-20070601-I99", "sub-002S0413"),
        ("011S0002-20050826-I7394", "sub-011S0002"),
    ]
    assert [scan.path for scan in scans] == [raw, packed, None]
    assert [scan.dicom for scan in scans] == [None, None, series]


@pytest.mark.parametrize("layout", ["root", "several downloads", "series number", "flat"])
def test_other_layouts_hold_the_same_scan(tmp_path: Path, layout: str) -> None:
    name = "ADNI_002_S_0295_MR_MP-RAGE__br_raw_20060418193713091_1_S13408_I13722.nii"
    place = {
        "root": "ADNI/002_S_0295/MP-RAGE/2006-04-18_08_20_30.0/I13722",
        "several downloads": "ADNI 2/002_S_0295/MP-RAGE/2006-04-18_08_20_30.0/I13722",
        "series number": "ADNI/002_S_0295/MP-RAGE/2006-04-18_08_20_30.0/S13408",
        "flat": ".",
    }[layout]
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / name).write_bytes(b"x")
    table = _table(tmp_path / "search.csv", _row("I13722"))
    selection = list_adni(tmp_path, table=table)
    assert [scan.scan for scan in selection.scans] == ["002S0295-20060418-I13722"]
    assert selection.images["002S0295-20060418-I13722"].visit == "sc"
    assert selection.findings[0].reason == ""


VARIANTS = {
    "as downloaded": lambda text: text,
    "with a BOM": lambda text: "\ufeff" + text,
    "without quotes": lambda text: text.replace('"', ""),
    "with semicolons": lambda text: text.replace(",", ";"),
    "with tabs and blanks": lambda text: text.replace(",", "\t").replace("sc", " sc "),
    "with Windows ends": lambda text: text.replace("\n", "\r\n"),
    "with other names": lambda text: text.replace("Image Data ID", "Image ID").replace("Acq Date", "Study Date"),
    "with plain numbers": lambda text: text.replace('"I13722"', '"13722"'),
    "with ISO dates": lambda text: text.replace("4/18/2006", "2006-04-18"),
    "in another order": lambda text: "\n".join(",".join(reversed(line.split(","))) for line in text.split("\n")),
    "twice the same row": lambda text: text + text.split("\n")[1] + "\n",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_search_tables_come_in_many_forms(tmp_path: Path, adni_image, variant: str) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I13722")
    table = _table(tmp_path / "search.csv", _row("I13722", Group="MCI"))
    table.write_bytes(VARIANTS[variant](table.read_text()).encode())
    image = list_adni(tmp_path / "ADNI", table=table).images["002S0295-20060418-I13722"]
    assert {name: image.row[name] for name in ("subject", "group", "sex", "age", "visit", "day")} == {
        "subject": "002_S_0295",
        "group": "MCI",
        "sex": "M",
        "age": "85",
        "visit": "sc",
        "day": "20060418",
    }


def test_what_two_rows_of_an_image_state_differently_is_missing(tmp_path: Path, adni_image) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I13722")
    table = _table(tmp_path / "search.csv", _row("I13722"), _row("I13722", Group="AD"), _row("I13722"))
    row = list_adni(tmp_path / "ADNI", table=table).images["002S0295-20060418-I13722"].row
    assert (row["group"], row["sex"]) == ("", "M")


def test_only_t1_weighted_volumes_are_kept_and_the_others_named(tmp_path: Path, adni_image) -> None:
    kept = ["MP-RAGE", "MPRAGE_repeat", "MPR__GradWarp__B1_Correction__N3__Scaled", "MT1__GradWarp__N3m"]
    kept += ["Accelerated_Sagittal_IR-FSPGR", "SAG_IR-SPGR", "Sagittal_3D_Accelerated_MPRAGE"]
    others = [
        "3-plane_localizer",
        "Axial_PD-T2_TSE",
        "Sagittal_3D_FLAIR",
        "B1-calibration_Head",
        "MPR_Hippocampal_Mask",
    ]
    for number, description in enumerate([*kept, *others]):
        adni_image(f"002_S_{number:04d}", description, TIME, f"I{number}")
    selection = list_adni(tmp_path / "ADNI", table=None)
    assert {image.description for image in selection.images.values()} == set(kept)
    left_out = [finding for finding in selection.findings if finding.status == "left_out"]
    assert {finding.reason for finding in left_out} == {"not_t1"}
    assert {finding.message.split("(")[1].split(")")[0] for finding in left_out} == set(others)
    flair = list_adni(tmp_path / "ADNI", table=None, descriptions=["*3d FLAIR*"])
    assert [image.description for image in flair.images.values()] == ["Sagittal_3D_FLAIR"]


def test_positron_images_are_left_out_whatever_they_are_called(tmp_path: Path, adni_image) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I1")
    adni_image("002_S_0296", "MP-RAGE", TIME, "I2")
    table = _table(tmp_path / "search.csv", _row("I1"), _row("I2", "002_S_0296", Modality="PET"))
    assert _reasons(list_adni(tmp_path / "ADNI", table=table)) == {"I1": "", "I2": "not_t1"}


def _one_visit(adni_image) -> None:
    adni_image("002_S_0295", "MP-RAGE_REPEAT", "2006-04-18_08_10_00.0", "I11")
    adni_image("002_S_0295", "MP-RAGE", "2006-04-18_08_20_30.0", "I12")
    adni_image("002_S_0295", "MPR__GradWarp__B1_Correction", "2006-04-18_08_20_30.0", "I13")
    adni_image("002_S_0295", "MPR-R__GradWarp__B1_Correction__N3", "2006-04-18_08_10_00.0", "I14")
    adni_image("002_S_0295", "MPR__GradWarp__B1_Correction__N3", "2006-04-18_08_20_30.0", "I15")
    adni_image("002_S_0295", "MP-RAGE", "2007-04-20_08_20_30.0", "I16")


@pytest.mark.parametrize(
    ("repeats", "expected"),
    [
        ("first", ["I12", "I16"]),
        ("best_processed", ["I15", "I16"]),
        ("all", ["I11", "I12", "I13", "I14", "I15", "I16"]),
    ],
)
def test_repeats_of_a_visit(tmp_path: Path, adni_image, repeats: str, expected: list[str]) -> None:
    _one_visit(adni_image)
    selection = list_adni(tmp_path / "ADNI", table=None, repeats=repeats)
    assert sorted(scan.scan.split("-")[-1] for scan in selection.scans) == expected
    others = {finding.image: finding.message for finding in selection.findings if finding.reason == "repeat"}
    assert len(others) == 6 - len(expected)
    assert all(expected[0] in message for message in others.values())


def test_scans_of_one_visit_on_two_days_are_repeats(tmp_path: Path, adni_image) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I1")
    adni_image("002_S_0295", "MP-RAGE", "2006-05-02_08_00_00.0", "I2")
    adni_image("002_S_0295", "MP-RAGE_REPEAT", "2006-05-02_08_30_00.0", "I3")  # no row, but the day of I2
    table = _table(tmp_path / "search.csv", _row("I1"), _row("I2", **{"Acq Date": "5/2/2006"}))
    assert _reasons(list_adni(tmp_path / "ADNI", table=table)) == {"I1": "", "I2": "repeat", "I3": "repeat"}
    assert len(list_adni(tmp_path / "ADNI", table=None).scans) == 2


def test_rows_without_files_and_files_without_rows_are_recorded(tmp_path: Path, adni_image) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I1")
    table = _table(
        tmp_path / "search.csv",
        _row("I2", "002_S_0413"),  # never downloaded
        _row("I3", "002_S_0559", Downloaded="1/01/2020"),  # downloaded, and lost since
        _row("I4", "002_S_0295", Visit="sc", Downloaded="1/01/2020"),  # lost too, but I1 is of the same day
    )
    selection = list_adni(tmp_path / "ADNI", table=table)
    found = {finding.image: (finding.status, finding.reason) for finding in selection.findings}
    assert found == {
        "I1": ("taken", "no_row"),
        "I2": ("left_out", "no_file"),
        "I3": ("taken", "no_file"),
        "I4": ("left_out", "no_file"),
    }
    every = list_adni(tmp_path / "ADNI", table=table, repeats="all")
    assert [scan.scan.split("-")[-1] for scan in every.scans] == ["I1", "I4", "I3"]
    lost = next(scan for scan in selection.scans if scan.scan == "002S0559-20060418-I3")
    assert lost.path is not None
    assert not lost.path.exists()
    assert all(finding.message for finding in selection.findings)


def test_what_cannot_be_attributed_is_left_out_with_a_reason(tmp_path: Path, adni_image) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I1")
    adni_image("002_S_0413", "MP-RAGE", TIME, "I2")
    adni_image("002_S_0295", "MP-RAGE", TIME, "I1", root="ADNI 2")
    nameless = tmp_path / "ADNI" / "002_S_0559" / "MP-RAGE" / TIME / "S5"
    nameless.mkdir(parents=True)
    (nameless / "scan.nii").write_bytes(b"x")
    (tmp_path / "ADNI" / "002_S_0619" / "MP-RAGE" / TIME / "I6").mkdir(parents=True)
    table = _table(tmp_path / "search.csv", _row("I1"), _row("I2", "002_S_0999"))
    selection = list_adni(tmp_path, table=table)
    assert sorted((finding.image, finding.reason) for finding in selection.findings) == [
        ("", "no_image_id"),
        ("I1", ""),
        ("I1", "same_image"),
        ("I2", "subject_differs"),
        ("I6", "no_file"),
    ]
    assert [scan.scan for scan in selection.scans] == ["002S0295-20060418-I1"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("4/18/2006", "20060418"),
        ("04/08/2006", "20060408"),
        ("2006-04-18", "20060418"),
        ("2006-04-18 08:20:30.0", "20060418"),
        ("18/4/2006", ""),
        ("", ""),
        ("yesterday", ""),
    ],
)
def test_dates(text: str, day: str) -> None:
    assert parse_day(text) == day


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: list_adni(folder / "absent", table=None), ("cohort.folder", "absent", "does not exist")),
        (lambda folder: list_adni(folder / "empty", table=None), ("cohort.folder", "002_S_0295")),
        (lambda folder: list_adni(folder / "ADNI", table=folder / "no.csv"), ("cohort.demographics", "no.csv")),
        (lambda folder: list_adni(folder / "ADNI", table=folder / "bad.csv"), ("Image Data ID", "bad.csv", "a, b")),
        (lambda folder: list_adni(folder / "ADNI", table=None, descriptions=["T2*"]), ("cohort.adni.descriptions",)),
    ],
)
def test_errors_name_the_key_and_the_file(tmp_path: Path, adni_image, make, words) -> None:
    adni_image("002_S_0295", "MP-RAGE", TIME, "I1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError) as error:
        make(tmp_path)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_a_series_is_known_by_one_of_its_files(tmp_path: Path) -> None:
    series = tmp_path / "ADNI" / "002_S_0295" / "MP-RAGE" / TIME / "S13408"
    series.mkdir(parents=True)
    for number in range(30):
        (series / f"ADNI_002_S_0295_MR_MP-RAGE__br_raw_20060418193713091_{number}_S13408_I13722.dcm").touch()
    (series / "ADNI_002_S_0295_MR_MP-RAGE__br_raw_20060418193713091_1_S13408_I13722.nii").touch()
    images = find_images(tmp_path)
    assert [(image.image, image.dicom, image.path, image.day) for image in images] == [
        ("I13722", series, None, "20060418")
    ]


def test_listing_loads_no_heavy_module(repository: Path) -> None:
    code = "import sys, mrisynth.cohorts.restricted; print([m for m in ('numpy', 'pandas', 'nibabel') if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=repository / "workflow", capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
