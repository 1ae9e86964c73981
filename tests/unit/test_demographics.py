"""Demographics of BIDS and of a whole cohort: coding, refusal of impossible values, and the log of what was lost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mrisynth.cohorts import bids
from mrisynth.cohorts.demographics import demographics_log, read_merged
from mrisynth.cohorts.listing import list_bids
from mrisynth.cohorts.tables import build_cohort
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table


def _participants(folder: Path, text: str) -> pd.DataFrame:
    (folder / "participants.tsv").write_bytes(text.encode())
    return bids.read_participants(folder).set_index("participant_id")


@pytest.mark.fault(16)
def test_bids_sexes_and_ages_are_normalised(tmp_path: Path) -> None:
    rows = ["M\t35", "F\t34,5", "female\tn/a", "male\t0", "1\t999", "2\t89+", "0\t40", "other\t", "3\t-4"]
    lines = [f"sub-{index:02d}\t{row}" for index, row in enumerate(rows, start=1)]
    table = _participants(tmp_path, "\ufeffparticipant_id\tsex\tage\r\n" + "\r\n".join(lines) + "\r\n")
    assert table["sex"].fillna("?").tolist() == ["m", "f", "f", "m", "m", "f", "?", "?", "?"]
    assert table["age"].fillna(-1).tolist() == [35, 34.5, -1, -1, -1, -1, 40, -1, -1]
    assert table["rejected"].fillna("").tolist() == [
        "", "", "", "age=0", "age=999", "age=89+", "sex=0", "sex=other", "sex=3; age=-4",
    ]  # fmt: skip


def test_bids_aliases_further_columns_and_ids_without_prefix(tmp_path: Path) -> None:
    text = "participant_id\tgender\tage\tgroup\thandedness\tsplit\n01\tf\t32\tdepr\tleft\ttrain\n\t\t\t\t\t\n"
    with pytest.raises(KeyError):
        _ = _participants(tmp_path, text)["split"]
    table = bids.read_participants(tmp_path).set_index("participant_id")
    assert table.loc["sub-01", ["sex", "age", "diagnosis", "handedness"]].tolist() == ["f", 32.0, "depr", "left"]


@pytest.mark.fault(16)
def test_bids_repeated_rows(tmp_path: Path) -> None:
    text = "participant_id\tsex\tage\nsub-1\tF\t30\nsub-1\tF\tn/a\nsub-2\tF\t30\nsub-2\tM\t31\n"
    table = _participants(tmp_path, text)
    assert len(table) == 2
    assert table.loc["sub-1", ["sex", "age"]].tolist() == ["f", 30.0]
    assert table.loc["sub-2", "conflicts"] == "sex; age"


def test_bids_without_the_table_is_empty_and_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = bids.read_participants(tmp_path)
    assert len(table) == 0
    assert {"participant_id", "sex", "age"} <= set(table.columns)
    assert "participants.tsv" in caplog.text


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"participant_id,sex\nsub-1,F\n", "participant_id"),
        (b"participant_id\tsex\n\tF\n", "line 2"),
        (b"participant_id\tsex\nsub-1\t\xff\n", "UTF-8"),
        (b"", "participant_id"),
    ],
)
def test_bids_bad_tables_are_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    with pytest.raises(MrisynthError, match=r"participants\.tsv") as error:
        bids.read_participants(tmp_path)
    assert words in str(error.value)


@pytest.mark.fault(16)
def test_a_formula_that_a_program_left_as_text_is_refused(tmp_path: Path) -> None:
    table = _participants(tmp_path, "participant_id\tsex\tage\n01\t=A1\t=30+4\n")
    assert table.loc["sub-01", ["sex", "age"]].isna().all()
    assert table.loc["sub-01", "rejected"] == "sex==A1; age==30+4"


CONFLICTING = """\ufeffparticipant_id\tsex\tage
sub-01\tF\t30
sub-01\tF\t30
sub-02\tF\t40
sub-02\tM\t40
sub-03\tn/a\t35,5
sub-04\t3\t999
sub-9\tM\t50
"""


@pytest.fixture
def bids_folder(tmp_path: Path) -> Path:
    for number in range(1, 9):
        scan = tmp_path / f"sub-{number:02d}" / "anat" / f"sub-{number:02d}_T1w.nii.gz"
        scan.parent.mkdir(parents=True)
        scan.write_bytes(bytes([number]))
    (tmp_path / "participants.tsv").write_text(CONFLICTING)
    return tmp_path


@pytest.mark.fault(16)
@pytest.mark.parametrize(("preset", "lost"), [("better", "conflict"), ("as_published", "dropped")])
def test_a_cohort_logs_every_merge_conflict_refusal_and_absence(bids_folder: Path, preset: str, lost: str) -> None:
    cohort = {"name": "bids", "folder": str(bids_folder), "demographics_rules": {"preset": preset}}
    merged = read_merged(cohort, "", seed=0)
    participants, scans = build_cohort(
        list_bids(bids_folder),
        merged.table,
        source="bids",
        seed=0,
        fractions={"test": 0, "validation": 0},
        age_bounds_years=merged.age_bounds_years,
    )
    assert len(scans) == len(participants) == 8  # no rule loses a scan
    log = demographics_log(merged, participants)
    assert list(log.columns) == ["participant_id", "what", "column", "values", "in_words"]
    found = log.groupby("what")["participant_id"].agg(lambda ids: sorted(set(ids))).to_dict()
    assert found[lost] == ["sub-02"]
    assert found["merged"] == (["sub-01", "sub-02"] if preset == "better" else ["sub-01"])
    assert found["rejected"] == ["sub-04"]
    assert found["no_row"] == ["sub-05", "sub-06", "sub-07", "sub-08"]
    assert found["no_scan"] == ["sub-9"]  # an ID that does not match is in no scan, and said to be so
    assert log["in_words"].str.endswith(".").all()
    known = participants.set_index("participant_id")
    assert known.loc["sub-03", "age"] == 35.5
    assert (
        (known.loc["sub-03", "sex"] == "unknown") if preset == "as_published" else pd.isna(known.loc["sub-03", "sex"])
    )
    write_table(log, bids_folder / "log.tsv")
    pd.testing.assert_frame_equal(read_table(bids_folder / "log.tsv").astype("str"), log.astype("str"))


def test_a_simulated_cohort_has_an_empty_log() -> None:
    merged = read_merged({"name": "simulated", "participants": 3}, "", seed=1)
    assert demographics_log(merged, merged.table).empty
