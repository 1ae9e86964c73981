"""A set of scans or samples with what is known, or was asked, of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Words = Sequence[str | None]


@dataclass(frozen=True, kw_only=True)
class LabelledSet:
    """Features and labels of n scans or samples.

    Attributes:
        features: [n, d].
        words: name of a column -> the value of each in words, None where it is missing.
        age: float64 [n], years; missing (NaN) where it is not known. Of samples: :attr:`class_age`.
        class_age: float64 [n], the mean age of the training scans of the class of each, in years.
        groups: the participant of each; a sample is its own.
    """

    features: np.ndarray
    words: Mapping[str, Words]
    age: np.ndarray
    class_age: np.ndarray
    groups: Sequence[str]

    def joint(self, columns: Sequence[str]) -> list[str | None]:
        """Return the values of several columns as one, None where one is missing."""
        rows = zip(*(self.words[column] for column in columns), strict=True)
        return [None if None in row else " ".join(map(str, row)) for row in rows]


def well_known(words: Words, groups: Sequence[str], *, participants: int) -> list[str]:
    """Return the values, sorted, that at least so many participants have."""
    people: dict[str, set[str]] = {}
    for word, group in zip(words, groups, strict=True):
        if word is not None:
            people.setdefault(word, set()).add(group)
    return sorted(word for word, found in people.items() if len(found) >= participants)


def rows_of(words: Words, values: Sequence[str]) -> np.ndarray:
    """Return the rows, int64, whose value is one of these."""
    return np.flatnonzero([word in values for word in words])
