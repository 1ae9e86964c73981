"""Wishes: which labels the samples of a conditional model may have, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from mrisynth.covariate_wishes import CovariateWish, covariate_wish_of
from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING
from mrisynth.labels import MISSING_LABEL, label_of
from mrisynth.one_class import OneClass
from mrisynth.seeds import numpy_generator
from mrisynth.text_wishes import PromptWish, TextWish, text_wish_of

Condition = str | int | Mapping[str, Any] | None
"""A class by name or number, values of some columns (``n/a`` asks for a missing value), or None for no wish.

Of covariates a source, or values in real units; of text a prompt, or values of some of its columns."""

_LEARNS_GAPS = ("embedding", "embedding_per_column")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Labels that may be drawn.

    Attributes:
        shares: probability of each label; they sum to 1.
    """

    shares: dict[int, float]

    def draw(self, sample_seed: int) -> int:
        """Return the label of the sample with this seed."""
        labels, shares = list(self.shares), list(self.shares.values())
        return labels[int(numpy_generator(sample_seed, "label").choice(len(labels), p=shares))]


def wish_of(
    condition: Condition, *, facts: Mapping[str, Any], condition_input: str
) -> Wish | CovariateWish | TextWish | PromptWish:
    """Return what a wish means for a model.

    Columns without a wish are drawn as often as their values stood in the training set beside the wished ones; values
    that training never showed together are drawn in equal shares.

    Args:
        condition: the wish.
        facts: recipe.json of the model: ``classes``, ``columns``, ``label_counts``, ``model``, ``extra``.
        condition_input: how the condition enters the generator.

    Raises:
        MrisynthError: for a class, column or value that the model does not have; for a missing value where it never
            learnt what that means.
    """
    if "text" in facts:
        return text_wish_of(condition, facts=facts)
    if "covariates" in facts:
        return covariate_wish_of(condition, facts=facts)
    if not facts["classes"] and condition is None:
        return Wish(shares={MISSING_LABEL: 1.0})
    if (one := OneClass.read(facts)) is not None:
        raise MrisynthError(
            f"Model {facts['model']['name']} is of class {one.name} of condition {one.condition} alone; ask for no "
            "class, all its samples are of that one."
        )
    columns = {column["name"]: column["categories"] for column in facts["columns"]}
    if condition is None or isinstance(condition, Mapping):
        wanted = dict(condition or {})
    else:
        wanted = _values(_class_number(condition, facts), columns)
    _check(wanted, columns, facts)
    gaps = [name for name, value in wanted.items() if value == MISSING]
    if gaps:
        _check_gaps(gaps, columns, facts, condition_input=condition_input)
    counts: dict[int, float] = {}
    for row, count in zip(product(*columns.values()), facts["label_counts"], strict=True):
        values = dict(zip(columns, row, strict=True))
        if all(values[name] == value for name, value in wanted.items() if value != MISSING):
            numbers = [None if name in gaps else columns[name].index(value) for name, value in values.items()]
            label = label_of(numbers, [len(words) for words in columns.values()])
            counts[label] = counts.get(label, 0.0) + count
    total = sum(counts.values())
    return Wish(shares={label: count / total if total else 1 / len(counts) for label, count in counts.items()})


def _values(number: int, columns: Mapping[str, list[str]]) -> dict[str, str]:
    return dict(zip(columns, list(product(*columns.values()))[number], strict=True))


def _class_number(wanted: str | int, facts: Mapping[str, Any]) -> int:
    classes = facts["classes"]
    if isinstance(wanted, str) and wanted in classes:
        return classes.index(wanted)
    if isinstance(wanted, int) and 0 <= wanted < len(classes):
        return wanted
    known = "its classes: " + ", ".join(f"{number} {name}" for number, name in enumerate(classes))
    raise MrisynthError(
        f"Model {facts['model']['name']} has no class {wanted!r}; {known if classes else 'it is unconditional'}."
    )


def _check(wanted: Mapping[str, str], columns: Mapping[str, list[str]], facts: Mapping[str, Any]) -> None:
    model = facts["model"]["name"]
    for name, value in wanted.items():
        if name not in columns:
            known = ", ".join(columns) or "none, it is unconditional"
            raise MrisynthError(f"Model {model} has no condition column {name!r}; its columns: {known}.")
        if value not in columns[name] and value != MISSING:
            known = ", ".join(columns[name])
            raise MrisynthError(f"Model {model}: column {name} has no value {value!r}; it has {known}.")


def _check_gaps(
    gaps: list[str], columns: Mapping[str, list[str]], facts: Mapping[str, Any], *, condition_input: str
) -> None:
    start = f"Model {facts['model']['name']} cannot be asked for a missing {' and '.join(gaps)}"
    if condition_input not in _LEARNS_GAPS:
        raise MrisynthError(
            f"{start}: its condition_input is {condition_input}, and only {' and '.join(_LEARNS_GAPS)} learn what a "
            "missing value means; leave the column out to have it drawn."
        )
    if condition_input == "embedding" and len(gaps) < len(columns):
        raise MrisynthError(
            f"{start} alone: its condition_input is embedding, which knows all columns or nothing; ask for n/a in "
            f"{', '.join(columns)}, or train with embedding_per_column."
        )
    scans = facts.get("extra", {}).get("training_scans")
    if scans is not None and sum(facts["label_counts"]) >= scans:
        raise MrisynthError(f"{start}: no training scan had a gap, so it never learnt one; leave the column out.")
