"""Reading the exchange format: ``Real{S}x{S}.nii.gz`` with ``labels.csv``, packed like slices of volumes."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.cohorts.image_folder import split_given
from mrisynth.cohorts.rows import column_of, read_rows
from mrisynth.cohorts.splits import SPLITS
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import read_table
from mrisynth.imaging.grey_image import to_square
from mrisynth.slices.exchange import IMAGES, LABELS, checksum, stack_name
from mrisynth.slices.packing import SMALLEST, check_one_split, check_sizes, packed_slices, write_index
from mrisynth.slices.stacks import Stack, open_stack

MOST_TABLE_BYTES = 2**26
MOST_CLASSES = 1000
_STACK = re.compile(r"Real(\d{1,4})x\1\.nii(\.gz)?")
_TOLD = ("image", "scan", "plane", "slice", "position_mm", "split")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One folder of the format: its name, its stacks by size, and one row for each image in their order."""

    name: str
    stacks: dict[int, Stack]
    rows: list[dict[str, Any]]


def read_exchange(
    parts: Mapping[str, str | Path],
    folder: str | Path,
    *,
    seed: int,
    fractions: Mapping[str, float],
    sizes: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    stratify: bool = True,
    first_row: str = "bottom",
) -> pd.DataFrame:
    """Pack the images of the exchange format as :func:`mrisynth.slices.volumes.pack_volumes` packs slices.

    Labels and persons are those of the row of ``labels.csv`` with the image's ID, whatever the order of its rows; the
    IDs must be 0 to N - 1. Where ``images.tsv`` lies beside it, what it says is kept, splits included, and stack and
    tables must fit together. Without it nothing can prove that a stranger's labels belong to his images.

    Args:
        parts: ``{"train": folder, "test": folder}`` or only the first; each has ``Real{S}x{S}.nii.gz`` and labels.
        folder: receives ``{size}.npy`` and ``index.tsv``.
        seed: the study's seed, for splits that the files do not tell.
        fractions: shares of participants, for :func:`mrisynth.cohorts.image_folder.split_given`.
        sizes: pixels a side; None takes those that all parts have. A size without a stack is averaged from the
            largest one.
        classes: words for the labels 0, 1, ...; None takes those of ``images.tsv``, else the numbers.
        stratify: hold the shares within every class.
        first_row: of :func:`mrisynth.slices.stacks.open_stack`.

    Raises:
        MrisynthError: a file is missing or lies, sizes do not fit, IDs or labels are wrong, tables contradict each
            other or the stacks, a participant is in several recorded splits, or no image is left.
    """
    if not parts or set(parts) - set(SPLITS):
        raise MrisynthError(f"The parts are {', '.join(parts) or 'none'}; expected some of {', '.join(SPLITS)}.")
    found = [_part(name, Path(place), classes, first_row) for name, place in parts.items()]
    common = set.intersection(*(set(part.stacks) for part in found))
    smallest = min(max(part.stacks) for part in found)
    wanted = check_sizes(sorted(common) if sizes is None else sizes, source=smallest, what="the largest stacks")
    rows = [row for part in found for row in part.rows]
    _add_splits(rows, seed=seed, fractions=fractions, stratify=stratify)
    channels = {stack.channels for part in found for stack in part.stacks.values()}
    if len(channels) > 1:
        raise MrisynthError(f"Some stacks of {', '.join(map(str, parts.values()))} are grey and some in colour.")
    with packed_slices(Path(folder), sizes=wanted, channels=channels.pop()) as append:
        for part in found:
            for row, images in zip(part.rows, _images(part, wanted), strict=True):
                if isinstance(images, ScanError):
                    row |= {"status": "excluded", "reason": images.reason, "message": str(images)}
                else:
                    _check_sums(part, row, images)
                    row["row"] = append(partial(_at, images))
    kept = [{name: value for name, value in row.items() if not name.startswith("sha256_")} for row in rows]
    return write_index(kept, Path(folder))


def table_rows(path: Path) -> list[dict[str, str]]:
    """Read a stranger's table of at most 64 MiB as text; errors as :func:`mrisynth.cohorts.rows.read_rows`."""
    if not path.is_file():
        raise MrisynthError(f"{path} is not there; every stack needs its table.")
    if path.stat().st_size > MOST_TABLE_BYTES:
        raise MrisynthError(f"{path} has {path.stat().st_size} bytes; expected a table of {MOST_TABLE_BYTES} at most.")
    return read_rows(path, key=path.name)


def stacks_of(place: Path, *, first_row: str = "bottom") -> dict[int, Stack]:
    """Return the stacks of a part of the format by their size, of which only the headers have been read.

    Args:
        place: folder of the part.
        first_row: of :func:`mrisynth.slices.stacks.open_stack`, whose errors these are.
    """
    stacks = {}
    for path in sorted(place.glob("Real*")):
        if (match := _STACK.fullmatch(path.name)) and int(match[1]) >= SMALLEST:
            stacks[int(match[1])] = open_stack(path, first_row=first_row)
    return stacks


