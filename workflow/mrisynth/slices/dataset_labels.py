"""The labels of ``dataset.json`` in the forms that generators of slices exchange, read as one table and written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError

FILE, SPLIT, CLASS = "file", "split", "class"
FORMS = ("pairs", "nested", "native")
"""``pairs``: ``[file, {covariate: value}]``. ``nested``: ``[file, {covariate: {"row": value}}]``, as a row of a pandas
table becomes a dictionary. ``native``: ``[file, class number]`` or ``[file, [values]]``, as StyleGAN reads them."""

_LONGEST_NAME = 100
_MOST_VALUES = 4096
_MOST_CLASSES = 2**31


def read_labels(
    entries: Sequence[tuple[str, Any]], *, where: str, columns: Sequence[str] | None = None
) -> tuple[pd.DataFrame, str]:
    """Return the labels of entries as a table, and the form that they had.

    Args:
        entries: file and label of each image.
        where: the file that they are from, named in errors.
        columns: names of the values of the form ``native``; None: ``class`` of a class number, else ``value_0`` ...

    Returns:
        table: one row an entry, in order: ``file`` and a column for each covariate, in the order that they come up;
            float64, or text where the values are words. What an entry does not have, and NaN or null, is missing.
        form: one of :data:`FORMS`.

    Raises:
        MrisynthError: entries have several forms (one without any label, ``{}``, fits all), or a value is neither a
            finite number nor a word; the message names the number of the entry, from 0, and its file.
    """
    if not entries:
        raise MrisynthError(f"{where} has no labels; expected one entry for each image.")
    form = next((kind for _, label in entries if (kind := _form(label)) != "empty"), "pairs")
    read: Callable[[Any], dict[str, Any]] = {
        "pairs": dict,
        "nested": _nested,
        "native": lambda label: _native(label, columns),
    }.get(form, _nothing)
    rows = []
    for number, (file, label) in enumerate(entries):
        try:
            if _form(label) not in (form, "empty"):
                raise ValueError(f"is labelled in the form {_form(label)}, others in the form {form}")
            rows.append({FILE: file} | (_checked(read(label)) if label != {} else {}))
        except ValueError as error:
            raise MrisynthError(f"{where}: entry {number} ({file[:_LONGEST_NAME]!a}) {error}.") from error
    return _table(rows, where=where), form


def written_labels(table: pd.DataFrame, *, form: str) -> list[Any]:
    """Return the labels of a table in one of the forms, ready for JSON, in its order.

    A missing value is left out of ``pairs`` and ``nested``. A single column of whole numbers from 0 on is in
    ``native`` a class number.

    Args:
        table: a column for each covariate, numbers or text.
        form: one of :data:`FORMS`.

    Raises:
        MrisynthError: the form is unknown, or ``native`` is asked for a missing value, a word or no column.
    """
    if form not in FORMS:
        raise MrisynthError(f"The form {form!r} of dataset.json is unknown; expected one of: {', '.join(FORMS)}.")
    if form == "native":
        return _written_native(table)
    rows = [
        {name: _plain(value) for name, value in row.items() if not pd.isna(value)} for row in table.to_dict("records")
    ]
    if form == "pairs":
        return rows
    return [{name: {str(number): value} for name, value in row.items()} for number, row in enumerate(rows)]


def _form(label: Any) -> str:
    match label:
        case dict() if not label:
            return "empty"
        case dict():
            return "nested" if all(isinstance(value, dict) for value in label.values()) else "pairs"
        case bool() | str() | None:
            return "unknown"
        case int() | float() | list():
            return "native"
    return "unknown"


def _nested(label: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    rows = {row for values in label.values() for row in values}
    if len(rows) > 1 or any(len(values) != 1 for values in label.values()):
        raise ValueError("has not one row in every covariate")
    return {name: next(iter(values.values())) for name, values in label.items()}


def _native(label: Any, columns: Sequence[str] | None) -> dict[str, Any]:
    if isinstance(label, list):
        names = columns or [f"value_{place}" for place in range(len(label))]
        values = label
    else:
        if not 0 <= label < _MOST_CLASSES or label != int(label):
            raise ValueError(f"has the class {label!r}; expected a whole number from 0 on")
        names, values = columns or [CLASS], [label]
    if len(values) > _MOST_VALUES or len(names) != len(values):
        raise ValueError(f"has {len(values)} values; expected {len(names)}")
    if any(isinstance(value, str) for value in values):
        raise ValueError("holds a word; expected numbers")
    return dict(zip(names, values, strict=True))


def _nothing(label: Any) -> dict[str, Any]:
    raise ValueError(
        f"is labelled with {str(label)[:40]!a}; expected {{covariate: value}}, a class number or a list of numbers"
    )


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in row.items():
        if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME or name in (FILE, SPLIT):
            raise ValueError(f"names a covariate {name[:_LONGEST_NAME]!a}; choose a short plain name")
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        if isinstance(value, str):
            if not value.isprintable() or len(value) > _LONGEST_NAME:
                raise ValueError(f"has a text for {name} that is no short word")
            found[name] = value
        elif isinstance(value, int | float) and abs(value) < np.finfo(np.float64).max:
            found[name] = float(value)
        else:
            raise ValueError(f"has {str(value)[:40]!a} for {name}; expected a finite number or a word")
    return dict.fromkeys(row) | found


def _table(rows: Sequence[Mapping[str, Any]], *, where: str) -> pd.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns: dict[str, pd.Series] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {str, float}:
            raise MrisynthError(f"{where}: {name} is a number in some entries and a word in others; write one of them.")
        columns[name] = pd.Series(values, dtype="str" if kinds == {str} else "float64")
    return pd.DataFrame(columns)


def _written_native(table: pd.DataFrame) -> list[Any]:
    words = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    if not len(table.columns) or words or table.isna().any(axis=None):
        found = f"{words[0]} holds words" if words else "a value is missing" if len(table.columns) else "there is none"
        raise MrisynthError(f"The form native has a number of every covariate for every image, and {found}; use pairs.")
    values = table.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise MrisynthError("The form native has finite numbers alone, and one is infinite; mend the table.")
    if values.shape[1] == 1 and (values >= 0).all() and (values == np.rint(values)).all():
        return [int(value) for value in values[:, 0]]
    return values.tolist()


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; whole numbers of an integer column stay whole."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        raise MrisynthError("A covariate is infinite; dataset.json has finite numbers alone, so mend the table.")
    return plain
