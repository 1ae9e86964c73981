"""Merging: what is written about a person, row by row, becomes one row a person, with a record of what was refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mrisynth.cohorts.ages import age_tercile_bounds_years, terciles
from mrisynth.cohorts.demographics_rules import PRESETS, UNKNOWN_SEX, DemographicsRules
from mrisynth.cohorts.merge_log import Entry, listed, rejection
from mrisynth.files import MISSING

PLAUSIBLE = {"age": (1e-9, 120.0), "height_cm": (100.0, 230.0), "weight_kg": (25.0, 300.0)}
"""Least and greatest accepted value of a number, in years, cm and kg; everything else is missing and recorded."""

_MISSING_WORDS = frozenset({"", "n/a", "na", "nan", "none", "null", "missing", "unknown", "-"})
_SEXES = {"m": "m", "male": "m", "1": "m", "f": "f", "female": "f", "2": "f"}


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a demographics table after reading.

    Attributes:
        participant_id: the person.
        values: value by column; None is missing.
        rejected: what was found and not accepted, as ``column=value``.
        row: number of the row in its table, for the log; 0 where there is none.
    """

    participant_id: str
    values: dict[str, str | float | None]
    rejected: list[str] = field(default_factory=list)
    row: int = 0


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What became of the rows.

    Attributes:
        table: one row a person, as :func:`merge_records` returns it; with the rule ``drop_disagreeing`` also
            ``agreed_tercile``, the age third of a person whose rows state different ages of that third.
        log: what happened on the way.
        age_bounds_years: the ages that end the low and the middle third, where the rules cut them over rows; else
            None.
    """

    table: pd.DataFrame
    log: list[Entry] = field(default_factory=list)
    age_bounds_years: tuple[float, float] | None = None


def is_missing(value: object) -> bool:
    """Tell whether a cell says nothing: None, NaN, an empty cell or a word such as ``n/a``."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in _MISSING_WORDS


def parse_number(value: object) -> float | None:
    """Return a cell as a finite number; a decimal comma is understood; None where it is no number."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value.strip().replace(",", ".")) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def parse_sex(value: object) -> str | None:
    """Return ``m`` or ``f`` for m, male, 1 and f, female, 2 in any case; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _SEXES.get(str(value).strip().lower())


def merge_records(records: Iterable[Record], *, columns: Sequence[str]) -> pd.DataFrame:
    """Merge the rows of each person into one, sorted by participant, by the default rules; see :func:`merge`."""
    return merge(records, columns=columns).table


def merge(records: Iterable[Record], *, columns: Sequence[str], rules: DemographicsRules = PRESETS["better"]) -> Merged:
    """Merge the rows of each person into one, sorted by participant, and say what happened.

    A value stands when all rows of the person that state it agree; where they do not it is missing and the column is
    named in ``conflicts``. Numbers outside :data:`PLAUSIBLE` are missing afterwards and recorded in ``rejected``, so
    that an implausible value that another row contradicts counts as a conflict. ``rules`` may ask for what was
    published instead.

    Returns:
        ``table`` has ``participant_id``, the ``columns``, ``conflicts`` and ``rejected`` (names, values joined by
        ``; ``; missing where there is nothing to say). Columns of :data:`PLAUSIBLE` are float, all others text.
    """
    persons: dict[str, list[Record]] = {}
    for record in records:
        persons.setdefault(record.participant_id, []).append(record)
    strict = rules.repeated_rows == "drop_disagreeing"
    bounds = _bounds_over_rows(persons) if strict or rules.age_bins == "rows" else None
    rows, log = [], []
    for person in sorted(persons):
        if strict and (dropped := _disagreement(person, persons[person], bounds)):
            log.append(dropped)
            continue
        row, entries = _merged(person, persons[person], columns, rules)
        if strict:
            row["agreed_tercile"] = _agreed_third(persons[person], bounds)
        rows.append(row)
        log += entries
    names = ["participant_id", *columns, "conflicts", "rejected", *(["agreed_tercile"] if strict else [])]
    table = pd.DataFrame(rows, columns=names)
    table = table.astype({name: "float64" if name in PLAUSIBLE else "str" for name in names})
    return Merged(table=table, log=log, age_bounds_years=bounds if rules.age_bins == "rows" else None)


