"""Merging: what is written about a person, row by row, becomes one row a person, with a record of what was refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

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
    """

    participant_id: str
    values: dict[str, str | float | None]
    rejected: list[str] = field(default_factory=list)


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
    """Merge the rows of each person into one, sorted by participant.

    A value stands when all rows of the person that state it agree; where they do not it is missing and the column is
    named in ``conflicts``. Numbers outside :data:`PLAUSIBLE` are missing afterwards and recorded in ``rejected``, so
    that an implausible value that another row contradicts counts as a conflict.

    Returns:
        A table with ``participant_id``, the ``columns``, ``conflicts`` and ``rejected`` (names, values joined by
        ``; ``; missing where there is nothing to say). Columns of :data:`PLAUSIBLE` are float, all others text.
    """
    persons: dict[str, list[Record]] = {}
    for record in records:
        persons.setdefault(record.participant_id, []).append(record)
    rows = [_merged(person, persons[person], columns) for person in sorted(persons)]
    table = pd.DataFrame(rows, columns=["participant_id", *columns, "conflicts", "rejected"])
    return table.astype({name: "float64" if name in PLAUSIBLE else "str" for name in table.columns})


def _merged(participant_id: str, records: Sequence[Record], columns: Sequence[str]) -> Mapping[str, Any]:
    row: dict[str, Any] = {"participant_id": participant_id}
    conflicts = []
    rejected = [text for record in records for text in record.rejected]
    for column in columns:
        stated = {record.values.get(column) for record in records} - {None}
        value = stated.pop() if len(stated) == 1 else None
        if stated:
            conflicts.append(column)
        if value is not None and column in PLAUSIBLE:
            least, greatest = PLAUSIBLE[column]
            if not least <= float(value) <= greatest:
                rejected.append(f"{column}={value:g}")
                value = None
        row[column] = value
    row["conflicts"] = "; ".join(conflicts) or None
    row["rejected"] = "; ".join(dict.fromkeys(rejected)) or None
    return row
