"""What a job has made so far, so that one that was cut off goes on: a part a mask, in a folder beside its shard."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, keep_file, read_json, read_table, write_json, write_table
from mrisynth.filtering.record import TEXT, merged, read_record

_LOG = logging.getLogger(__name__)
_FACTS, _WHOLE = "made_with.json", "whole"


class Parts:
    """The parts of one shard. Parts of another model, scorer or seed are deleted when it is opened.

    Args:
        folder: of the parts; made where it is not there.
        made_with: what decides what candidates are, as JSON has it.
        structures: names of the classes of the masks.
    """

    def __init__(self, folder: Path, *, made_with: Mapping[str, Any], structures: Sequence[str]) -> None:
        self.folder, self._structures = folder, tuple(structures)
        if folder.exists() and not self._are_of(made_with):
            _LOG.warning("%s: candidates of another model, filter or seed are made anew", folder)
            shutil.rmtree(folder)
        if not (folder / _FACTS).is_file():
            write_json(dict(made_with), folder / _FACTS)

    def add(self, name: str, images: np.ndarray, rows: pd.DataFrame) -> None:
        """Write a part, whole or not at all: images uint8 [candidates, ...] and their rows of the record."""
        with atomic(self.folder / f"{name}.npy") as unfinished, unfinished.open("wb") as stream:
            np.save(stream, images, allow_pickle=False)
        write_table(rows, self.folder / f"{name}.tsv")

    def record(self) -> pd.DataFrame | None:
        """Return the rows of all parts, in the order of masks and tries; None where there is none."""
        rows = [table for _, table in self._tables()]
        return merged(rows, structures=self._structures) if rows else None

    def images(self) -> dict[tuple[str, int], np.ndarray]:
        """Return the image of every candidate by mask and try, memory-mapped."""
        found: dict[tuple[str, int], np.ndarray] = {}
        for name, table in self._tables():
            images = open_array(self.folder / f"{name}.npy")
            if len(images) != len(table):
                raise MrisynthError(
                    f"{self.folder / name}.npy holds {len(images)} images of {len(table)}; delete the folder."
                )
            found |= {(row.mask, int(row.number)): image for row, image in zip(_keys(table), images, strict=True)}
        return found

    def finish(self, images: Path, record: Path) -> None:
        """Replace all parts by one, the finished files themselves, for a job that is wanted again or for more tries."""
        written = [self.folder / f"{_WHOLE}.npy", self.folder / f"{_WHOLE}.tsv"]
        written[1].unlink(missing_ok=True)  # images of another length would not belong to it
        for source, path in zip((images, record), written, strict=True):
            keep_file(source, path)
        for ending in ("*.tsv", "*.npy"):
            for part in set(self.folder.glob(ending)) - set(written):
                part.unlink()

    def _tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        for path in sorted(self.folder.glob("*.tsv")):
            table = read_table(path, **dict.fromkeys(TEXT, "string"))
            yield path.stem, read_record(table, structures=self._structures)

    def _are_of(self, made_with: Mapping[str, Any]) -> bool:
        path = self.folder / _FACTS
        return path.is_file() and read_json(path) == dict(made_with)


def _keys(table: pd.DataFrame) -> Iterator[Any]:
    return table[["mask", "try"]].rename(columns={"try": "number"}).itertuples(index=False)
