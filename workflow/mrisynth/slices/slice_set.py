"""Slice sets: the packed slices of one size, opened without reading them, and their labels joined by ID."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.slices.packing import INDEX

_TEXT = ("image", "label", "plane", "given_split", "status", "reason", "message", "sha256")


@dataclass(frozen=True, kw_only=True)
class SliceSet:
    """The slices of one size.

    Attributes:
        images: memory-mapped uint8 [image, row, column], or [image, row, column, channel] in colour; 0 = background.
        index: one line an image, line i describes ``images[i]``; columns of
            :data:`mrisynth.slices.packing.INDEX_COLUMNS` and perhaps more.
        path: the packed file.
    """

    images: np.ndarray
    index: pd.DataFrame
    path: Path

    @property
    def size(self) -> int:
        """Pixels a side."""
        return int(self.images.shape[1])

    @property
    def channels(self) -> int:
        """1 for grey images."""
        return int(self.images.shape[3]) if self.images.ndim == 4 else 1

    def rows(self, *, split: str | None = None, label: str | None = None) -> np.ndarray:
        """Return the rows of a split, or of a class, or of both, int64, in order."""
        chosen = np.ones(len(self.index), dtype=bool)
        if split is not None:
            chosen &= (self.index["split"] == split).fillna(False).to_numpy(dtype=bool)
        if label is not None:
            chosen &= (self.index["label"] == label).fillna(False).to_numpy(dtype=bool)
        return np.flatnonzero(chosen).astype(np.int64)

    def values(self, table: pd.DataFrame, column: str, *, by: str = "scan") -> pd.Series:
        """Return a column of another table for every image, joined by ID and never by position.

        Args:
            table: one row for each ID.
            column: such as ``diagnosis``.
            by: the ID: ``image``, ``scan`` or ``participant_id``.

        Returns:
            One value an image in the order of the rows; missing where the table says nothing.

        Raises:
            MrisynthError: the table lacks a column, names an ID twice, or does not know an ID of the images.
        """
        if absent := [name for name in (by, column) if name not in table]:
            raise MrisynthError(f"The table has no column {absent[0]}; it has {', '.join(map(str, table.columns))}.")
        ids = table[by].astype("string")
        if len(repeated := ids[ids.duplicated()]):
            raise MrisynthError(f"The table names {by} {repeated.iloc[0]} twice; expected one row for each.")
        wanted = self.index[by].astype("string")
        if len(unknown := wanted[~wanted.isin(ids)]):
            raise MrisynthError(
                f"The table knows no {by} {unknown.iloc[0]} ({unknown.nunique(dropna=False)} of the images unknown in "
                "all)."
            )
        return wanted.map(pd.Series(table[column].to_numpy(), index=ids.to_numpy())).rename(column)

    def labels(self, classes: Sequence[str]) -> np.ndarray:
        """Return the position of each image's label in ``classes``, int64; -1 where it has none or another."""
        position = {name: number for number, name in enumerate(classes)}
        return np.array([position.get(label, -1) for label in self.index["label"]], dtype=np.int64)


def read_index(folder: str | Path) -> pd.DataFrame:
    """Read ``folder/index.tsv`` with the excluded images; identifiers and labels are text.

    Raises:
        MrisynthError: it is not there.
    """
    path = Path(folder) / INDEX
    if not path.is_file():
        raise MrisynthError(f"{path} is not there; pack the slices first.")
    return read_table(path, **dict.fromkeys(_TEXT, "string"), row="Int64", slice="Int64", position_mm="float64")


def open_slices(folder: str | Path, size: int) -> SliceSet:
    """Open the packed slices of one size without reading them.

    Raises:
        MrisynthError: the file or its index is missing, or they do not belong together.
    """
    index = read_index(folder)
    path = Path(folder) / f"{size}.npy"
    images = open_array(path)
    passed = index[index["row"].notna()].reset_index(drop=True)
    in_order = passed["row"].tolist() == list(range(len(passed)))
    square = images.ndim in (3, 4) and images.shape[:3] == (len(passed), size, size)
    if images.dtype != np.uint8 or not square or not in_order:
        raise MrisynthError(
            f"{path} holds {images.dtype} {images.shape}, its index {len(passed)} images; remove both and pack the "
            "slices again."
        )
    return SliceSet(images=images, index=passed, path=path)


def sizes_of(folder: str | Path) -> list[int]:
    """Return the sizes that are packed in a folder, growing."""
    return sorted(int(path.stem) for path in Path(folder).glob("*.npy") if path.stem.isdecimal())
