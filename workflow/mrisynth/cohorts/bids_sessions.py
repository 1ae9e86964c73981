"""Sessions: the age and the diagnosis at each visit of a BIDS data set."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.merging import PLAUSIBLE, is_missing, parse_number
from mrisynth.errors import MrisynthError

_SESSION = re.compile(r"-ses-([A-Za-z0-9]+)(?:-|$)")
_DIAGNOSES = ("diagnosis", "group", "dx")
_LOG = logging.getLogger(__name__)


def read_sessions(folder: Path, scans: Sequence[ScanFile]) -> pd.DataFrame | None:
    """Read ``sub-*/sub-*_sessions.tsv`` of the scanned persons: age and diagnosis at the session of each scan.

    Args:
        folder: root of the data set.
        scans: as :func:`mrisynth.cohorts.listing.list_bids` lists them; one without a session says nothing.

    Returns:
        One row a scan: scan, age (years, above 0 and up to 120, else missing), diagnosis; columns that no file has are
        left out. None when no file states an age or a diagnosis.

    Raises:
        MrisynthError: a file is no tab-separated table with a column ``session_id``, or names a session twice.
    """
    tables = {person: _read(folder, person) for person in sorted({scan.participant_id for scan in scans})}
    rows = []
    for scan in scans:
        session = _SESSION.search(scan.scan)
        row = tables[scan.participant_id].get(session[1], {}) if session else {}
        diagnosis = next((row[name] for name in _DIAGNOSES if not is_missing(row.get(name))), None)
        rows.append({"scan": scan.scan, "age": _age(row, scan.scan), "diagnosis": diagnosis})
    values = pd.DataFrame(rows, columns=["scan", "age", "diagnosis"])
    values = values.astype({"scan": "str", "age": "float64", "diagnosis": "str"})
    stated = [name for name in ("age", "diagnosis") if values[name].notna().any()]
    return values[["scan", *stated]] if stated else None


def _read(folder: Path, person: str) -> dict[str, Mapping[str, str]]:
    """Return the rows of a person's table by session, column names in lower case; empty without the file."""
    path = folder / person / f"{person}_sessions.tsv"
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t", restval="", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MrisynthError(f"{path} cannot be read as a UTF-8 table ({error}).") from error
    plain = [{str(name).strip().lower(): str(cell or "").strip() for name, cell in row.items()} for row in rows]
    if any("session_id" not in row for row in plain):
        raise MrisynthError(f"{path}: a tab-separated table with a column `session_id` was expected.")
    sessions = {row["session_id"].removeprefix("ses-"): row for row in plain}
    if len(sessions) < len(plain):
        raise MrisynthError(f"{path} names a session twice; every session has one row.")
    return sessions


def _age(row: Mapping[str, str], scan: str) -> float | None:
    if is_missing(row.get("age")):
        return None
    age = parse_number(row["age"])
    least, greatest = PLAUSIBLE["age"]
    if age is None or not least <= age <= greatest:
        _LOG.warning("%s has the age %s in its sessions table, which is not accepted and missing", scan, row["age"])
        return None
    return age
