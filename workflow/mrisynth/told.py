"""What a model is told of a sample: the class of a categorical condition, a source and its covariates, or a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from mrisynth.covariates.rows import CovariateRows
from mrisynth.files import MISSING
from mrisynth.labels import MISSING_LABEL, label_name, values_of
from mrisynth.text.encoding import PromptEncoding
from mrisynth.text.prompt_rows import PROMPT, Prompt, PromptRows, said_or_missing

Label = int | tuple[float, ...] | Prompt
"""A class number, a row of :class:`mrisynth.covariates.rows.CovariateRows`, or a prompt."""

_DIGITS = 6


class Told(Protocol):
    """Reads labels.

    Attributes:
        columns: what networks are given as columns of the condition.
        nothing: the label that tells nothing.
    """

    columns: Sequence[int]
    nothing: Label

    def encoded(self, labels: Sequence[Label]) -> Sequence[int | Sequence[float]]:
        """Return labels as networks are given them: numbers, or rows of numbers."""
        ...

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

    def encoded(self, labels: Sequence[int]) -> Sequence[int]:
        """Return the labels."""
        return labels

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

    def encoded(self, labels: Sequence[tuple[float, ...]]) -> Sequence[tuple[float, ...]]:
        """Return the rows."""
        return labels

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


class ToldText:
    """Labels that are prompts; they are of no class.

    Args:
        rows: what the condition knows. Where prompts are read by a published encoder, its folder has to be there.
    """

    nothing = Prompt(words="")

    def __init__(self, rows: PromptRows) -> None:
        self._encoding, self._names = PromptEncoding(rows), rows.columns
        self.columns = self._encoding.columns

    def encoded(self, labels: Sequence[Prompt]) -> list[list[float]]:
        """Return a row of tokens for each prompt."""
        return self._encoding.rows([label.words for label in labels]).tolist()

    def number(self, label: Prompt) -> int:
        """Return the number of no class."""
        return MISSING_LABEL

    def name(self, label: Prompt) -> str:
        """Return the name of no class."""
        return MISSING

    def values(self, label: Prompt) -> dict[str, str]:
        """Return the prompt and what it says of each column, of a prompt in words of its own ``n/a``."""
        values = {name: said_or_missing(label.values.get(name, "")) for name in self._names}
        return {PROMPT: said_or_missing(label.words)} | values


def told_of(facts: Mapping[str, Any], *, named: Mapping[str, Sequence[str]] | None = None) -> Told:
    """Return what reads the labels of a model, by its recipe.json: ``columns``, ``covariates`` or ``text``."""
    if (text := facts.get("text")) is not None:
        return ToldText(PromptRows.from_dict(text))
    if (covariates := facts.get("covariates")) is not None:
        return ToldCovariates(CovariateRows.from_dict(covariates))
    return ToldClasses({column["name"]: column["categories"] for column in facts["columns"]}, named=named)
