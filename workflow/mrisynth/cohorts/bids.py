"""BIDS: the participants table of a BIDS data set."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mrisynth.cohorts.bids_levels import read_levels
from mrisynth.cohorts.merging import Record, is_missing, merge_records, parse_number, parse_sex
from mrisynth.errors import MrisynthError

_LOG = logging.getLogger(__name__)
_ID = "participant_id"
_ALIASES = {  # our column: names that it goes by, first found first taken
    "sex": ("sex", "gender"),
    "age": ("age",),
    "site": ("site", "site_id"),
    "diagnosis": ("diagnosis", "group", "dx"),
}
_RESERVED = frozenset(
    ("source", "scan", "visit", "age_tercile", "split", "t1w", "sha256", "label", "label_name", "conflicts", "rejected")
)


def read_participants(folder: Path) -> pd.DataFrame:
    """Read ``participants.tsv`` of a BIDS data set: one row a person, sorted by ``participant_id``.

    Sex is m, male or 1 for ``m`` and f, female or 2 for ``f`` in any case (column ``sex`` or ``gender``), unless the
    ``Levels`` of ``participants.json`` say what the codes stand for; any other
    value, and an age that is no number above 0 and up to 120 years, becomes missing and is recorded in ``rejected``.
    A decimal comma is understood. Rows of one participant are merged, values that they state differently become
    missing and are named in ``conflicts``. An ID without ``sub-`` gets it. Further columns are kept as text.
    Without the file the table is empty and a warning says so: BIDS does not require it.

    Returns:
        Columns participant_id, sex, age (years), site, diagnosis (from ``diagnosis``, ``group`` or ``dx``), the
        file's other columns, conflicts, rejected.

    Raises:
        MrisynthError: the file is no tab-separated table with a column ``participant_id``, or an ID is empty.
    """
    records, columns = read_records(folder)
    return merge_records(records, columns=columns)


def read_records(folder: Path) -> tuple[list[Record], tuple[str, ...]]:
    """Read the rows of ``participants.tsv``, unmerged, and their columns; see :func:`read_participants`."""
    path = folder / "participants.tsv"
    if not path.is_file():
        _LOG.warning("%s does not exist; sex, age and diagnosis of all participants are missing", path)
        return [], tuple(_ALIASES)
    header, rows = _read(path)
    lowered = {name.strip().lower(): name for name in header}
    sources = {
        ours: next((lowered[name] for name in names if name in lowered), None) for ours, names in _ALIASES.items()
    }
    taken = {*sources.values(), lowered[_ID]}
    others = [
        name for name in header if name and name not in taken and name.strip().lower() not in {*_RESERVED, *_ALIASES}
    ]
    if sources["sex"]:
        levels = read_levels(path, sources["sex"])
        rows = [_with_words(row, sources["sex"], levels) for row in rows]
    records = [
        _record(row, lowered[_ID], sources, others, line=line, path=path) for line, row in enumerate(rows, start=2)
    ]
    return records, (*_ALIASES, *others)


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", restval="", quoting=csv.QUOTE_NONE)
            header, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MrisynthError(f"{path} cannot be read as a UTF-8 table ({error}).") from error
    if _ID not in {name.strip().lower() for name in header}:
        raise MrisynthError(f"{path}: a tab-separated table with a column `{_ID}` was expected; found {header[:5]}.")
    return header, [row for row in rows if any(isinstance(cell, str) and cell.strip() for cell in row.values())]


def _with_words(row: dict[str, str], column: str, levels: Mapping[str, str]) -> dict[str, str]:
    """Return the row with the word of a sex in place of its code, where that word is one of a sex."""
    word = levels.get(row[column].strip().lower(), "")
    return row | {column: word} if word and parse_sex(word) else row


def _record(
    row: Mapping[str, str],
    id_column: str,
    sources: Mapping[str, str | None],
    others: list[str],
    *,
    line: int,
    path: Path,
) -> Record:
    participant = row[id_column].strip()
    if is_missing(participant):
        raise MrisynthError(f"line {line} of {path}: `{_ID}` is empty; every row needs the ID of its participant.")
    if not participant.startswith("sub-"):
        participant = f"sub-{participant}"
    raw = {ours: row[name] if name else None for ours, name in sources.items()} | {name: row[name] for name in others}
    parsers = {"sex": parse_sex, "age": parse_number}
    values = {name: None if is_missing(value) else parsers.get(name, _text)(value) for name, value in raw.items()}
    rejected = [f"{name}={_text(raw[name])}" for name in raw if values[name] is None and not is_missing(raw[name])]
    return Record(participant_id=participant, values=values, rejected=rejected, row=line)


def _text(value: str) -> str:
    return " ".join(str(value).split())
