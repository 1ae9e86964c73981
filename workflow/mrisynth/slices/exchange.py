"""Exchange: packed slices written in the published format of PACGAN, ``Real{S}x{S}.nii.gz`` with ``labels.csv``."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, write_table
from mrisynth.slices.slice_set import SliceSet, open_slices, sizes_of
from mrisynth.slices.stacks import write_stack
from mrisynth.store import from_unit, to_unit

LABELS, IMAGES = "labels.csv", "images.tsv"
SYNTHETIC_LABELS = "labels_syn.csv"
PARTS = {"train": ("train", "validation"), "test": ("test",)}
"""Folders of the format and the splits in each; its readers cut validation out of ``train`` themselves."""
WRITTEN_SCALINGS = ("array", "slice")

_LOG = logging.getLogger(__name__)
_KEPT = ("image", "scan", "participant_id", "label", "plane", "slice", "position_mm", "split")


def stack_name(size: int, *, kind: str = "Real") -> str:
    """Return the name of a stack, ``Real64x64.nii.gz`` or, of another kind, ``Generated64x64.nii.gz``."""
    return f"{kind}{size}x{size}.nii.gz"


def write_exchange(
    slices: str | Path,
    folder: str | Path,
    *,
    classes: Sequence[str],
    sizes: Sequence[int] | None = None,
    scaling: str = "array",
    labels: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Write packed slices as ``{train,test}/Real{S}x{S}.nii.gz`` [W, H, C, N] with their ``labels.csv``.

    ``labels.csv`` has the columns ID (0 to N - 1, the position in the stack), Label (position in ``classes``) and
    Subject_ID. ``images.tsv`` beside it says more of every ID: image, scan, participant, label in words, plane,
    position, split, and ``sha256_{S}`` of the image as a reader gets it, by which a stack whose order was changed is
    found out. Images without one of these labels are left out and counted in the log.

    Args:
        slices: folder of :func:`mrisynth.slices.volumes.pack_volumes` and its like.
        folder: receives ``train`` and ``test``; a part without an image is not written, with a warning.
        classes: labels in the order of their numbers; published: CN, AD.
        sizes: pixels a side; None writes all that are packed.
        scaling: ``array``: 0..255 of all images becomes -1..1, one scale for the whole array. ``slice``, as published:
            ``(x - max / 2) / (max / 2)`` with the maximum of each image at the largest packed size, so that every
            image reaches 1 there and brightness differs no more between scans.
        labels: scan -> its label in words, in place of that of the index; scans that are not in it have none.

    Returns:
        The rows of both ``images.tsv`` with their ``part``.

    Raises:
        MrisynthError: a size is not packed, the scaling is unknown, or no image has one of the labels.
    """
    packed = sizes_of(slices)
    wanted = sorted(set(packed if sizes is None else sizes))
    if not wanted or set(wanted) - set(packed):
        raise MrisynthError(f"{slices} has slices of {packed} pixels, wanted are {wanted}; pack these sizes first.")
    if scaling not in WRITTEN_SCALINGS:
        raise MrisynthError(f"The scaling {scaling!r} is unknown; expected one of: {', '.join(WRITTEN_SCALINGS)}.")
    source = packed[-1] if scaling == "slice" else wanted[-1]
    sets = {size: _opened(slices, size, labels) for size in {*wanted, source}}
    largest = sets[source]
    numbers = largest.labels(classes)
    if (without := int((numbers < 0).sum())) == len(numbers):
        raise MrisynthError(f"None of the {len(numbers)} images in {slices} is of a class in {', '.join(classes)}.")
    if without:
        _LOG.warning("%d of %d images are of none of the classes and are not written", without, len(numbers))
    tables = []
    for part, splits in PARTS.items():
        rows = np.flatnonzero(largest.index["split"].isin(splits).to_numpy() & (numbers >= 0))
        if not len(rows):
            _LOG.warning("no image of %s is in %s: %s is not written", slices, " or ".join(splits), part)
            continue
        tops = [int(largest.images[row].max()) for row in rows] if scaling == "slice" else None
        table = _write_part(Path(folder) / part, {size: sets[size] for size in wanted}, rows=rows, tops=tops)
        _write_labels(Path(folder) / part / LABELS, numbers[rows], subjects=table["participant_id"])
        tables.append(table.assign(part=part))
    return pd.concat(tables, ignore_index=True)


def write_labels(path: str | Path, labels: Sequence[int]) -> None:
    """Write the labels of generated images, ``labels_syn.csv``: ID (position in the stack) and Label."""
    _write_labels(Path(path), np.asarray(labels), subjects=None)


def checksum(image: np.ndarray) -> str:
    """Return the SHA-256 of a uint8 image's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


def _opened(slices: str | Path, size: int, labels: Mapping[str, str] | None) -> SliceSet:
    found = open_slices(slices, size)
    if labels is None:
        return found
    told = found.index["scan"].astype(str).map(dict(labels)).astype("string")
    return replace(found, index=found.index.assign(label=told))


def _write_part(
    folder: Path, sets: dict[int, SliceSet], *, rows: np.ndarray, tops: Sequence[int] | None
) -> pd.DataFrame:
    """Write the stacks of one part, then its ``images.tsv``; tables of earlier stacks go first."""
    for name in (LABELS, IMAGES):
        (folder / name).unlink(missing_ok=True)
    sums = {}
    for size, slices in sets.items():
        sums[f"sha256_{size}"] = [checksum(from_unit(image)) for image in _scaled(slices, rows, tops)]
        values = _scaled(slices, rows, tops)
        write_stack(values, folder / stack_name(size), count=len(rows), size=size, channels=slices.channels)
    index = next(iter(sets.values())).index.iloc[rows].reset_index(drop=True)
    table = index[list(_KEPT)].assign(**sums)
    table.insert(0, "ID", range(len(table)))
    write_table(table, folder / IMAGES)
    return table


def _scaled(slices: SliceSet, rows: np.ndarray, tops: Sequence[int] | None) -> Iterator[np.ndarray]:
    for place, row in enumerate(rows):
        image = np.asarray(slices.images[row])
        if tops is None:
            yield to_unit(image)
        else:
            half = np.float32(tops[place] / 2)
            yield (image.astype(np.float32) - half) / half


def _write_labels(path: Path, labels: np.ndarray, *, subjects: pd.Series | None) -> None:
    table = pd.DataFrame({"ID": range(len(labels)), "Label": labels})
    if subjects is not None:
        table["Subject_ID"] = subjects.to_numpy()
    with atomic(path) as unfinished:
        table.to_csv(unfinished, index=False, lineterminator="\n")
