"""Prompts: what is known of each scan as one line of words, by a template. Cheap to import."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MODALITIES: Mapping[str, str] = {
    "T1w": "T1-weighted brain MRI",
    "T2w": "T2-weighted brain MRI",
    "PD": "proton density weighted brain MRI",
    "FLAIR": "FLAIR brain MRI",
}
"""What an image of each contrast is called."""

ATTRIBUTES: Mapping[str, str] = {
    "T1w": "grey matter darker than white matter",
    "T2w": "fluid bright and grey matter brighter than white matter",
    "PD": "grey matter slightly brighter than white matter and fluid",
    "FLAIR": "fluid dark and grey matter brighter than white matter",
}
"""What an image of each contrast looks like, after the attributes of modalities of MRGen, for the brain."""

_SEXES = {"m": "man", "male": "man", "man": "man", "f": "woman", "female": "woman", "woman": "woman"}
_DIGITS = 3  # of a number of a further column


@dataclass(frozen=True, kw_only=True)
class PromptTemplate:
    """Which parts a prompt has. Parts come in the order of MRGen, joined by commas; an empty one is left out.

    Attributes:
        contrast: of all scans, a key of ``modalities``; empty leaves modality and attributes out.
        contrast_column: column with the contrast of each scan, in place of ``contrast``; empty: there is none.
        modalities: words for each contrast.
        attributes: further words for each contrast; a contrast without any has none.
        region: words for the part of the body; empty leaves it out.
        region_column: column with the region of each scan, in place of ``region``.
        sex_column, age_column: columns of both; empty leaves them out.
        structures: name the structures that an image has.
        columns: further columns: each gives its name and its value.
    """

    contrast: str = "T1w"
    contrast_column: str = ""
    modalities: Mapping[str, str] = field(default_factory=lambda: dict(MODALITIES))
    attributes: Mapping[str, str] = field(default_factory=lambda: dict(ATTRIBUTES))
    region: str = "whole brain"
    region_column: str = ""
    sex_column: str = "sex"
    age_column: str = "age"
    structures: bool = True
    columns: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> PromptTemplate:
        """Return the template of :meth:`to_dict`; raises MrisynthError for a key that it does not have."""
        known = [one.name for one in fields(cls)]
        if unknown := [name for name in content if name not in known]:
            raise MrisynthError(f"A template of prompts has no key {unknown[0]!r}; expected {', '.join(known)}.")
        return cls(**{**content, "columns": tuple(content.get("columns", ()))})

    def to_dict(self) -> dict[str, Any]:
        """Return the template as JSON has it."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        words = {name: dict(content[name]) for name in ("modalities", "attributes")}
        return content | words | {"columns": list(self.columns)}

    @property
    def needed(self) -> list[str]:
        """The columns that a table must have, each once."""
        one_each = (self.contrast_column, self.region_column, self.sex_column, self.age_column)
        return [name for name in dict.fromkeys((*one_each, *self.columns)) if name]


def prompts_of(
    table: pd.DataFrame, template: PromptTemplate, *, structures: Sequence[Sequence[str]] | None = None
) -> list[str]:
    """Return a prompt for each row, such as ``T1-weighted brain MRI, whole brain, woman, 63 years, hippocampus``.

    Ages are rounded to years, halves upwards. What is missing is left out, so that a row of which nothing is known
    has what holds for all. Values of further columns stand after the name of the column; numbers have three digits,
    whole ones all. A comma of a value becomes a space, as commas part the parts. Wu et al. 2025, "MRGen" (ICCV), join
    modality, attributes, region and structures; sex, age and columns are ours.

    Args:
        table: one row an image; a column with gaps may hold None, NaN or ``n/a``.
        template: which parts.
        structures: names of what each image shows, see :func:`present_structures`; None: unknown, and left out.

    Raises:
        MrisynthError: a column is missing, a contrast has no words, a sex is neither, an age is no number, or there is
            not one list of structures a row.
    """
    if missing := [name for name in template.needed if name not in table]:
        raise MrisynthError(
            f"The prompts need the column {missing[0]!r}, but the table has {', '.join(map(str, table.columns))}; "
            "add it, or leave it out of the template of the prompts."
        )
    if structures is not None and len(structures) != len(table):
        raise MrisynthError(f"Found structures of {len(structures)} images for {len(table)} rows; expected one a row.")
    named = structures if template.structures and structures is not None else [()] * len(table)
    return [
        _prompt({name: row[number] for number, name in enumerate(template.needed)}, template, list(found))
        for row, found in zip(table[template.needed].itertuples(index=False, name=None), named, strict=True)
    ]


