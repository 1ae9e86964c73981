"""Targets: what a cohort encoder learns to read from a scan, with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError

REGION = "region "


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing to read from every scan.

    Attributes:
        name: a column of the scans table, or ``region `` and a column of the table of region volumes.
        kind: ``number`` or ``category``.
        values: float64 [scan], a number, or the position of the category; NaN where it is missing.
        classes: the categories, sorted; empty for a number.
        mean, deviation: of a number over the training scans.
        commonest: position of the commonest category among the training scans.
        weight: in the loss.
    """

    name: str
    kind: Literal["number", "category"]
    values: np.ndarray
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0
    commonest: int = 0
    weight: float = 1.0

    @property
    def outputs(self) -> int:
        """Numbers that a network says about it."""
        return len(self.classes) or 1


def find_targets(
    scans: pd.DataFrame, names: Sequence[str], *, training: np.ndarray, regions: pd.DataFrame | None = None
) -> tuple[list[Target], dict[str, str]]:
    """Return the targets that can be learnt, and why each other one cannot.

    A column is a number when all its values in the training scans are. Means, deviations and categories are those of
    the training scans; a category that only other scans have counts as missing there. All regions together weigh as
    much as one other target.

    Args:
        scans: the scans table; one row a scan.
        names: columns of it.
        training: bool [scan], the scans to learn from.
        regions: column ``id`` with names of scans, then one column a region in mm3; scans may be absent from it.

    Raises:
        MrisynthError: the scans table has no such column.
    """
    absent = [name for name in names if name not in scans]
    if absent:
        raise MrisynthError(
            f"The targets of the cohort encoder name {absent[0]}, which is no column of the scans table; known are "
            f"{', '.join(scans.columns)}."
        )
    columns = {name: (scans[name], 1.0) for name in names}
    if regions is not None:
        aligned = regions.set_index("id").reindex(scans["scan"])
        columns |= {f"{REGION}{name}": (aligned[name], 1.0 / aligned.shape[1]) for name in aligned.columns}
    targets, skipped = [], {}
    for name, (column, weight) in columns.items():
        values = column.reset_index(drop=True)
        if values[training].nunique() < 2:
            skipped[name] = f"{values[training].nunique()} different values in the training scans, 2 are needed"
            continue
        targets.append(_target(name, values, training=training, weight=weight))
    return targets, skipped


def _target(name: str, column: pd.Series, *, training: np.ndarray, weight: float) -> Target:
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if not (np.isnan(numbers) & column.notna().to_numpy())[training].any():
        known = numbers[training & ~np.isnan(numbers)]
        return Target(name=name, kind="number", values=numbers, mean=float(known.mean()),
                      deviation=float(known.std()), weight=weight)  # fmt: skip
    words = column.astype("string")
    classes = tuple(sorted(words[training].dropna().unique()))
    position = {word: float(place) for place, word in enumerate(classes)}
    values = np.array([np.nan if pd.isna(word) else position.get(word, np.nan) for word in words])
    commonest = classes.index(words[training].value_counts().sort_index().idxmax())
    return Target(name=name, kind="category", values=values, classes=classes, commonest=commonest, weight=weight)
