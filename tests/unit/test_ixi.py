"""The IXI spreadsheet: real binary Excel files, written on the spot with everything that people put into cells."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from mrisynth.cohorts import ixi
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table

TITLES = ["IXI_ID", "SEX_ID (1=m, 2=f)", "HEIGHT", "WEIGHT", "ETHNIC_ID", "MARITAL_ID"]
TITLES += ["OCCUPATION_ID", "QUALIFICATION_ID", "AGE"]
WORDS = {"Ethnicity": "White", "Marital Status": "Single", "Occupation": "Retired", "Qualification": "A-levels"}
_GLOBALS, _SHEET = 0x0005, 0x0010


@dataclass(frozen=True)
class Formula:
    """A cell that was computed; Excel stores its last result beside the formula."""

    result: float


@dataclass(frozen=True)
class Error:
    """A cell that shows an error; 7 is a division by zero."""

    code: int = 7


def write_xls(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    """Write sheets of rows of cells: None (empty), numbers, text, :class:`Formula`, :class:`Error`."""
    bodies = [_sheet(rows) for rows in sheets.values()]
    names = [_text(name, "<BB") for name in sheets]
    offset = len(_begin(_GLOBALS)) + sum(4 + 6 + len(name) for name in names) + len(_record(0x0A))
    content = _begin(_GLOBALS)
    for name, body in zip(names, bodies, strict=True):
        content += _record(0x85, struct.pack("<IBB", offset, 0, 0) + name)
        offset += len(body)
    path.write_bytes(content + _record(0x0A) + b"".join(bodies))
    return path


def _sheet(rows: Sequence[Sequence[object]]) -> bytes:
    cells = [_cell(row, column, value) for row, line in enumerate(rows) for column, value in enumerate(line)]
    return _begin(_SHEET) + b"".join(cells) + _record(0x0A)


def _cell(row: int, column: int, value: object) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    match value:
        case None:
            return b""
        case str():
            return _record(0x0204, place + _text(value, "<HB"))
        case Formula(result):
            return _record(0x0006, place + struct.pack("<dHIH", result, 0, 0, 3) + b"\x1e\x02\x00")
        case Error(code):
            return _record(0x0205, place + struct.pack("<BB", code, 1))
        case _:
            return _record(0x0203, place + struct.pack("<d", float(value)))


def _text(text: str, layout: str) -> bytes:
    return struct.pack(layout, len(text), 0) + text.encode("latin-1")


def _begin(kind: int) -> bytes:
    return _record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))


def _record(number: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", number, len(body)) + body


@pytest.fixture
def read_rows(tmp_path: Path):
    """Read rows as they stand in an IXI.xls."""

    def read(*rows: list[object], titles: list[str] = TITLES) -> pd.DataFrame:
        sheets = {"Table": [titles, *rows]} | {name: [["ID", "WORD"], [1, word]] for name, word in WORDS.items()}
        return ixi.read_demographics(write_xls(tmp_path / "IXI.xls", sheets)).set_index("participant_id")

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
        [3, 1, "tall", 70, 1, 1, 1, 1, Error()],
    )
    assert table.loc["IXI001", ["sex", "age", "height_cm"]].isna().all()
    assert table.loc["IXI001", "rejected"] == "sex=3; age=999; height_cm=1850"
    assert table.loc["IXI002", "age"] == 35.8
    assert table.loc["IXI002", "sex"] == "f"
    assert table.loc["IXI002", "rejected"] == "height_cm=1.75"
    assert table.loc["IXI003", "rejected"] == "age=#DIV/0!; height_cm=tall"


@pytest.mark.fault(16)
def test_a_formula_cell_is_its_value_and_a_formula_in_words_is_refused(read_rows) -> None:
    table = read_rows(
        [1, 1, Formula(175), 70, 1, 1, 1, 1, Formula(38.8)], [2, Formula(2), 170, 70, 1, 1, 1, 1, "=3*13"]
    )
    assert table.loc["IXI001", ["age", "height_cm"]].tolist() == [38.8, 175.0]
    assert table.loc["IXI002", "sex"] == "f"
    assert pd.isna(table.loc["IXI002", "age"])
    assert table["rejected"].fillna("").tolist() == ["", "age==3*13"]


@pytest.mark.parametrize("identity", [0, 1000, 1.5, "abc", "IXI012", "12", None, Error()])
def test_ixi_impossible_id_names_the_row(read_rows, identity) -> None:
    if identity == "12":  # a number kept as text is a number
        assert list(read_rows([identity, 1, 0, 0, 0, 0, 0, 0, 30]).index) == ["IXI012"]
        return
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


def test_the_table_survives_a_round_trip(tmp_path: Path, read_rows) -> None:
    table = read_rows([12, 1, 175, 70, 1, 1, 1, 1, 38.8], [2, 2, 0, 0, 0, 0, 0, 0, None]).reset_index()
    write_table(table, tmp_path / "t.tsv")
    again = read_table(tmp_path / "t.tsv")
    assert again["age"].fillna(-1).tolist() == [-1, 38.8]
    assert again["ethnicity"].fillna("?").tolist() == ["?", "White"]
