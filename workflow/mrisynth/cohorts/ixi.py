"""IXI: the demographics of the IXI data set, read from its spreadsheet."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import xlrd
from xlrd.compdoc import CompDocError

from mrisynth.cohorts.merging import Record, is_missing, merge_records, parse_number, parse_sex
from mrisynth.errors import MrisynthError

_SHEET = "Table"
_ID = "IXI_ID"
_SEX = "SEX_ID"
_NUMBERS = {"age": "AGE", "height_cm": "HEIGHT", "weight_kg": "WEIGHT"}
_CODED = {  # column: (header in the sheet, sheet that explains its codes)
    "ethnicity": ("ETHNIC_ID", "Ethnicity"),
    "marital_status": ("MARITAL_ID", "Marital Status"),
    "occupation": ("OCCUPATION_ID", "Occupation"),
    "qualification": ("QUALIFICATION_ID", "Qualification"),
}
COLUMNS = ("sex", "age", "height_cm", "weight_kg", *_CODED)


def read_demographics(path_xls: Path) -> pd.DataFrame:
    """Read ``IXI.xls``: one row a person, sorted by ``participant_id`` (``IXI012``).

    ``SEX_ID`` is 1 for m and 2 for f; 0 is missing there, in the coded columns, in height and in weight. Codes are
    replaced by the words of the file's own sheets. Rows of one ID are merged: what they state differently becomes
    missing and is named in ``conflicts``; what no rule accepts (sex 3, a height of 1850 cm) becomes missing and is
    recorded in ``rejected``. Dates of birth and of the study are not kept.

    Returns:
        Columns participant_id, sex (``m``, ``f``), age (years), height_cm, weight_kg, ethnicity, marital_status,
        occupation, qualification, conflicts, rejected.

    Raises:
        MrisynthError: the file is missing or no binary Excel file, a sheet or column is missing, or an ID is no
            whole number from 1 to 999.
    """
    return merge_records(read_records(path_xls), columns=COLUMNS)


def read_records(path_xls: Path) -> list[Record]:
    """Read the rows of ``IXI.xls``, unmerged, in their order; see :func:`read_demographics`."""
    book = _open(path_xls)
    sheet = _sheet(book, _SHEET, path_xls)
    header = _header(sheet, path_xls)
    words = {name: _lookup(_sheet(book, sheet_name, path_xls)) for name, (_, sheet_name) in _CODED.items()}
    records = [
        _record(sheet.row(index), header, words, row=index + 1, path=path_xls) for index in range(1, sheet.nrows)
    ]
    if not records:
        raise MrisynthError(f"{path_xls}: sheet `{_SHEET}` has no rows; download IXI.xls again.")
    return records


def _open(path: Path) -> xlrd.Book:
    if not path.is_file():
        raise MrisynthError(f"cohort.demographics: {path} does not exist; give IXI.xls, or null to download it.")
    try:
        return xlrd.open_workbook(str(path))
    except (
        xlrd.XLRDError,
        CompDocError,
        zipfile.BadZipFile,
        struct.error,
        AssertionError,
        LookupError,
        ValueError,
    ) as error:
        raise MrisynthError(
            f"cohort.demographics: {path} is no complete binary Excel file ({error}); expected IXI.xls as published."
        ) from error


def _sheet(book: xlrd.Book, name: str, path: Path) -> xlrd.sheet.Sheet:
    if name not in book.sheet_names():
        raise MrisynthError(f"{path}: sheet `{name}` is missing (found {', '.join(book.sheet_names())}); give IXI.xls.")
    return book.sheet_by_name(name)


def _header(sheet: xlrd.sheet.Sheet, path: Path) -> dict[str, int]:
    titles = [str(cell.value).strip() for cell in sheet.row(0)] if sheet.nrows else []
    found = {title.split(" ")[0].upper(): index for index, title in enumerate(titles)}  # "SEX_ID (1=m, 2=f)"
    needed = [_ID, _SEX, *_NUMBERS.values(), *(title for title, _ in _CODED.values())]
    if missing := [title for title in needed if title not in found]:
        raise MrisynthError(f"{path}: sheet `{_SHEET}` lacks {', '.join(missing)} (found {', '.join(titles)}).")
    return found


def _lookup(sheet: xlrd.sheet.Sheet) -> dict[int, str]:
    pairs = [(parse_number(sheet.cell_value(i, 0)), str(sheet.cell_value(i, 1)).strip()) for i in range(1, sheet.nrows)]
    return {int(code): word for code, word in pairs if code is not None and word}


def _record(
    cells: Sequence[xlrd.sheet.Cell],
    header: Mapping[str, int],
    words: Mapping[str, Mapping[int, str]],
    *,
    row: int,
    path: Path,
) -> Record:
    raw = {title: _value(cells[index]) for title, index in header.items()}
    number = parse_number(raw[_ID])
    if number is None or not number.is_integer() or not 1 <= number <= 999:
        raise MrisynthError(
            f"row {row} of sheet `{_SHEET}` in {path}: {_ID} is {raw[_ID]!r}; expected a whole number from 1 to 999."
        )
    values: dict[str, str | float | None] = {}
    for name, title in _NUMBERS.items():
        values[name] = parse_number(raw[title])
        if values[name] == 0:
            values[name] = raw[title] = None
    values["sex"] = parse_sex(raw[_SEX])
    for name, (title, _) in _CODED.items():
        code = parse_number(raw[title])
        values[name] = words[name].get(code) if code is not None else None
    titles = _NUMBERS | {"sex": _SEX} | {name: title for name, (title, _) in _CODED.items()}
    rejected = [
        f"{name}={_shown(raw[title])}"
        for name, title in titles.items()
        if values[name] is None and not is_missing(raw[title]) and parse_number(raw[title]) != 0
    ]
    return Record(participant_id=f"IXI{int(number):03d}", values=values, rejected=rejected, row=row)


def _value(cell: xlrd.sheet.Cell) -> object:
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return None
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(cell.value, "#ERROR")
    if cell.ctype in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_TEXT):
        return cell.value
    return f"{('date' if cell.ctype == xlrd.XL_CELL_DATE else 'boolean')} {cell.value}"


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return " ".join(text.split())
