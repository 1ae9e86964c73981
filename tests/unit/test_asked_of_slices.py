"""What a configuration may ask of its slices beside models: matched participants and the exchange format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mrisynth.errors import ConfigError
from mrisynth.study import Study

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
STUDY = """
cohort: {name: simulated}
conditions: {diagnosis: {kind: categorical, columns: [diagnosis]}, umap: {kind: clusters}, chance: {kind: random}}
models: {r3gan: {family: r3gan, size: 16, condition: diagnosis}}
features: {random: {network: random}}
evaluation: {features: [random]}
clustering: {features: random, feedback: []}
"""
OF_VOLUMES = {"models": {"hagan": {"family": "hagan"}}}
GROUPS = {"case": "atrophy", "control": "control"}


def _read(slices: dict[str, Any], **changes: Any) -> dict[str, Any]:
    config = yaml.safe_load(STUDY) | {"slices": slices} | changes
    return Study.read(config, schema=SCHEMA, source="mine.yaml").config["slices"]


def test_nothing_is_matched_or_written_unless_asked_for() -> None:
    assert {key: _read({})[key] for key in ("matching", "exchange")} == {"matching": None, "exchange": None}
    assert _read({"matching": "null", "exchange": "null"})["matching"] is None


def test_two_words_are_enough_to_match() -> None:
    assert _read({"matching": GROUPS})["matching"] == GROUPS | {
        "group": "diagnosis", "caliper_years": 3, "within": ["sex"], "controls_per_case": 1,
    }  # fmt: skip


@pytest.mark.parametrize("condition", ["diagnosis", "chance"])
def test_the_exchange_format_has_the_classes_of_a_named_condition(condition: str) -> None:
    assert _read({"exchange": condition})["exchange"] == condition


@pytest.mark.parametrize(
    ("slices", "changes", "sentence"),
    [
        ({"matching": GROUPS | {"control": "atrophy"}}, {}, "case and slices.matching.control are both atrophy; expec"),
        ({"matching": {"case": "AD"}}, {}, "the key slices.matching.control is missing. Its value for controls"),
        (
            {"matching": GROUPS | {"calliper": 2}},
            {},
            "unknown key slices.matching.calliper; did you mean caliper_years",
        ),
        (
            {"matching": GROUPS | {"caliper_years": -1}},
            {},
            "slices.matching.caliper_years: -1 is less than the minimum",
        ),
        ({"matching": GROUPS | {"caliper_years": float("inf")}}, {}, "slices.matching.caliper_years: inf is greater"),
        ({"matching": GROUPS | {"controls_per_case": 0}}, {}, "slices.matching.controls_per_case: 0 is less than"),
        ({"matching": GROUPS | {"within": ["age"]}}, {}, "within names age, but pairs are matched on it already; take"),
        ({"matching": GROUPS | {"within": ["diagnosis"]}}, {}, "within names diagnosis, but cases and controls differ"),
        ({"matching": True}, {}, "slices.matching is True (true or false); expected a block of keys or nothing"),
        ({"matching": GROUPS}, OF_VOLUMES, "slices.matching is given but no model of the study is of slices"),
        ({"exchange": "diagnosis"}, OF_VOLUMES, "slices.exchange is given but no model of the study is of slices"),
        (
            {"exchange": "sex"},
            {},
            "slices.exchange is sex; expected the name of a categorical or random condition of th",
        ),
        ({"exchange": "umap"}, {}, "slices.exchange is umap; expected the name of a categorical or random condition"),
        ({"exchange": "none"}, {}, "of which there are: diagnosis, chance"),
        ({"exchange": True}, {}, "slices.exchange is True (true or false); expected a string or nothing (null)"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_sentence(slices, changes, sentence) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(slices, **changes)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