def _part(name: str, place: Path, classes: Sequence[str] | None, first_row: str) -> _Part:
    stacks = stacks_of(place, first_row=first_row)
    if not stacks:
        raise MrisynthError(f"{place} holds no {stack_name(64)} or another size; give a folder of the format.")
    for size, stack in stacks.items():
        if (stack.width, stack.height) != (size, size):
            raise MrisynthError(f"{stack.path} holds images of {stack.width} x {stack.height} pixels.")
    counts = {stack.count for stack in stacks.values()}
    if len(counts) > 1:
        raise MrisynthError(f"The stacks in {place} hold {sorted(counts)} images; expected the same number in each.")
    labels = _labels(place / LABELS, counts.pop(), classes)
    told = _told(place / IMAGES, labels, classes)
    if not told:
        _LOG.warning("%s has no %s: nothing proves that labels and images belong together", place, IMAGES)
    rows = []
    for number, (label, person) in enumerate(labels):
        row = {"row": None, "image": f"{name}-{number:06d}", "participant_id": person}
        row |= {"label": classes[label] if classes else str(label), "given_split": name, "status": "passed"}
        rows.append(row | told.get(number, {}))
    return _Part(name=name, stacks=stacks, rows=rows)


def _labels(path: Path, count: int, classes: Sequence[str] | None) -> list[tuple[int, str]]:
    """Return label and person of each image, by its ID."""
    rows = table_rows(path)
    columns = [column_of(rows, name) for name in ("ID", "Label", "Subject_ID")]
    if None in columns:
        raise MrisynthError(f"{path} has the columns {', '.join(rows[0])}; expected ID, Label and Subject_ID.")
    by_id: dict[int, tuple[int, str]] = {}
    for row in rows:
        number, label, person = (row.get(str(column), "") for column in columns)
        most = len(classes) if classes else MOST_CLASSES
        if not re.fullmatch(r"\d{1,9}", number) or not re.fullmatch(r"\d{1,9}(\.0)?", label) or not person:
            raise MrisynthError(
                f"{path}: ID {number!r}, Label {label!r}, Subject_ID {person!r} is no row of the format."
            )
        if int(number) in by_id or int(float(label)) >= most:
            what = "the ID is there twice" if int(number) in by_id else f"expected a label below {most}"
            raise MrisynthError(f"{path}: image {number} has the label {label}; {what}.")
        by_id[int(number)] = (int(float(label)), person)
    if sorted(by_id) != list(range(count)):
        raise MrisynthError(f"{path} has {len(by_id)} IDs; expected those of {count} images, 0 to {count - 1}.")
    return [by_id[number] for number in range(count)]


def _told(path: Path, labels: Sequence[tuple[int, str]], classes: Sequence[str] | None) -> dict[int, dict[str, Any]]:
    """Return what ``images.tsv`` says of each ID; empty without one."""
    if not path.is_file():
        return {}
    table_rows(path)  # refuses what is no table
    try:
        table = read_table(path, ID="int64", image="string", label="string", plane="string").set_index("ID")
    except (ValueError, KeyError) as error:
        raise MrisynthError(f"{path} is no table of the format ({error}); write it again.") from error
    needed = {"participant_id", "label", *_TOLD}
    if needed - set(table) or sorted(table.index) != list(range(len(labels))):
        raise MrisynthError(f"{path} does not fit the {len(labels)} IDs of {LABELS} beside it; write both again.")
    numbers: dict[str, int] = {}
    told = {}
    for number, (label, person) in enumerate(labels):
        row = table.loc[number]
        words = str(row["label"])
        if str(row["participant_id"]) != person or numbers.setdefault(words, label) != label:
            raise MrisynthError(
                f"{path} says {row['participant_id']}, {words} of image {number}, {LABELS} says {person}, {label}: one "
                "of them was sorted anew; write both again."
            )
        sums = {name: row[name] for name in table if name.startswith("sha256_")}
        found = {name: None if pd.isna(row[name]) else row[name] for name in _TOLD}
        told[number] = found | sums | ({} if classes else {"label": words})
    return told


def _add_splits(rows: list[dict[str, Any]], *, seed: int, fractions: Mapping[str, float], stratify: bool) -> None:
    """Give every row its split: as recorded, or by participant from the folders it came in."""
    if all(row.get("split") for row in rows):
        check_one_split(pd.DataFrame(rows), what="The recorded splits")
        return
    given: dict[str, set[str]] = {}
    classes: dict[str, set[str]] = {}
    for row in rows:
        given.setdefault(row["participant_id"], set()).add(row["given_split"])
        classes.setdefault(row["participant_id"], set()).add(row["label"])
    splits = split_given(given, seed=seed, fractions=fractions, classes=classes if stratify else None)
    for row in rows:
        row["split"] = splits[row["participant_id"]]


def _images(part: _Part, sizes: Sequence[int]) -> Iterator[dict[int, np.ndarray] | ScanError]:
    """Yield each image at every size, or the error of the first of its sizes that cannot be used."""
    largest = max(part.stacks)
    own = {size for size in sizes if size in part.stacks}
    used = sorted(own if own == set(sizes) else own | {largest})
    streams = [part.stacks[size].images("unit") for size in used]
    for images in zip(*streams, strict=True):
        bad = next((image for image in images if isinstance(image, ScanError)), None)
        found = dict(zip(used, images, strict=True))
        yield bad or {
            size: found[size] if size in found else to_square(found[largest], size=size) for size in {*sizes, *used}
        }


def _check_sums(part: _Part, row: Mapping[str, Any], images: Mapping[int, np.ndarray]) -> None:
    for size, image in images.items():
        told = row.get(f"sha256_{size}")
        if size in part.stacks and isinstance(told, str) and told != checksum(image):
            raise MrisynthError(
                f"{part.stacks[size].path}: {row['image']} is not the image that {IMAGES} describes; the stack was "
                "changed or put in another order, so write it again."
            )


def _at(images: Mapping[int, np.ndarray], size: int) -> np.ndarray:
    return images[size]
