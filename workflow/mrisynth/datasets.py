"""Data sets: the packed scans or slices of a split with their labels, as training and scoring need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.conditions import Condition, read_condition
from mrisynth.covariate_condition import covariate_rows
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.one_class import OneClass, without_classes
from mrisynth.slices.slice_set import open_slices
from mrisynth.store import open_pyramid


class EmptySplitError(MrisynthError):
    """No scan is in the splits that were asked for."""


@dataclass(frozen=True)
class TrainingSet:
    """The training split, or another, of one study at one size.

    Attributes:
        images: uint8 [scan, x, y, z] or slices [image, row, column], memory-mapped, all that passed.
        rows: int64 [n], the rows of ``images`` that belong to the training split.
        labels: int64 [n], the class of each; below 0 something is missing, see :mod:`mrisynth.labels`. Of covariates
            float64 [n, 1 + covariates], rows of :class:`mrisynth.covariates.rows.CovariateRows`.
        condition: the condition that the labels belong to; without classes where one alone was taken.
        weights: float64 [n], how often each is shown beside the others; None when all alike.
        only: the class that was taken alone; None for all.
        prompts: what each is told, of a condition of text; its labels are all 0.
    """

    images: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    condition: Condition
    weights: np.ndarray | None = None
    only: OneClass | None = None
    prompts: list[str] | None = None

    @property
    def label_counts(self) -> list[int]:
        """Number of training scans of each class, in the order of the classes."""
        numbers = self.labels if self.labels.ndim == 1 else self.labels[:, 0]
        return [int(np.count_nonzero(numbers == label)) for label in range(len(self.condition.classes))]


def load_training_set(
    packed: Path,
    *,
    size: int,
    scans: str | Path,
    condition: str | Path,
    dimensions: int = 3,
    splits: Sequence[str] = ("train",),
    only: str | None = None,
) -> TrainingSet:
    """Join packed scans, or slices of them, the splits and a condition by the names of the scans.

    Args:
        packed: folder of the packed arrays: a pyramid, or a folder of slices.
        size: edge of the cube in voxels, of a slice in pixels.
        scans: the scans table, with the column ``split``.
        condition: the condition's table; its classes stand beside it as JSON.
        dimensions: 3 for volumes, 2 for slices.
        splits: which are taken.
        only: name of the class that is taken alone; its images then have no label that a network is told (0).

    Raises:
        EmptySplitError: no scan that passed is in these splits, or none of the class.
        MrisynthError: the condition does not know one, or has no such class.
    """
    images, scan_of_row = _opened(packed, size, dimensions)
    split_of = read_table(scans).set_index("scan")["split"]
    told = read_condition(Path(condition))
    labels = told.table.set_index("scan")["label"]
    rows = np.flatnonzero([split_of[scan] in splits for scan in scan_of_row])
    if not len(rows):
        wanted = " or ".join(splits)
        raise EmptySplitError(f"{scans}: no scan that passed is in the split {wanted}; there is nothing to train on.")
    taken = [scan_of_row[row] for row in rows]
    absent = sorted(set(taken) - set(labels.index))
    if absent:
        raise MrisynthError(
            f"{condition} has no row for {absent[0]} ({len(absent)} absent in all); delete it and rerun."
        )
    if told.text is not None:
        prompts = told.prompts(taken)
        return TrainingSet(images=images, rows=rows.astype(np.int64), labels=told.labels(taken), condition=told,
                           prompts=prompts)  # fmt: skip
    if told.covariates is not None:
        return _of_sources(told, images=images, rows=rows, taken=taken, splits=splits)
    found = labels.loc[taken].to_numpy(dtype=np.int64)
    if only is not None:
        return _of_class(only, told, images=images, rows=rows, labels=found, taken=taken, splits=splits)
    return TrainingSet(
        images=images, rows=rows.astype(np.int64), labels=found, condition=told, weights=told.weights(taken)
    )


def split_table(path: str | Path) -> pd.DataFrame:
    """Return ``scan``, ``participant_id`` and ``split`` of what is packed, of the scans table or an index of slices.

    In an index every image counts as a scan of its own, by its name.
    """
    table = read_table(path)
    if "image" in table:
        table = table[table["row"].notna()].assign(scan=lambda images: images["image"])
    return table[["scan", "participant_id", "split"]].reset_index(drop=True)


def _of_class(
    only: str, told: Condition, *, images: np.ndarray, rows: np.ndarray, labels: np.ndarray, taken: Sequence[str],
    splits: Sequence[str],
) -> TrainingSet:  # fmt: skip
    """Return the images of one class of those that were taken."""
    one = OneClass.of(told, only)
    mine = np.flatnonzero(labels == one.label)
    if not len(mine):
        counts = [f"{name} {int(np.count_nonzero(labels == number))}" for number, name in enumerate(told.classes)]
        raise EmptySplitError(
            f"No image of class {only} of condition {told.name} is in the split {' or '.join(splits)}, where classes "
            f"have {', '.join(counts)} images; there is nothing to train on."
        )
    return TrainingSet(
        images=images, rows=rows[mine].astype(np.int64), labels=np.zeros(len(mine), dtype=np.int64),
        condition=without_classes(told), weights=told.weights([taken[place] for place in mine]), only=one,
    )  # fmt: skip


def _of_sources(
    told: Condition, *, images: np.ndarray, rows: np.ndarray, taken: Sequence[str], splits: Sequence[str]
) -> TrainingSet:
    """Return the images whose scans are of a source; no model is shown the others."""
    labels = covariate_rows(told, taken)
    mine = np.flatnonzero(labels[:, 0] >= 0)
    if not len(mine):
        raise EmptySplitError(f"No image of a source of condition {told.name} is in the split {' or '.join(splits)}.")
    return TrainingSet(images=images, rows=rows[mine].astype(np.int64), labels=labels[mine], condition=told)


def _opened(packed: Path, size: int, dimensions: int) -> tuple[np.ndarray, list[str]]:
    """Return the packed images and the scan that each is of."""
    if dimensions == 3:
        pyramid = open_pyramid(packed, size)
        return pyramid.images, pyramid.scans
    slices = open_slices(packed, size)
    return slices.images, slices.index["scan"].tolist()
