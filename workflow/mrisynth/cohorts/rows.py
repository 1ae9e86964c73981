"""Rows: tables as people's programs write them, read with the standard library; cheap to import."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from mrisynth.errors import ConfigError


def read_rows(path: Path, *, key: str) -> list[dict[str, str]]:
    """Read a table whose columns are separated by commas, tabs or semicolons, quoted or not, with or without a BOM.

    Args:
        path: the table, UTF-8.
        key: configuration key that named it, for errors.

    Returns:
        One dictionary a row, cells and names without surrounding blanks; rows without any content are passed over.

    Raises:
        ConfigError: the file cannot be read, or has no row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            unquoted = re.sub(r'"[^"]*"', "", header)
            delimiter = max(",\t;", key=unquoted.count)
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=delimiter != "\t")
            names = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
            cells = [[cell.strip() for cell in row] for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{key}: {path} cannot be read as a table ({error}); give a CSV or TSV file.") from error
    rows = [dict(zip(names, row, strict=False)) for row in cells if any(row)]
    if not rows:
        raise ConfigError(f"{key}: {path} has no rows; give the table as it was downloaded.")
    return rows


def column_of(rows: Sequence[dict[str, str]], *spellings: str) -> str | None:
    """Return the first column whose name is one of ``spellings``, letters and digits compared in lower case."""
    known = {plain(name): name for name in reversed(rows[0])}
    return next((known[plain(spelling)] for spelling in spellings if plain(spelling) in known), None)


def plain(text: str) -> str:
    """Return the letters and digits of a text in lower case: ``MP-RAGE`` and ``mp rage`` are both ``mprage``."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
