"""Wishes for prompts: a prompt in full, or values of some columns that a template fills, the others drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mrisynth.covariate_wishes import CovariateWish, covariate_wish_of
from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING
from mrisynth.seeds import derive_seed
from mrisynth.text.prompt_rows import PROMPT, Prompt, PromptRows
from mrisynth.told import ToldCovariates


@dataclass(frozen=True, kw_only=True)
class TextWish:
    """Values of columns that are asked for; the others are drawn by the models of the columns.

    Attributes:
        rows: what the model knows of prompts.
        values: of the columns.
        silent: columns that prompts say nothing of.
    """

    rows: PromptRows
    values: CovariateWish
    silent: tuple[str, ...] = ()

    def draw(self, sample_seed: int) -> Prompt:
        """Return the prompt of the sample with this seed."""
        drawn = ToldCovariates(self.rows.covariates).values(self.values.draw(sample_seed))
        return self.rows.prompt({name: value for name, value in drawn.items() if name not in self.silent})


@dataclass(frozen=True, kw_only=True)
class PromptWish:
    """One prompt for all samples.

    Attributes:
        prompt: of all.
    """

    prompt: Prompt

    def draw(self, sample_seed: int) -> Prompt:
        """Return the prompt."""
        return self.prompt


def text_wish_of(condition: str | int | Mapping[str, Any] | None, *, facts: Mapping[str, Any]) -> TextWish | PromptWish:
    """Return what a wish means for a model of prompts.

    Args:
        condition: a prompt in full, values of some columns (``n/a`` says nothing of one), or None.
        facts: recipe.json of the model: ``text``, ``model``.

    Raises:
        MrisynthError: for a number, a column that prompts do not have, or a value that the model does not know.
    """
    rows, model = PromptRows.from_dict(facts["text"]), facts["model"]["name"]
    if isinstance(condition, str):
        return PromptWish(prompt=Prompt(words=condition))
    if condition is not None and not isinstance(condition, Mapping):
        raise MrisynthError(f"Model {model} has no class {condition!r}; it is told prompts: write one.")
    wanted = dict(condition or {})
    if unknown := [name for name in wanted if name not in rows.columns]:
        raise MrisynthError(
            f"Model {model} has no column {unknown[0]!r}; its prompts are written of {', '.join(rows.columns)}."
        )
    silent = tuple(name for name, value in wanted.items() if value == MISSING)
    asked = {name: value for name, value in wanted.items() if name not in silent}
    return TextWish(rows=rows, values=_values(asked, rows, model), silent=silent)


def drawn_prompts(rows: PromptRows, count: int, *, seed: int) -> list[str]:
    """Return so many prompts whose values are all drawn."""
    wish = TextWish(rows=rows, values=_values({}, rows, ""))
    return [wish.draw(derive_seed(seed, PROMPT, number)).words for number in range(count)]


def _values(asked: Mapping[str, Any], rows: PromptRows, model: str) -> CovariateWish:
    facts = {"covariates": rows.covariates.to_dict(), "label_counts": [1], "model": {"name": model}}
    return covariate_wish_of(asked, facts=facts)
