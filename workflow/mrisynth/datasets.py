"""Data sets: the packed scans of a split with their labels, as training and scoring need them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrisynth.conditions import Condition, read_condition
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.store import open_pyramid


@dataclass(frozen=True)
class TrainingSet:
    """The training split of one study at one size.

    Attributes:
        images: uint8 [scan, x, y, z], memory-mapped, all scans that passed.
        rows: int64 [n], the rows of ``images`` that belong to the training split.
        labels: int64 [n], the class of each; below 0 something is missing, see :mod:`mrisynth.labels`.
        condition: the condition that the labels belong to.
        weights: float64 [n], how often each is shown beside the others; None when all alike.
    """

    images: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    condition: Condition
    weights: np.ndarray | None = None

    @property
    def label_counts(self) -> list[int]:
        """Number of training scans of each class, in the order of the classes."""
        return [int(np.count_nonzero(self.labels == label)) for label in range(len(self.condition.classes))]


def load_training_set(pyramid: Path, *, size: int, scans: str | Path, condition: str | Path) -> TrainingSet:
    """Join the packed scans, the splits and a condition by the names of the scans.

    Args:
        pyramid: folder of the packed arrays.
        size: edge of the cube in voxels.
        scans: the scans table, with the column ``split``.
        condition: the condition's table; its classes stand beside it as JSON.
    """
    packed = open_pyramid(pyramid, size)
    splits = read_table(scans).set_index("scan")["split"]
    told = read_condition(Path(condition))
    labels = told.table.set_index("scan")["label"]
    training = [scan for scan in packed.scans if splits[scan] == "train"]
    if not training:
        raise MrisynthError(f"{scans}: no scan that passed is in the training split; there is nothing to train on.")
    absent = sorted(set(training) - set(labels.index))
    if absent:
        raise MrisynthError(
            f"{condition} has no row for {absent[0]} ({len(absent)} absent in all); delete it and rerun."
        )
    return TrainingSet(
        images=packed.images,
        rows=np.asarray(packed.rows(training), dtype=np.int64),
        labels=labels.loc[training].to_numpy(dtype=np.int64),
        condition=told,
        weights=told.weights(training),
    )
