"""The packed images of a study beside the masks of them that training may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.errors import MrisynthError
from mrisynth.filtering.segmenter_training import AnnotatedImages
from mrisynth.networks.control_branch import NO_MASK
from mrisynth.slices.slice_set import open_slices
from mrisynth.store import open_pyramid


@dataclass(frozen=True, kw_only=True)
class ShownImages:
    """Images, the masks that may be seen, and whose they are. Nothing is read before it is asked for.

    Attributes:
        images: uint8 [n, ...], 0 = background; may be memory-mapped.
        masks: uint8 of the same shape, 255 throughout where a mask may not be seen or is not known.
        table: one row an image, in order: ``image`` (its name), ``scan``, ``participant_id`` and ``split``, text.
        structures: names of the classes of the masks, class 1 first.
    """

    images: np.ndarray
    masks: np.ndarray
    table: pd.DataFrame
    structures: tuple[str, ...]

    @classmethod
    def open(
        cls, folder: Path, shown: Path, *, size: int, scans: pd.DataFrame, dimensions: int, structures: Sequence[str]
    ) -> ShownImages:
        """Open the packed images of a study and their masks.

        Args:
            folder: of the packed images, ``pyramid`` or ``slices``.
            shown: the masks that training may see.
            size: edge of the images.
            scans: the scans table, which says whose volumes are.
            dimensions: 2 or 3.
            structures: names of the classes.

        Raises:
            MrisynthError: images and masks are not of the same shape.
        """
        if dimensions == 3:
            packed = open_pyramid(folder, size)
            table = scans.set_index(scans["scan"].astype(str)).loc[packed.scans, ["participant_id", "split"]]
            table, images = table.assign(image=packed.scans, scan=packed.scans), packed.images
        else:
            slices = open_slices(folder, size)
            table, images = slices.index[["image", "scan", "participant_id", "split"]], slices.images
        masks = open_array(shown)
        if masks.shape != images.shape:
            raise MrisynthError(f"{shown} holds masks {masks.shape} for images {images.shape}; make the masks again.")
        text = table[["image", "scan", "participant_id", "split"]].astype("string").fillna("").reset_index(drop=True)
        return cls(images=images, masks=masks, table=text, structures=tuple(structures))

    def rows(self, *splits: str) -> np.ndarray:
        """Return the rows of some splits, int64."""
        return np.flatnonzero(self.table["split"].isin(splits))

    def annotated(self, *splits: str) -> np.ndarray:
        """Return the rows of some splits whose masks may be seen, int64."""
        first = (0,) * (self.masks.ndim - 1)
        return np.array([row for row in self.rows(*splits) if self.masks[(row, *first)] != NO_MASK], dtype=np.int64)

    def of_domain(self, rows: np.ndarray, condition: Mapping[str, Any], told: pd.DataFrame) -> np.ndarray:
        """Return those of the rows whose scans have what a condition asks for in words; numbers exclude none.

        Args:
            rows: to choose from.
            condition: column -> value.
            told: table of the condition, with ``scan`` and its columns.
        """
        by_scan = told.set_index(told["scan"].astype(str))
        wanted = {name: value for name, value in condition.items() if name in by_scan and isinstance(value, str)}
        known = by_scan.reindex(self.table["scan"].iloc[rows])
        chosen = np.ones(len(rows), dtype=bool)
        for name, value in wanted.items():
            chosen &= (known[name].astype("string") == value).fillna(value=False).to_numpy(dtype=bool)
        return rows[chosen]

    def for_segmenter(self) -> AnnotatedImages:
        """Return the annotated training images in memory, as the filter's segmenter learns from them."""
        rows = self.annotated("train")
        return AnnotatedImages(
            images=np.asarray(self.images[rows]), masks=np.asarray(self.masks[rows]),
            participants=self.table["participant_id"].iloc[rows].tolist(), splits=["train"] * len(rows),
        )  # fmt: skip
