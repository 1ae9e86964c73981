"""Columns of covariates as networks know them, and rows of labels that hold them. Cheap to import.

A row of labels is float [1 + covariates]: the number of the source, then each covariate in a fixed order: a
standardised number, or the number of a category; NaN where it is missing. A source below 0 is missing, too.
"""

from __future__ import annotations

from collections.abc import Iterable


class CovariateColumns(tuple[int, ...]):
    """The number of sources, then of each covariate the number of its categories, 0 for one that is a number.

    It stands where a categorical condition has the numbers of categories of its columns.
    """

    __slots__ = ()

    @property
    def sources(self) -> int:
        """Number of sources."""
        return self[0]


def places(columns: Iterable[int]) -> list[slice]:
    """Return which numbers of a vector belong to each column: one of a number, one a category of the others.

    A single source takes none: there is nothing to tell apart.

    Args:
        columns: of :class:`CovariateColumns`.
    """
    found, start = [], 0
    for place, categories in enumerate(columns):
        width = (0 if categories == 1 else categories) if place == 0 else max(1, categories)
        found.append(slice(start, start + width))
        start += width
    return found
