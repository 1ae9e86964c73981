"""Ages and diagnoses of BIDS sessions, and the words behind the codes of a sex."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mrisynth.cohorts import bids
from mrisynth.cohorts.bids_sessions import read_sessions
from mrisynth.cohorts.knowledge import read_knowledge
from mrisynth.cohorts.listing import list_bids
from mrisynth.cohorts.tables import build_cohort
from mrisynth.errors import MrisynthError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("sub-01/ses-a", "sub-01/ses-b", "sub-02/ses-a", "sub-03"):
        path = tmp_path / name / "anat" / f"{name.replace('/', '_')}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(name.encode())
    rows = "participant_id\tsex\tage\tgroup\nsub-01\t1\t60\tCN\nsub-02\t2\t70\tCN\nsub-03\t2\t80\tAD\n"
    (tmp_path / "participants.tsv").write_text(rows)
    sessions = "session_id\tAge\tdx\nses-a\t60.5\tCN\nses-b\t62,5\tMCI\n"
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text("\ufeff" + sessions)
    (tmp_path / "sub-02" / "sub-02_sessions.tsv").write_text("session_id\tage\nses-a\t700\n")
    return tmp_path


def test_ages_and_diagnoses_of_sessions_stand_before_those_of_persons(folder: Path, caplog) -> None:
    files = list_bids(folder)
    known = read_knowledge({"name": "bids", "folder": str(folder)}, [], scan_files=files, seed=1)
    participants, scans = build_cohort(
        files, known.people, source="bids", seed=1, fractions={"test": 0, "validation": 0}, scan_values=known.scans
    )
    assert scans["scan"].tolist() == ["sub-01-ses-a", "sub-01-ses-b", "sub-02-ses-a", "sub-03"]
    assert scans["age"].tolist() == [60.5, 62.5, 70.0, 80.0]  # 700 years are no age: that of the person stands
    assert scans["diagnosis"].tolist() == ["CN", "MCI", "CN", "AD"]
    assert scans["visit"].fillna("-").tolist() == ["a", "b", "a", "-"]
    assert participants["age"].tolist() == [60.5, 70.0, 80.0]
    assert "sub-02-ses-a has the age 700" in caplog.text


def test_without_sessions_persons_speak_for_their_scans(folder: Path) -> None:
    for path in folder.glob("*/*_sessions.tsv"):
        path.unlink()
    assert read_sessions(folder, list_bids(folder)) is None


@pytest.mark.parametrize("content", ["ses\tage\na\t1\n", "session_id\tage\nses-a\t1\na\t2\n"])
def test_tables_that_cannot_be_read_are_named(folder: Path, content: str) -> None:
    (folder / "sub-01" / "sub-01_sessions.tsv").write_text(content)
    with pytest.raises(MrisynthError, match=r"sub-01_sessions\.tsv"):
        read_sessions(folder, list_bids(folder))


@pytest.mark.parametrize(
    ("levels", "sexes"),
    [
        (None, ["m", "f", "f"]),
        ({"1": "female", "2": "male"}, ["f", "m", "m"]),
        ({"1": {"Description": "Female"}, "2": {"Description": "Male"}}, ["f", "m", "m"]),
        ({"1": "control", "2": "patient"}, ["m", "f", "f"]),  # not about a sex
    ],
)
def test_codes_of_a_sex_follow_the_levels_of_the_data_set(folder: Path, levels, sexes) -> None:
    if levels:
        (folder / "participants.json").write_text(json.dumps({"sex": {"Levels": levels}}))
    assert bids.read_participants(folder)["sex"].tolist() == sexes


def test_a_broken_participants_json_is_named(folder: Path) -> None:
    (folder / "participants.json").write_text("{")
    with pytest.raises(MrisynthError, match=r"participants\.json"):
        bids.read_participants(folder)
