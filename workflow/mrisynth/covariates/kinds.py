"""Covariates by kind: continuous numbers, binary ones and categories, and what a table of them may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrisynth.errors import MrisynthError

KINDS = ("continuous", "binary", "categorical")
MOST = 52
"""Covariates of one table at most: patterns of known columns are numbers that float64 holds exactly."""


@dataclass(frozen=True)
class Covariate:
    """One thing known of a scan.

    Attributes:
        name: of its column.
        kind: one of :data:`KINDS`; a table holds numbers in real units, 0 or 1, or the number of a category from 0.
        categories: names of the categories in the order of their numbers; at least two of a categorical covariate,
            none or two of a binary one, none of a continuous one.
        bounds: least and greatest value of a continuous covariate in its unit; None where the data set them.

    Raises:
        MrisynthError: kind, categories and bounds do not go together.
    """

    name: str
    kind: str = "continuous"
    categories: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        found = f"the covariate {self.name!r}"
        if self.kind not in KINDS:
            raise MrisynthError(f"{found} is of kind {self.kind!r}; one of {', '.join(KINDS)} is expected.")
        expected = {"continuous": (0,), "binary": (0, 2)}.get(self.kind, ())
        count = len(self.categories)
        if len(set(self.categories)) != count or (count not in expected if expected else count < 2):
            words = "at least two" if not expected else " or ".join(map(str, expected))
            raise MrisynthError(f"{found} is {self.kind} with categories {self.categories}; name {words}, each once.")
        if self.bounds is not None and (self.kind != "continuous" or not self.bounds[0] < self.bounds[1]):
            raise MrisynthError(f"{found} has bounds {self.bounds}; only a continuous one has them, the least first.")

    @property
    def levels(self) -> int:
        """How many values it can take; 0 of a continuous one."""
        return {"continuous": 0, "binary": 2}.get(self.kind, len(self.categories))

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain words and numbers, as JSON holds them."""
        bounds = None if self.bounds is None else [float(bound) for bound in self.bounds]
        return {"name": self.name, "kind": self.kind, "categories": list(self.categories), "bounds": bounds}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Covariate:
        """Return what :meth:`to_dict` gave; ``kind``, ``categories`` and ``bounds`` may be missing."""
        bounds = plain.get("bounds")
        return cls(
            name=str(plain["name"]),
            kind=str(plain.get("kind", "continuous")),
            categories=tuple(map(str, plain.get("categories", ()))),
            bounds=None if bounds is None else (float(bounds[0]), float(bounds[1])),
        )


def checked_table(values: np.ndarray, covariates: Sequence[Covariate]) -> np.ndarray:
    """Return a table of covariates as float64, once it is seen to be one.

    Args:
        values: [n, K], NaN where unknown.
        covariates: K, at most :data:`MOST`.

    Raises:
        MrisynthError: the shape is another, a number is infinite, or a binary or categorical column holds a number
            that stands for none of its levels.
    """
    table = np.asarray(values, dtype=np.float64)
    if len(covariates) > MOST:
        raise MrisynthError(f"{len(covariates)} covariates were named, and a study can have {MOST}; name fewer.")
    if table.ndim != 2 or table.shape[1] != len(covariates):
        names = ", ".join(one.name for one in covariates)
        raise MrisynthError(f"a table of shape {table.shape} was given for {len(covariates)} covariates ({names}).")
    for column, one in zip(table.T, covariates, strict=True):
        wrong = np.isinf(column) if not one.levels else ~np.isnan(column) & ~np.isin(column, np.arange(one.levels))
        if wrong.any():
            wanted = f"whole numbers from 0 to {one.levels - 1}" if one.levels else "finite numbers"
            raise MrisynthError(f"the column {one.name!r} holds {column[wrong][0]:g}; {wanted} are expected.")
    return table
