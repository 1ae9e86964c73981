"""Demographics of IXI and BIDS: coding, merging of repeated rows, refusal of impossible values."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import xlrd

from mrisynth.cohorts import bids, ixi, merging
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table

TITLES = ["IXI_ID", "SEX_ID (1=m, 2=f)", "HEIGHT", "WEIGHT", "ETHNIC_ID", "MARITAL_ID"]
TITLES += ["OCCUPATION_ID", "QUALIFICATION_ID", "AGE"]
WORDS = {"Ethnicity": "White", "Marital Status": "Single", "Occupation": "Retired", "Qualification": "A-levels"}


def _cell(value: object) -> SimpleNamespace:
    if value is None:
        return SimpleNamespace(ctype=xlrd.XL_CELL_EMPTY, value="")
    if isinstance(value, str) and value.startswith("#"):
        return SimpleNamespace(ctype=xlrd.XL_CELL_ERROR, value=7)
    kind = xlrd.XL_CELL_TEXT if isinstance(value, str) else xlrd.XL_CELL_NUMBER
    return SimpleNamespace(ctype=kind, value=value if isinstance(value, str) else float(value))


class _Sheet:
    def __init__(self, rows: list[list[object]]) -> None:
        self._rows = [[_cell(value) for value in row] for row in rows]
        self.nrows = len(rows)

    def row(self, index: int) -> list[SimpleNamespace]:
        return self._rows[index]

    def cell_value(self, row: int, column: int) -> object:
        return self._rows[row][column].value


class _Book:
    def __init__(self, sheets: dict[str, list[list[object]]]) -> None:
        self._sheets = sheets

    def sheet_names(self) -> list[str]:
        return list(self._sheets)

    def sheet_by_name(self, name: str) -> _Sheet:
        return _Sheet(self._sheets[name])


@pytest.fixture
def read_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Read rows as if they stood in IXI.xls."""
    path = tmp_path / "IXI.xls"
    path.write_bytes(b"")

    def read(*rows: list[object], titles: list[str] = TITLES) -> pd.DataFrame:
        sheets = {"Table": [titles, *rows]} | {name: [["ID", "WORD"], [1, word]] for name, word in WORDS.items()}
        monkeypatch.setattr(ixi.xlrd, "open_workbook", lambda _: _Book(sheets))
        return ixi.read_demographics(path).set_index("participant_id")

    return read


def test_ixi_codes(read_rows) -> None:
    table = read_rows([12, 1, 175, 70, 1, 1, 1, 1, 38.8], [2, 2, 0, 0, 0, 0, 0, 0, None], [3, 0, 0, 0, 9, 0, 0, 0, 40])
    assert list(table.index) == ["IXI002", "IXI003", "IXI012"]
    assert table.loc["IXI012", ["sex", "age", "height_cm", "ethnicity"]].tolist() == ["m", 38.8, 175.0, "White"]
    assert table.loc["IXI002", "sex"] == "f"
    known = table.loc["IXI002"].drop("sex")
    assert known.isna().all()
    assert pd.isna(table.loc["IXI003", "sex"])
    assert table.loc["IXI003", "rejected"] == "ethnicity=9"


def test_ixi_rows_of_one_id_are_merged_where_they_agree(read_rows) -> None:
    table = read_rows(
        [237, 2, 167, 0, 1, 1, 1, 1, 78.2],
        [237, 2, 0, 0, 0, 0, 0, 0, 78.2],
        [328, 2, 155, 70, 1, 1, 1, 1, 61.8],
        [328, 1, 0, 0, 0, 0, 0, 0, 62.1],
        [416, 2, 1520, 51, 1, 1, 1, 1, 72.1],
        [416, 2, 176, 51, 0, 0, 0, 0, 72.1],
    )
    assert table.loc["IXI237", ["sex", "age", "height_cm"]].tolist() == ["f", 78.2, 167.0]
    assert pd.isna(table.loc["IXI237", "conflicts"])
    assert table.loc["IXI328", ["sex", "age"]].isna().all()
    assert table.loc["IXI328", "conflicts"] == "sex; age"
    assert table.loc["IXI328", "height_cm"] == 155
    assert table.loc["IXI416", "conflicts"] == "height_cm"
    assert table.loc["IXI416", "weight_kg"] == 51


def test_ixi_impossible_values_are_missing_and_recorded(read_rows) -> None:
    table = read_rows(
        [1, 3, 1850, 70, 1, 1, 1, 1, 999],
        [2, "2", "1,75", 70, 1, 1, 1, 1, "35,8"],
        [3, 1, "tall", 70, 1, 1, 1, 1, "#N/A"],
    )
    assert table.loc["IXI001", ["sex", "age", "height_cm"]].isna().all()
    assert table.loc["IXI001", "rejected"] == "sex=3; age=999; height_cm=1850"
    assert table.loc["IXI002", "age"] == 35.8
    assert table.loc["IXI002", "sex"] == "f"
    assert table.loc["IXI002", "rejected"] == "height_cm=1.75"
    assert table.loc["IXI003", "rejected"] == "age=#DIV/0!; height_cm=tall"


@pytest.mark.parametrize("identity", [0, 1000, 1.5, "abc", None])
def test_ixi_impossible_id_names_the_row(read_rows, identity) -> None:
    with pytest.raises(MrisynthError, match=r"row 3 of sheet `Table` in .*IXI_ID is"):
        read_rows([1, 1, 0, 0, 0, 0, 0, 0, 30], [identity, 1, 0, 0, 0, 0, 0, 0, 30])


def test_ixi_missing_column_is_named(read_rows) -> None:
    with pytest.raises(MrisynthError, match="lacks AGE"):
        read_rows([1, 1, 0, 0, 0, 0, 0, 0], titles=TITLES[:-1])


@pytest.mark.parametrize(
    "content", [b"", b"<html>moved</html>", b"PK\x03\x04 an xlsx", b"\xd0\xcf\x11\xe0" + b"\x00" * 99]
)
def test_a_file_that_is_no_xls_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "IXI.xls"
    path.write_bytes(content)
    with pytest.raises(MrisynthError, match=r"IXI\.xls is no complete binary Excel file"):
        ixi.read_demographics(path)
    with pytest.raises(MrisynthError, match="does not exist"):
        ixi.read_demographics(tmp_path / "absent.xls")


def _participants(folder: Path, text: str) -> pd.DataFrame:
    (folder / "participants.tsv").write_bytes(text.encode())
    return bids.read_participants(folder).set_index("participant_id")


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


def test_merging_does_not_depend_on_the_order_of_rows() -> None:
    rows = [
        merging.Record(participant_id="a", values={"sex": "m", "age": None}),
        merging.Record(participant_id="a", values={"sex": None, "age": 30.0}),
        merging.Record(participant_id="b", values={"sex": "f", "age": 20.0}),
    ]
    forward = merging.merge_records(rows, columns=("sex", "age"))
    pd.testing.assert_frame_equal(forward, merging.merge_records(rows[::-1], columns=("sex", "age")))
    assert forward.iloc[0][["sex", "age"]].tolist() == ["m", 30.0]


def test_the_table_survives_a_round_trip(tmp_path: Path, read_rows) -> None:
    table = read_rows([12, 1, 175, 70, 1, 1, 1, 1, 38.8], [2, 2, 0, 0, 0, 0, 0, 0, None]).reset_index()
    write_table(table, tmp_path / "t.tsv")
    again = read_table(tmp_path / "t.tsv")
    assert again["age"].fillna(-1).tolist() == [-1, 38.8]
    assert again["ethnicity"].fillna("?").tolist() == ["?", "White"]
