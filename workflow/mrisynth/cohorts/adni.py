"""ADNI: the participants and the visits of an ADNI download, from its search table and ADNIMERGE."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from mrisynth.cohorts.adni_listing import AdniImage, AdniSelection, parse_day
from mrisynth.cohorts.merging import PLAUSIBLE, Merged, Record, is_missing, merge, parse_number, parse_sex
from mrisynth.cohorts.rows import column_of, plain, read_rows
from mrisynth.errors import MrisynthError

MERGE_KEY = "cohort.adni.adnimerge"
DAYS_PER_YEAR = 365.25
DIAGNOSES = {
    "CN": ("CN", "NL", "Normal", "SMC", "Control"),
    "MCI": ("MCI", "EMCI", "LMCI"),
    "AD": ("AD", "Dementia"),
}
"""Our diagnoses and what they are called: persons with significant memory concern (SMC) test as normal; early and late
MCI differ in a test score only. ``NL to MCI`` is the state after the change."""

_FIELDS = {  # field: names of its column in ADNIMERGE
    "day": ("EXAMDATE",),
    "visit": ("VISCODE",),
    "diagnosis": ("DX",),
    "first_diagnosis": ("DX_bl",),
    "age": ("AGE",),
    "sex": ("PTGENDER",),
    "education_years": ("PTEDUCAT",),
    "apoe4": ("APOE4",),
    "first_day": ("EXAMDATE_bl",),
}
_PERSON = ("sex", "education_years", "apoe4")
_NOT_STATED = ("-4", "-1")  # codes of the archive for not asked and unknown
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Exam:
    day: date
    diagnosis: str


@dataclass(frozen=True, kw_only=True)
class _Person:
    """What ADNIMERGE says of a person: exams with a diagnosis, and the age (years) at the baseline visit."""

    exams: list[_Exam]
    baseline: date | None
    baseline_age: float | None
    rows: list[Mapping[str, str]]


def read_adni(selection: AdniSelection, *, adnimerge: Path | None, window_days: int) -> tuple[Merged, pd.DataFrame]:
    """Read what is known of the persons and of the scans of an ADNI download.

    The diagnosis of a scan is that of its visit: with ADNIMERGE the ``DX`` (of the baseline exam, where that is empty,
    ``DX_bl``) of the exam nearest in time, at most ``window_days`` away (of two equally near the earlier), else
    missing; without ADNIMERGE the ``Group`` of the search table. The age is ``AGE`` (that of the baseline visit) and
    the time from the baseline exam to the scan, in years of 365.25 days; where ADNIMERGE does not say it, the ``Age``
    of the search table.

    Args:
        selection: the scans, from :func:`mrisynth.cohorts.adni_listing.list_adni`.
        adnimerge: ``ADNIMERGE.csv``, or None.
        window_days: greatest distance between a scan and the exam that diagnoses it.

    Returns:
        people: its table has one row a person: participant_id, sex, site (first three digits of the subject's ID),
            education_years, apoe4, conflicts, rejected.
        scans: one row a scan: scan, visit, age (years), diagnosis (``CN``, ``MCI``, ``AD``), diagnosis_source
            (``adnimerge``, ``group``), days_to_exam (exam after the scan: positive), image, description.

    Raises:
        ConfigError: ADNIMERGE cannot be read.
        MrisynthError: it lacks a column that is needed.
    """
    roster = None if adnimerge is None else _read_merge(adnimerge)
    rows = [_scan_row(image, roster, window_days) for image in selection.images.values()]
    scans = pd.DataFrame(rows).astype({"age": "float64", "days_to_exam": "Int64"})
    scans = scans.astype({name: "str" for name in scans.columns if name not in ("age", "days_to_exam")})
    _report(selection, scans, roster)
    return _people(selection, roster or {}), scans


def diagnosis_of(text: str | None) -> str | None:
    """Return ``CN``, ``MCI`` or ``AD`` for a group or diagnosis of ADNI in any case; None for any other text."""
    last = (text or "").lower().split(" to ")[-1].strip()
    return next((ours for ours, words in DIAGNOSES.items() if last in map(str.lower, words)), None)


def _read_merge(path: Path) -> dict[int, _Person]:
    """Read ADNIMERGE: persons by their roster number (RID, the last digits of the subject's ID)."""
    rows = read_rows(path, key=MERGE_KEY)
    columns = {name: column_of(rows, *spellings) for name, spellings in _FIELDS.items()}
    who = column_of(rows, "PTID", "RID")
    missing = [_FIELDS[name][0] for name in ("day", "diagnosis", "age") if columns[name] is None]
    if missing or who is None:
        raise MrisynthError(
            f"{MERGE_KEY}: {path} lacks {', '.join([*missing, *(['PTID or RID'] if who is None else [])])} "
            f"(found {', '.join(list(rows[0])[:12])} ...); give ADNIMERGE.csv as downloaded."
        )
    persons: dict[int, list[Mapping[str, str]]] = {}
    for row in rows:
        number = row.get(who, "").split("_")[-1]
        if number.isdigit():
            fields = {name: row.get(column, "") if column else "" for name, column in columns.items()}
            persons.setdefault(int(number), []).append(fields)
    return {number: _person(fields) for number, fields in persons.items()}


def _person(rows: list[Mapping[str, str]]) -> _Person:
    first = [row for row in rows if plain(row["visit"]) == "bl"]
    exams = [
        _Exam(day=day, diagnosis=diagnosis)
        for row in rows
        if (day := _date(parse_day(row["day"])))
        and (diagnosis := diagnosis_of(row["diagnosis"] or (row["first_diagnosis"] if row in first else "")))
    ]
    starts = [_date(parse_day(day)) for day in [row["day"] for row in first] + [row["first_day"] for row in rows]]
    ages = [parse_number(row["age"]) for row in [*first, *rows]]
    return _Person(
        exams=sorted(exams, key=lambda exam: exam.day),
        baseline=next((day for day in starts if day), None),
        baseline_age=next((age for age in ages if age is not None), None),
        rows=rows,
    )


def _scan_row(image: AdniImage, roster: Mapping[int, _Person] | None, window_days: int) -> dict[str, object]:
    person = (roster or {}).get(_number(image))
    day = _date(image.day)
    exam = _nearest(person, day, window_days) if person and day else None
    diagnosis = diagnosis_of(image.row.get("group")) if roster is None else exam and exam.diagnosis
    return {
        "scan": image.scan,
        "visit": image.visit or None,
        "age": _age(image, person, day),
        "diagnosis": diagnosis,
        "diagnosis_source": diagnosis and ("group" if roster is None else "adnimerge"),
        "days_to_exam": (exam.day - day).days if exam and day else None,
        "image": image.image,
        "description": image.description or None,
    }


def _nearest(person: _Person, day: date, window_days: int) -> _Exam | None:
    near = [exam for exam in person.exams if abs((exam.day - day).days) <= window_days]
    return min(near, key=lambda exam: (abs((exam.day - day).days), exam.day), default=None)


def _age(image: AdniImage, person: _Person | None, day: date | None) -> float | None:
    age = parse_number(image.row.get("age"))
    if person and day and person.baseline and person.baseline_age is not None:
        age = person.baseline_age + (day - person.baseline).days / DAYS_PER_YEAR
    least, greatest = PLAUSIBLE["age"]
    return round(age, 2) if age is not None and least <= age <= greatest else None


def _people(selection: AdniSelection, roster: Mapping[int, _Person]) -> Merged:
    records: dict[str, Record] = {}
    for image in selection.images.values():
        person = roster.get(_number(image))
        for row in [image.row, *(person.rows if person else [])]:
            record = _record(image, row)
            records.setdefault(repr(record), record)  # what every visit repeats is said once
    return merge(records.values(), columns=("sex", "site", *_PERSON[1:]))


def _record(image: AdniImage, row: Mapping[str, str]) -> Record:
    raw = {name: row.get(name) for name in _PERSON}
    values = {name: None if is_missing(value) or value in _NOT_STATED else value for name, value in raw.items()}
    values["sex"] = parse_sex(raw["sex"])
    values["site"] = image.subject.split("_")[0]
    rejected = [f"sex={raw['sex']}"] if values["sex"] is None and not is_missing(raw["sex"]) else []
    return Record(participant_id=image.participant_id, values=values, rejected=rejected)


def _report(selection: AdniSelection, scans: pd.DataFrame, roster: Mapping[int, _Person] | None) -> None:
    for finding in selection.findings:
        if finding.reason:
            log = _LOG.info if finding.reason in ("repeat", "not_t1") else _LOG.warning
            log("%s (%s): %s", finding.status, finding.reason, finding.message)
    for name in ("age", "diagnosis"):
        if absent := scans["scan"][scans[name].isna()].tolist():
            _LOG.warning("%d of %d scans have no %s: %s", len(absent), len(scans), name, ", ".join(absent[:20]))
    images = selection.images.values()
    if roster is None:
        groups = {image.row["group"] for image in images if image.row.get("group")}
        unknown = sorted(group for group in groups if diagnosis_of(group) is None)
    else:
        unknown = []
        strangers = sorted({image.participant_id for image in images if _number(image) not in roster})
        if strangers:
            _LOG.warning("%d persons have no row in ADNIMERGE: %s", len(strangers), ", ".join(strangers[:20]))
    if unknown:
        _LOG.warning("groups that are no diagnosis here, and missing: %s", ", ".join(unknown))


def _number(image: AdniImage) -> int:
    return int(image.subject.split("_")[2])


def _date(day: str) -> date | None:
    try:
        return date.fromisoformat(day) if day else None
    except ValueError:  # 30 February
        return None
