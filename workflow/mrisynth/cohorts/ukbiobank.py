"""UK Biobank: who the participants are, from a table of field IDs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.merging import PLAUSIBLE, Merged, Record, is_missing, merge, parse_number
from mrisynth.errors import MrisynthError

TABLE_KEY = "cohort.demographics"
SEX, AGE, CENTRE = "31", "21003", "54"
CENTRES = {"11025": "Cheadle", "11026": "Reading", "11027": "Newcastle", "11028": "Bristol"}
"""Codes of the assessment centres that scan (field 54, data coding 10)."""

_SEXES = {"0": "f", "1": "m", "female": "f", "male": "m"}
_OURS = frozenset(("participant_id", "sex", "age", "site", "visit", "diagnosis", "conflicts", "rejected"))
_COLUMN = re.compile(r"(?:f\.|p|x)?(?P<field>\d+)(?:(?:[.-]|_i)(?P<instance>\d+))?(?:(?:\.|_a)(?P<array>\d+))?")
_LOG = logging.getLogger(__name__)


def read_ukbiobank(scans: Sequence[ScanFile], *, table: Path | None) -> tuple[Merged, pd.DataFrame]:
    """Read what a table of the Biobank says of the persons who were scanned, and of each scan.

    Column names are those of any delivery: ``31-0.0``, ``f.31.0.0`` or ``p31``; ``21003-2.0``, ``f.21003.2.0`` or
    ``p21003_i2``. Sex (field 31) is 0 for female and 1 for male. Age (21003) and assessment centre (54, the site) are
    those of the scan's own instance; there is no other to fall back on, for at instance 0 nobody was scanned.

    Args:
        scans: the scans; only their persons are read.
        table: CSV or TSV with a column ``eid``; None leaves everything missing, with a warning.

    Returns:
        people: its table has one row a person: participant_id, sex, all other columns under their own names (text),
            conflicts, rejected.
        scans: one row a scan: scan, visit (``i2``), age (years), site.

    Raises:
        MrisynthError: the file is no such table, or describes none of the scanned persons.
    """
    if table is None:
        _LOG.warning("`%s` is empty; sex, age and site of all participants are missing", TABLE_KEY)
    rows = pd.DataFrame() if table is None else _read(table, {scan.participant_id for scan in scans})
    columns = {(_field(name), _instance(name)): name for name in reversed(rows.columns) if _field(name)}
    sex = next((name for (field, _), name in columns.items() if field == SEX), None)
    instances = {_instance_of(scan) for scan in scans}
    used = {name for (field, seen), name in columns.items() if field in (AGE, CENTRE) and seen in instances}
    others = [name for name in rows.columns if name not in used | {"eid", sex} and name.lower() not in _OURS]
    records = [_record(row, sex, others) for row in rows.to_dict("records")]
    people = merge(records, columns=("sex", *others))
    return people, _at_the_scans(scans, rows, columns)


def _read(path: Path, persons: set[str]) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            header = stream.readline()
        separator = "\t" if "\t" in header else ","
        rows = pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise MrisynthError(f"{TABLE_KEY}: {path} cannot be read as a table ({error}).") from error
    rows = rows.rename(columns={name: "eid" for name in rows if name.strip().lower() in ("eid", "f.eid")})
    if "eid" not in rows:
        raise MrisynthError(f"{TABLE_KEY}: {path} lacks the column `eid` (found {', '.join(rows.columns[:8])}).")
    rows["eid"] = rows["eid"].str.strip()
    scanned = rows[("sub-" + rows["eid"]).isin(persons)]
    if scanned.empty:
        raise MrisynthError(
            f"{TABLE_KEY}: {path} describes none of the {len(persons)} persons with a scan: it has eids such as "
            f"{rows['eid'].iloc[0] if len(rows) else 'none'}, the scans such as {sorted(persons)[0]}; the numbers of "
            f"two applications differ, so give the table of the same application."
        )
    return scanned.reset_index(drop=True)


def _field(name: str) -> str:
    match = _COLUMN.fullmatch(name.strip())
    return match["field"] if match else ""


def _instance(name: str) -> str:
    match = _COLUMN.fullmatch(name.strip())
    return (match["instance"] or "") if match else ""


def _instance_of(scan: ScanFile) -> str:
    return scan.scan.split("-i")[1].split("-")[0]


def _record(row: Mapping[str, str], sex: str | None, others: Sequence[str]) -> Record:
    values: dict[str, str | float | None] = {name: _stated(row[name]) for name in others}
    raw = _stated(row[sex]) if sex else None
    values["sex"] = _SEXES.get(raw.lower()) if raw else None
    rejected = [f"sex={raw}"] if raw and values["sex"] is None else []
    return Record(participant_id=f"sub-{row['eid']}", values=values, rejected=rejected)


def _at_the_scans(
    scans: Sequence[ScanFile], rows: pd.DataFrame, columns: Mapping[tuple[str, str], str]
) -> pd.DataFrame:
    known = {f"sub-{row['eid']}": row for row in rows.to_dict("records")}
    result = []
    for scan in scans:
        instance = _instance_of(scan)
        row = known.get(scan.participant_id, {})
        age = parse_number(_stated(row.get(columns.get((AGE, instance), ""))))
        least, greatest = PLAUSIBLE["age"]
        centre = _stated(row.get(columns.get((CENTRE, instance), "")))
        result.append(
            {
                "scan": scan.scan,
                "visit": f"i{instance}",
                "age": age if age is not None and least <= age <= greatest else None,
                "site": CENTRES.get(centre, centre) if centre else None,
            }
        )
    table = pd.DataFrame(result, columns=["scan", "visit", "age", "site"])
    return table.astype({"scan": "str", "visit": "str", "age": "float64", "site": "str"})


def _stated(value: str | None) -> str | None:
    return None if is_missing(value) else " ".join(str(value).split())