def _merged(
    participant_id: str, records: Sequence[Record], columns: Sequence[str], rules: DemographicsRules
) -> tuple[dict[str, Any], list[Entry]]:
    row: dict[str, Any] = {"participant_id": participant_id}
    log: list[Entry] = []
    rejected = dict.fromkeys(text for record in records for text in record.rejected)
    log += [rejection(participant_id, text) for text in rejected]
    for column in columns:
        found = [record.values.get(column) for record in records]
        stated = dict.fromkeys(value for value in found if value is not None)
        value = next(iter(stated)) if len(stated) == 1 else None
        if len(stated) > 1 or (rules.repeated_rows == "drop_disagreeing" and value is not None and None in found):
            log.append(_conflict(participant_id, records, column, found))
            value = None
        if value is not None and column in PLAUSIBLE:
            least, greatest = PLAUSIBLE[column]
            if not least <= float(value) <= greatest:
                text = f"{column}={value:g}"
                rejected[text] = None
                log.append(rejection(participant_id, text, why=f"which is not in {least:.3g} to {greatest:g}"))
                value = None
        row[column] = value
        if column == "sex" and rules.missing_sex == "category" and not stated:
            row[column] = UNKNOWN_SEX
    row["conflicts"] = "; ".join(entry.column or "" for entry in log if entry.what == "conflict") or None
    row["rejected"] = "; ".join(rejected) or None
    return row, [*log, *_merge_of(participant_id, records)]


def _merge_of(person: str, records: Sequence[Record]) -> list[Entry]:
    if len(records) == 1:
        return []
    words = f"{_rows(records)} of {person} became one row."
    return [Entry(participant_id=person, what="merged", values=str(len(records)), in_words=words)]


def _conflict(person: str, records: Sequence[Record], column: str, found: Sequence[object]) -> Entry:
    return Entry(
        participant_id=person,
        what="conflict",
        column=column,
        values=_values(found),
        in_words=f"{_rows(records)} of {person} state {_in_words(found)} as {column}, which is missing from here on.",
    )


def _disagreement(person: str, records: Sequence[Record], bounds: tuple[float, float]) -> Entry | None:
    """Return why a person is left out by the published rule; None where its rows agree on sex and age third."""
    if len(records) == 1:
        return None
    ages = [record.values.get("age") for record in records]
    thirds = [_third(age, bounds) for age in ages]
    sexes = [record.values.get("sex") for record in records]
    if len(set(sexes)) == 1 and len(set(thirds)) == 1 and thirds[0] is not None:
        return None
    column, found = ("sex", sexes) if len(set(sexes)) > 1 else ("age", ages)
    return Entry(
        participant_id=person,
        what="dropped",
        column=column,
        values=_values(found),
        in_words=f"{_rows(records)} of {person} state {_in_words(found)} as {column}; all that is known of {person} is "
        f"left out, as published (cohort.demographics_rules.repeated_rows).",
    )


def _bounds_over_rows(persons: Mapping[str, Sequence[Record]]) -> tuple[float, float]:
    ages = [record.values.get("age") for records in persons.values() for record in records]
    least, greatest = PLAUSIBLE["age"]
    return age_tercile_bounds_years([float(age) for age in ages if age is not None and least <= float(age) <= greatest])


def _third(age: float | str | None, bounds: tuple[float, float]) -> str | None:
    return None if age is None else str(terciles(pd.Series([float(age)]), bounds).iloc[0])


def _agreed_third(records: Sequence[Record], bounds: tuple[float, float]) -> str | None:
    """Return the third of rows that state different ages of it; None where the age itself tells or is refused."""
    ages = {record.values.get("age") for record in records} - {None}
    least, greatest = PLAUSIBLE["age"]
    if len(ages) < 2 or not all(least <= float(age) <= greatest for age in ages):
        return None
    return _third(ages.pop(), bounds)


def _rows(records: Sequence[Record]) -> str:
    numbers = [str(record.row) for record in records if record.row]
    return f"Rows {listed(numbers)}" if len(numbers) == len(records) else f"{len(records)} rows"


def _values(found: Sequence[object]) -> str:
    return " | ".join(MISSING if value is None else _shown(value) for value in found)


def _in_words(found: Sequence[object]) -> str:
    if not any(found):
        return "nothing"
    return listed(["nothing" if value is None else _shown(value) for value in found])


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
