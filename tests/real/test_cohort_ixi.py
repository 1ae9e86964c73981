"""The real IXI spreadsheet and the real heads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import xlrd

from mrisynth.cohorts import ixi, listing
from mrisynth.cohorts.ages import age_tercile_bounds_years
from mrisynth.cohorts.demographics import demographics_log, read_merged
from mrisynth.cohorts.merging import Merged
from mrisynth.cohorts.tables import build_cohort
from mrisynth.conditions import build_condition
from mrisynth.errors import MrisynthError

pytestmark = pytest.mark.real
FRACTIONS = {"test": 0.2, "validation": 0.1}


@pytest.fixture(scope="module")
def demographics(shared_data: Path) -> pd.DataFrame:
    return ixi.read_demographics(shared_data / "demographics" / "IXI.xls")


def test_spreadsheet_of_619_rows_becomes_593_persons(demographics: pd.DataFrame) -> None:
    known = demographics.set_index("participant_id")
    assert known.index.is_unique
    assert len(known) == 593
    assert known["sex"].value_counts().to_dict() == {"f": 325, "m": 267}
    assert known["age"].notna().sum() == 563
    assert known["age"].between(19, 87).sum() == 563
    assert known["conflicts"].dropna().to_dict() == {
        "IXI219": "age; height_cm; weight_kg; marital_status; qualification",
        "IXI328": "sex; age",
        "IXI392": "height_cm; weight_kg",
        "IXI416": "height_cm; weight_kg",
    }
    assert known.loc["IXI328", ["sex", "age"]].isna().all()
    assert known.loc["IXI219", "sex"] == "f"
    assert known.loc["IXI237", ["sex", "ethnicity", "height_cm"]].tolist() == ["f", "White", 167.0]  # a zeroed twin
    assert known.loc["IXI560", "rejected"] == "height_cm=1850"
    assert known["height_cm"].between(100, 230).sum() == known["height_cm"].notna().sum()


def test_no_date_of_birth_is_kept(demographics: pd.DataFrame) -> None:
    assert not [name for name in demographics.columns if "birth" in name or "dob" in name.lower() or "date" in name]


def test_the_581_scans(shared_data: Path, repository: Path, demographics: pd.DataFrame) -> None:
    names = shared_data / "demographics" / "ixi_t1_scans.tsv"
    assert names.read_bytes() == (repository / "resources" / "ixi_t1_scans.tsv").read_bytes()
    participants, scans = build_cohort(
        listing.list_ixi(None, names=names), demographics, source="ixi", seed=42, fractions=FRACTIONS
    )
    assert len(scans) == len(participants) == 581
    assert scans["site"].value_counts().to_dict() == {"Guys": 322, "HH": 185, "IOP": 74}
    assert (participants["sex"].isna() & participants["height_cm"].isna()).sum() == 15  # scanned, but no row
    assert participants["age_tercile"].value_counts().to_dict() == {"low": 187, "middle": 187, "high": 187}
    lower, upper = age_tercile_bounds_years(demographics["age"])
    assert (round(lower, 2), round(upper, 2)) == (38.65, 59.25)
    condition = build_condition("demographics", scans, kind="categorical", columns=["sex", "age_tercile"])
    assert len(condition.classes) == 6
    assert min(condition.counts(scans.loc[scans["split"] == "train", "scan"])) > 40


def _sheet(shared_data: Path) -> pd.DataFrame:
    """The rows as they stand in the file, read by nothing of ours."""
    book = xlrd.open_workbook(str(shared_data / "demographics" / "IXI.xls"))
    rows = [book.sheet_by_name("Table").row_values(index) for index in range(book.sheet_by_name("Table").nrows)]
    table = pd.DataFrame(rows[1:], columns=[str(title).split(" ")[0] for title in rows[0]])
    table["AGE"] = pd.to_numeric(table["AGE"])
    table["row"] = range(2, len(table) + 2)
    table["person"] = [f"IXI{int(number):03d}" for number in table["IXI_ID"]]
    return table


def _study(shared_data: Path, repository: Path, **rules: str) -> tuple[Merged, pd.DataFrame, pd.DataFrame]:
    """Merged demographics, the participants table of all 581 scans, and the log."""
    path = shared_data / "demographics" / "IXI.xls"
    merged = read_merged({"name": "ixi", "demographics_rules": rules}, path, seed=42)
    participants, _ = build_cohort(
        listing.list_ixi(None, names=repository / "resources" / "ixi_t1_scans.tsv"),
        merged.table,
        source="ixi",
        seed=42,
        fractions=FRACTIONS,
        age_bounds_years=merged.age_bounds_years,
    )
    return merged, participants, demographics_log(merged, participants)


@pytest.mark.parametrize("preset", ["better", "as_published"])
def test_the_log_names_every_repeated_conflicting_and_absent_person(
    shared_data: Path, repository: Path, preset: str
) -> None:
    sheet = _sheet(shared_data)
    _, participants, log = _study(shared_data, repository, preset=preset)
    named = {what: set(rows["participant_id"]) for what, rows in log.groupby("what")}
    repeated = set(sheet["person"][sheet["person"].duplicated()])
    assert len(repeated) == 26
    assert named["merged"] | named.get("dropped", set()) == repeated
    scanned = set(participants["participant_id"])
    assert named["no_row"] == scanned - set(sheet["person"])
    assert named["no_scan"] == set(sheet["person"]) - scanned
    assert (len(named["no_row"]), len(named["no_scan"])) == (15, 27)
    assert {"IXI219", "IXI328"} <= named["conflict"] | named.get("dropped", set())
    for person in ("IXI219", "IXI328"):
        numbers = sheet.loc[sheet["person"] == person, "row"].tolist()
        words = log.loc[(log["participant_id"] == person) & log["what"].isin(["conflict", "dropped"]), "in_words"]
        assert words.str.startswith(f"Rows {numbers[0]} and {numbers[1]} of {person} state ").all()


def test_as_published_gives_the_counts_that_its_rules_imply(shared_data: Path, repository: Path) -> None:
    sheet = _sheet(shared_data)
    sheet["third"], bounds = pd.qcut(sheet["AGE"], 3, labels=["low", "middle", "high"], retbins=True)  # over all rows
    sheet["sex"] = sheet["SEX_ID"].map({1.0: "m", 2.0: "f", 0.0: "unknown"})
    expected = {}
    for person, rows in sheet.groupby("person"):
        thirds = rows["third"].astype(object).tolist()
        alone = len(rows) == 1
        if alone or (rows["sex"].nunique() == 1 and len(set(thirds)) == 1 and rows["third"].notna().all()):
            age = rows["AGE"].iloc[0] if rows["AGE"].nunique(dropna=False) == 1 else None
            expected[person] = (rows["sex"].iloc[0], None if pd.isna(thirds[0]) else thirds[0], age)
    merged, participants, log = _study(shared_data, repository, preset="as_published")
    assert merged.age_bounds_years == pytest.approx(tuple(bounds[1:3]))
    assert set(merged.table["participant_id"]) == set(expected)
    assert len(expected) == 591
    dropped = set(log.loc[log["what"] == "dropped", "participant_id"])
    assert dropped == set(sheet["person"]) - set(expected) == {"IXI328", "IXI513"}
    known = participants.set_index("participant_id")
    for person in known.index.intersection(list(expected)):
        sex, third, age = expected[person]
        row = known.loc[person]
        assert row["sex"] == sex
        assert (None if pd.isna(row["age_tercile"]) else row["age_tercile"]) == third
        assert pd.isna(row["age"]) if age is None or pd.isna(age) else row["age"] == age
    assert known.loc["IXI219", "age_tercile"] == "middle"  # two ages, one third
    assert known.loc[["IXI328", "IXI513"] if "IXI513" in known.index else ["IXI328"], "sex"].isna().all()
    joint = pd.crosstab(known["sex"], known["age_tercile"]).loc[["f", "m"], ["low", "middle", "high"]]
    scanned = [value for person, value in expected.items() if person in known.index]
    assert joint.to_numpy().tolist() == [
        [sum(value[:2] == (sex, third) for value in scanned) for third in ("low", "middle", "high")]
        for sex in ("f", "m")
    ]


def test_the_144_heads(shared_data: Path, repository: Path, demographics: pd.DataFrame) -> None:
    folder = shared_data / "heads_ixi_2mm"
    every = listing.list_ixi(folder, names=None)
    assert every == listing.list_ixi(folder, names=repository / "resources" / "ixi_2mm_scans.tsv")
    participants, scans = build_cohort(every, demographics, source="ixi", seed=42, fractions=FRACTIONS)
    assert len(scans) == 144
    assert scans["sha256"].is_unique
    without = participants.loc[participants["sex"].isna(), "participant_id"].tolist()
    assert without == ["IXI328", "IXI637", "IXI638", "IXI643", "IXI661"]
    with pytest.raises(MrisynthError, match=r"conditions\.site: column site has the single category HH"):
        build_condition("site", scans, kind="categorical", columns=["site"])


def test_the_full_study_lists_the_missing_of_a_folder_with_144(shared_data: Path, repository: Path) -> None:
    names = repository / "resources" / "ixi_t1_scans.tsv"
    scans = listing.list_ixi(shared_data / "heads_ixi_2mm", names=names)
    assert len(scans) == 581
    assert sum(scan.path.is_file() for scan in scans) == 144


def test_other_heads_are_listed_as_they_are(shared_data: Path, repository: Path) -> None:
    names = repository / "resources" / "ixi_t1_scans.tsv"
    scans = listing.list_ixi(shared_data / "heads", names=names)
    assert [scan.scan for scan in scans] == [f"sub-{n:02d}" for n in (1, 2, 3, 4, 15, 16, 17, 18)]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_spreadsheet_is_one_sentence(shared_data: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / "IXI.xls"
    shutil.copy(shared_data / "demographics" / "IXI.xls", path)
    with path.open("r+b") as stream:
        stream.truncate(int(path.stat().st_size * share))
    with pytest.raises(MrisynthError, match=r"IXI\.xls"):
        ixi.read_demographics(path)
