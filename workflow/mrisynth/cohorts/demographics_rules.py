"""Demographics rules: what happens to repeated rows, to a missing sex, and over whom ages are cut into thirds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN_SEX = "unknown"


@dataclass(frozen=True, kw_only=True)
class DemographicsRules:
    """How the rows of a demographics table become one row a person; the defaults are the ones we think better.

    Attributes:
        repeated_rows: rows of one person. ``merge``: a value stands when all rows that state it agree, where they do
            not it is missing. ``drop_disagreeing``, as published: rows must agree on sex (missing is a sex of its own)
            and age third (a missing age agrees with nothing), otherwise all that is known of the person is left out;
            columns that are not the same in all rows are missing, also where only one row says something.
        missing_sex: of a person with a row. ``missing``: missing, so a model is not told anything. ``category``, as
            published (their -1): the category ``unknown`` beside ``m`` and ``f``.
        age_bins: the ages whose thirds are ``age_tercile``. ``persons``: one of each person. ``rows``, as published:
            one of each row, so that who stands there twice counts twice.
    """

    repeated_rows: str = "merge"
    missing_sex: str = "missing"
    age_bins: str = "persons"


PRESETS = {
    "better": DemographicsRules(),
    "as_published": DemographicsRules(repeated_rows="drop_disagreeing", missing_sex="category", age_bins="rows"),
}


def rules_of(settings: Mapping[str, Any]) -> DemographicsRules:
    """Return the rules of the block ``cohort.demographics_rules``: its preset, changed by each key that is not null."""
    preset = PRESETS[settings.get("preset", "better")]
    names = ("repeated_rows", "missing_sex", "age_bins")
    return DemographicsRules(**{name: settings.get(name) or getattr(preset, name) for name in names})
