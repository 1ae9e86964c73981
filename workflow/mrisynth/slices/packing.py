"""Packing: images written one after the other at several sizes, and the index that says which row is which."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, write_table

SMALLEST, LARGEST = 4, 256
INDEX = "index.tsv"
INDEX_COLUMNS = (
    "row", "image", "scan", "participant_id", "label", "plane", "slice", "position_mm", "given_split", "split",
    "status", "reason", "message", "sha256",
)  # fmt: skip
"""Columns of every index of slices; what a source does not know is missing, and a source may add its own."""

_LOG = logging.getLogger(__name__)


def check_sizes(sizes: Sequence[int], *, source: int, what: str) -> list[int]:
    """Return the sizes sorted, each once.

    Args:
        sizes: pixels a side.
        source: pixels a side of the images that are packed.
        what: words for these images, for errors.

    Raises:
        MrisynthError: no size, one outside 4..256, or one larger than the source.
    """
    wanted = sorted(set(sizes))
    if not wanted or wanted[0] < SMALLEST or wanted[-1] > LARGEST:
        raise MrisynthError(f"Slices are wanted at {wanted} pixels; expected sizes from {SMALLEST} to {LARGEST}.")
    if wanted[-1] > source:
        raise MrisynthError(
            f"Slices are wanted at {wanted[-1]} pixels, but {what} have {source}; leave the larger sizes out or start "
            "from larger images."
        )
    return wanted


@contextmanager
def packed_slices(
    folder: Path, *, sizes: Sequence[int], channels: int = 1
) -> Iterator[Callable[[Callable[..., np.ndarray]], int]]:
    """Yield a function that appends an image to the array of every size and returns its row.

    That function takes what makes the image at a size: called with the keyword ``size`` it returns uint8 [row, column],
    and [channel] where ``channels`` is not 1. At the end of the block ``folder/{size}.npy`` are put in place, uint8
    [image, row, column], and an index of earlier arrays is gone; on an error nothing is left. Memory holds one image at
    a time.

    Raises:
        MrisynthError: the block appended nothing.
    """
    with ExitStack() as stack:
        streams: dict[int, BinaryIO] = {}
        for size in sizes:
            unfinished = stack.enter_context(atomic(folder / f"{size}.npy"))
            streams[size] = stack.enter_context(unfinished.open("wb"))
        shapes = {size: (size, size) if channels == 1 else (size, size, channels) for size in sizes}
        for size, stream in streams.items():
            _write_header(stream, 0, shapes[size])
        count = 0

        def append(image_at: Callable[..., np.ndarray]) -> int:
            nonlocal count
            images = {size: _checked(image_at(size=size), shapes[size]) for size in streams}
            for size, image in images.items():
                streams[size].write(image.tobytes())
            count += 1
            return count - 1

        yield append
        if not count:
            raise MrisynthError(f"There is nothing to pack in {folder}: none of the images can be used.")
        for size, stream in streams.items():
            _write_header(stream, count, shapes[size])
        (folder / INDEX).unlink(missing_ok=True)


def write_index(rows: Sequence[dict[str, Any]], folder: Path) -> pd.DataFrame:
    """Write ``folder/index.tsv`` and return it; columns of :data:`INDEX_COLUMNS` first, further ones as they come.

    How many passed and were excluded, by split and label, is told in the log, and images of several participants with
    equal ``sha256`` are named there.

    Args:
        rows: one an image, in any subset of the columns.
        folder: receives the table.
    """
    table = pd.DataFrame(list(rows))
    further = [name for name in table.columns if name not in INDEX_COLUMNS]
    table = table.reindex(columns=[*INDEX_COLUMNS, *further]).astype({"row": "Int64", "slice": "Int64"})
    _report(table)
    write_table(table, folder / INDEX)
    return table


def check_one_split(rows: pd.DataFrame, *, what: str) -> None:
    """Refuse a participant with images in several splits (columns ``participant_id`` and ``split``)."""
    splits = rows.groupby("participant_id")["split"].nunique(dropna=False)
    if len(torn := splits.index[splits > 1]):
        raise MrisynthError(
            f"{what}: participant {torn[0]} is in several splits ({len(torn)} such participants); a model would be "
            "tested on persons it was trained on. Give every participant one split."
        )


def _checked(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if image.dtype != np.uint8 or image.shape != shape:
        raise MrisynthError(f"An image has {image.dtype} {image.shape}; expected uint8 {shape}.")
    return image


def _write_header(stream: BinaryIO, count: int, shape: tuple[int, ...]) -> None:
    """Write the header of the array at the start; numpy leaves room in it for the first axis to grow."""
    stream.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(stream, header)


def _report(index: pd.DataFrame) -> None:
    passed = index[index["status"] == "passed"]
    _LOG.info(
        "%d images = %d passed + %d excluded, of %d participants; passed by split and class: %s",
        len(index),
        len(passed),
        len(index) - len(passed),
        index["participant_id"].nunique(),
        passed.groupby(["split", "label"], dropna=False).size().to_dict(),
    )
    known = passed[passed["sha256"].notna()]
    for _, group in known[known["sha256"].duplicated(keep=False)].groupby("sha256"):
        if group["participant_id"].nunique() > 1:
            _LOG.warning("the same image has several participants: %s", ", ".join(group["image"]))
