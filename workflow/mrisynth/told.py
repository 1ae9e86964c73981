"""What a model is told of a sample: the class of a categorical condition, or a source and its covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from mrisynth.covariates.rows import CovariateRows
from mrisynth.files import MISSING
from mrisynth.labels import MISSING_LABEL, label_name, values_of

Label = int | tuple[float, ...]
"""A class number, or a row of :class:`mrisynth.covariates.rows.CovariateRows`."""

_DIGITS = 6


class Told(Protocol):
    """Reads labels.

    Attributes:
        columns: what networks are given as columns of the condition.
        nothing: the label that tells nothing.
    """

    columns: Sequence[int]
    nothing: Label

    def number(self, label: Label) -> int:
        """Return the number of the class or of the source; below 0 without one."""
        ...

    def name(self, label: Label) -> str:
        """Return the class or the source in words, ``n/a`` without one."""
        ...

    def values(self, label: Label) -> dict[str, Any]:
        """Return what a label says of each column: words, ``n/a`` for nothing; of a number its value in real units."""
        ...


class ToldClasses:
    """Labels that are class numbers, see :mod:`mrisynth.labels`.

    Args:
        columns: categories of each column that labels are made of.
        named: categories of each column in whose words labels are read, where they differ.
    """

    nothing = MISSING_LABEL

    def __init__(
        self, columns: Mapping[str, Sequence[str]], *, named: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.columns = [len(categories) for categories in columns.values()]
        self._named = columns if named is None else named

    def number(self, label: int) -> int:
        """Return the label."""
        return label

    def name(self, label: int) -> str:
        """Return the class in words."""
        return label_name(label, self._named)

    def values(self, label: int) -> dict[str, str]:
        """Return the value of each column in words."""
        return values_of(label, self._named)


class ToldCovariates:
    """Labels that are rows of covariates.

    Args:
        rows: what the condition knows.
    """

    def __init__(self, rows: CovariateRows) -> None:
        self.rows, self.columns = rows, rows.columns
        self.nothing = (float(MISSING_LABEL), *[float("nan")] * len(rows.covariates))

    def number(self, label: tuple[float, ...]) -> int:
        """Return the number of the source."""
        return int(label[0])

    def name(self, label: tuple[float, ...]) -> str:
        """Return the source."""
        number = self.number(label)
        return self.rows.sources[number] if number >= 0 else MISSING

    def values(self, label: tuple[float, ...]) -> dict[str, Any]:
        """Return the source and every covariate, numbers in real units to six digits."""
        found: dict[str, Any] = {"source": self.name(label)}
        (values,), _ = self.rows.values(np.array([label]))
        for one, value in zip(self.rows.covariates, values, strict=True):
            if np.isnan(value):
                found[one.name] = MISSING
            elif one.categories:
                found[one.name] = one.categories[round(value)]
            else:
                found[one.name] = float(f"{value:.{_DIGITS}g}")
        return found


def told_of(facts: Mapping[str, Any], *, named: Mapping[str, Sequence[str]] | None = None) -> Told:
    """Return what reads the labels of a model, by its recipe.json: ``columns``, or ``covariates`` where it has them."""
    if (covariates := facts.get("covariates")) is not None:
        return ToldCovariates(CovariateRows.from_dict(covariates))
    return ToldClasses({column["name"]: column["categories"] for column in facts["columns"]}, named=named)
