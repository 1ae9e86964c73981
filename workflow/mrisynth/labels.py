"""Labels: what is known of a scan's condition as one number, with gaps. Cheap to import.

From 0 a label is a joint class: the position of its categories among all combinations of the columns, the last column
fastest. Below 0 something is missing: -1 when nothing is known, else -1 - code, where the code has one digit a column,
0 for a missing value and 1 + category otherwise, the last column fastest. Networks read them in
:mod:`mrisynth.networks.conditioning`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mrisynth.files import MISSING

MISSING_LABEL = -1


def label_of(categories: Sequence[int | None], sizes: Sequence[int]) -> int:
    """Return the label of one category a column, None where it is missing.

    Args:
        categories: number of the category in each column.
        sizes: number of categories of each column.
    """
    label, code = 0, 0
    for category, size in zip(categories, sizes, strict=True):
        label = label * size + (category or 0)
        code = code * (size + 1) + (0 if category is None else 1 + category)
    return MISSING_LABEL - code if any(category is None for category in categories) else label


def categories_of(label: int, sizes: Sequence[int]) -> list[int | None]:
    """Return the category of each column, None where it is missing; the inverse of :func:`label_of`."""
    found: list[int | None] = []
    rest = label if label >= 0 else MISSING_LABEL - label
    for size in reversed(sizes):
        if label >= 0:
            rest, digit = divmod(rest, size)
            found.append(digit)
        else:
            rest, digit = divmod(rest, size + 1)
            found.append(digit - 1 if digit else None)
    return found[::-1]


def values_of(label: int, columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the value of each column in words, ``n/a`` where it is missing.

    Args:
        columns: categories of each column, in the order of the label's digits.
    """
    categories = categories_of(label, [len(words) for words in columns.values()])
    return {
        name: MISSING if category is None else words[category]
        for (name, words), category in zip(columns.items(), categories, strict=True)
    }


def label_name(label: int, columns: Mapping[str, Sequence[str]]) -> str:
    """Return the label in words: ``f high``, ``f n/a`` where the second value is missing, ``n/a`` when all are."""
    values = values_of(label, columns).values()
    return MISSING if all(value == MISSING for value in values) else " ".join(values)