def words_of(table: pd.DataFrame, template: PromptTemplate) -> list[dict[str, str]]:
    """Return what the prompt of each row says of each column, as :func:`prompts_of` reads it; empty where nothing.

    Raises:
        MrisynthError: as of :func:`prompts_of`.
    """
    prompts_of(table, template)  # refuses what cannot be read
    return [
        {name: _said(name, value, template) for name, value in zip(template.needed, row, strict=True)}
        for row in table[template.needed].itertuples(index=False, name=None)
    ]


def present_structures(labels: np.ndarray, names: Mapping[int, str], *, least: int = 1) -> tuple[str, ...]:
    """Return the names of the structures that a label map shows, each once, in the order of ``names``.

    Args:
        labels: int [...], a slice or a volume.
        names: of labels; several may have one name, and what is not named is not told.
        least: pixels or voxels that a name needs.
    """
    import numpy as np

    values, counts = np.unique(labels, return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    shown = dict.fromkeys(names.values(), 0)
    for label, name in names.items():
        shown[name] += found.get(label, 0)
    return tuple(name for name, count in shown.items() if count >= max(least, 1))


def _prompt(row: Mapping[str, Any], template: PromptTemplate, structures: Sequence[str]) -> str:
    contrast = _word(row[template.contrast_column]) if template.contrast_column else template.contrast
    if contrast and contrast not in template.modalities:
        known = ", ".join(template.modalities)
        raise MrisynthError(f"The prompts have no words for the contrast {contrast!r}; expected one of {known}.")
    parts = [
        template.modalities.get(contrast, ""),
        template.attributes.get(contrast, ""),
        _word(row[template.region_column]) if template.region_column else template.region,
        _sex(row[template.sex_column]) if template.sex_column else "",
        _age(row[template.age_column]) if template.age_column else "",
        *structures,
        *(f"{_plain(name)} {word}" for name in template.columns if (word := _word(row[name]))),
    ]
    return ", ".join(filter(None, map(_plain, parts)))


def _plain(words: str) -> str:
    """Return words with single spaces in place of commas and underscores."""
    return " ".join(words.replace(",", " ").replace("_", " ").split())


def _missing(value: Any) -> bool:
    return value is None or str(value) in ("", MISSING, "nan", "<NA>", "NaT")


def _word(value: Any) -> str:
    if _missing(value):
        return ""
    if isinstance(value, str | bool):
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if not math.isfinite(number):
        raise MrisynthError(f"A value of a prompt is {number}; expected finite numbers, so mend the table.")
    if number == round(number):
        return str(round(number))
    places = max(0, _DIGITS - 1 - math.floor(math.log10(abs(number))))
    return f"{number:.{places}f}"


def _sex(value: Any) -> str:
    if _missing(value):
        return ""
    if (word := str(value).strip().lower()) not in _SEXES:
        raise MrisynthError(f"The prompts found the sex {value!r}; expected m, f or n/a.")
    return _SEXES[word]


def _said(name: str, value: Any, template: PromptTemplate) -> str:
    if name == template.age_column:
        return _age(value).removesuffix(" years")
    if name == template.sex_column:
        return "" if _missing(value) else str(value).strip().lower()
    return _word(value)


def _age(value: Any) -> str:
    if _missing(value):
        return ""
    try:
        age = float(value)
    except (TypeError, ValueError):
        age = math.nan
    if not 0.0 <= age < 200.0:
        raise MrisynthError(f"The prompts found the age {value!r}; expected years from 0, or n/a.")
    return f"{math.floor(age + 0.5)} years"
