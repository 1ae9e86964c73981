"""Levels: what the codes of a BIDS table stand for, from the JSON file beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mrisynth.errors import MrisynthError


def read_levels(table: Path, column: str) -> dict[str, str]:
    """Return the words of a column's ``Levels`` by code, such as ``{"1": "female", "2": "male"}``.

    A level is its text, or the ``Description`` of an object (BIDS 1.8); ``{}`` without the JSON file, the column or its
    levels. Codes are in lower case.

    Args:
        table: ``participants.tsv``; the JSON file has its name.
        column: name of the column as in the table.

    Raises:
        MrisynthError: the file is no JSON object.
    """
    path = table.with_suffix(".json")
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise MrisynthError(f"{path} cannot be read as JSON ({error}); mend it or remove it.") from error
    if not isinstance(content, dict):
        raise MrisynthError(f"{path} holds no JSON object; expected the columns of {table.name} by name.")
    entry = content.get(column)
    levels = entry.get("Levels") if isinstance(entry, dict) else None
    if not isinstance(levels, dict):
        return {}
    return {str(code).strip().lower(): _words(level) for code, level in levels.items()}


def _words(level: Any) -> str:
    return str(level.get("Description", "") if isinstance(level, dict) else level).strip()
