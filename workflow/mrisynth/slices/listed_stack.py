"""A stack with a list of paths and a table of labels, joined by the image ID in each path and never by position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.cohorts.image_folder import split_given
from mrisynth.cohorts.rows import column_of
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.grey_image import to_square
from mrisynth.slices.exchange_reading import MOST_TABLE_BYTES, table_rows
from mrisynth.slices.packing import check_sizes, packed_slices, write_index
from mrisynth.slices.stacks import open_stack

COLUMNS = {
    "image": ("Image Data ID", "Image ID", "Image UID", "image_id", "image"),
    "participant_id": ("Subject", "Subject ID", "PTID", "Subject_ID", "participant_id"),
    "label": ("Group", "Research Group", "DX Group", "diagnosis", "label"),
    "sex": ("Sex", "Gender"),
    "age": ("Age",),
}
"""Names under which a table may have each field, the first found first taken; sex and age may be absent."""

_IMAGE_ID = re.compile(r"(?:^|_)(I\d{1,12})(?=[_.]|$)")
_SLICE = re.compile(r"(?:^|_)(ax|cor|sag)slice[xyz](\d{1,4})(?=[_.]|$)")
_PLANES = {"ax": "axial", "cor": "coronal", "sag": "sagittal"}


def read_listed_stack(
    stack: str | Path,
    folder: str | Path,
    *,
    paths: str | Path,
    table: str | Path,
    sizes: Sequence[int],
    seed: int,
    fractions: Mapping[str, float],
    scaling: str = "slice",
    stratify: bool = True,
    first_row: str = "bottom",
    columns: Mapping[str, Sequence[str]] = COLUMNS,
) -> pd.DataFrame:
    """Pack a stack of slices whose order a list of paths tells and whose labels stand in a table.

    Line i of the list is the path that image i was cut from; its name holds the image ID, such as ``I13722`` of
    ``..._S8800_I13722_reg2MNI_..._axslicez127.nii.gz``. The table has one row an image ID, in any order, with or
    without the ``I``. An image without an ID (``no_image_id``), without a row (``no_row``), without a person or a
    label there (``no_label``) or listed before (``repeat``) is excluded. Images that are not square are padded with 0.

    Args:
        stack: [W, H, N] or [W, H, C, N].
        folder: receives ``{size}.npy`` and ``index.tsv``, with ``sex`` and ``age`` (years) where the table has them.
        paths: text file, one path a line.
        table: CSV or TSV with the fields of ``columns``.
        sizes: pixels a side, none larger than the images.
        seed: the study's seed, for the splits.
        fractions: shares of participants.
        scaling: of :meth:`mrisynth.slices.stacks.Stack.images`; ``slice`` is the published one.
        stratify: hold the shares within every class.
        first_row: of :func:`mrisynth.slices.stacks.open_stack`.
        columns: field -> names of its column.

    Raises:
        MrisynthError: the list has not one line an image, the table lacks a column or has an ID twice, a file lies
            about its size, or no image is left.
    """
    opened = open_stack(stack, first_row=first_row)
    wanted = check_sizes(sizes, source=max(opened.width, opened.height), what=f"the images of {opened.path}")
    lines = _lines(Path(paths))
    if len(lines) != opened.count:
        raise MrisynthError(
            f"{paths} has {len(lines)} lines for the {opened.count} images of {stack}; expected one each."
        )
    rows = _described(lines, _by_image(Path(table), columns))
    _add_splits(rows, seed=seed, fractions=fractions, stratify=stratify)
    with packed_slices(Path(folder), sizes=wanted, channels=opened.channels) as append:
        for row, image in zip(rows, opened.images(scaling), strict=True):
            if isinstance(image, ScanError) and row["status"] == "passed":
                row |= {"status": "excluded", "reason": image.reason, "message": str(image)}
            elif row["status"] == "passed":
                row["row"] = append(partial(to_square, image))
    return write_index(rows, Path(folder))


def image_id_of(path: str) -> str | None:
    """Return the image ID in the name of a file, ``I13722``; the last of several; None without one."""
    found = _IMAGE_ID.findall(re.split(r"[/\\]", path)[-1])
    return found[-1] if found else None


def _lines(path: Path) -> list[str]:
    if not path.is_file() or path.stat().st_size > MOST_TABLE_BYTES:
        raise MrisynthError(f"{path} is no list of paths of at most {MOST_TABLE_BYTES} bytes; give one path a line.")
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise MrisynthError(f"{path} is no text; expected one path a line.") from error


def _by_image(path: Path, columns: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Return the fields of each row of the table by its image ID."""
    rows = table_rows(path)
    names = {field: column_of(rows, *spellings) for field, spellings in columns.items()}
    for field in ("image", "participant_id", "label"):
        if names.get(field) is None:
            raise MrisynthError(
                f"{path} has no column for the {field}, such as {columns[field][0]}; it has {', '.join(rows[0])}."
            )
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        fields = {field: row.get(name, "") for field, name in names.items() if name is not None}
        image = _with_letter(fields.pop("image"))
        if found.setdefault(image, fields) != fields:
            raise MrisynthError(f"{path} says two different things of image {image}; keep the row that is right.")
    return found


def _described(lines: Sequence[str], known: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    rows, seen = [], set()
    for number, line in enumerate(lines):
        image = image_id_of(line)
        fields = known.get(image or "", {})
        row: dict[str, Any] = {"row": None, "image": image or f"line-{number + 1}", "scan": image}
        row |= {"participant_id": fields.get("participant_id"), "label": fields.get("label"), "status": "passed"}
        if match := _SLICE.search(re.split(r"[/\\]", line)[-1]):
            row |= {"plane": _PLANES[match[1]], "slice": int(match[2])}
        if "sex" in fields:
            row["sex"] = fields["sex"] or None
        if "age" in fields:
            row["age"] = _years(fields["age"])
        if reason := _refusal(image, fields, seen):
            row |= {"status": "excluded", "reason": reason[0], "message": f"Line {number + 1} of the list: {reason[1]}"}
        seen.add(image)
        rows.append(row)
    return rows


def _refusal(image: str | None, fields: Mapping[str, str], seen: set[str | None]) -> tuple[str, str] | None:
    if image is None:
        return "no_image_id", "its path names no image ID such as I13722."
    if not fields:
        return "no_row", f"the table has no row of image {image}."
    if not fields["participant_id"] or not fields["label"]:
        return "no_label", f"the row of image {image} names no person or no label."
    if image in seen:
        return "repeat", f"image {image} is listed before."
    return None


def _add_splits(rows: list[dict[str, Any]], *, seed: int, fractions: Mapping[str, float], stratify: bool) -> None:
    classes: dict[str, set[str]] = {}
    for row in rows:
        if row["status"] == "passed":
            classes.setdefault(row["participant_id"], set()).add(row["label"])
    splits = split_given(
        {person: {""} for person in classes}, seed=seed, fractions=fractions, classes=classes if stratify else None
    )
    for row in rows:
        row["split"] = splits.get(row["participant_id"])


def _with_letter(image: str) -> str:
    return f"I{image}" if image.isdecimal() else image


def _years(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
