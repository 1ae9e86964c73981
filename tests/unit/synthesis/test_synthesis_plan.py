"""Plans of a synthesis that cannot work are refused with what to write instead."""

from __future__ import annotations

import pytest

from mrisynth.errors import ConfigError
from mrisynth.recipes import ModelRecipe
from mrisynth.synthesis.plan import check_synthesis, plans_of

ENTRY = {
    "model": "ldm", "condition": {"site": "south"}, "masks": 10, "tries": 4, "kept": 2, "best": 5,
    "guidance": None, "lowered_by": 0.1,
    "smallest_share": 0.005, "per_shard": 4, "scorer": "segmenter", "thresholds": "calibrated", "percentile": 5,
    "tissues": {}, "sam2_folder": None,
}  # fmt: skip
SITE = {"kind": "categorical", "columns": ["site"]}


def study(*, classes=("ventricles",), condition=None, **changes):
    return {
        "synthesis": {"target": ENTRY | changes}, "masks": {"classes": {name: [name] for name in classes}},
        "conditions": {"site": condition or SITE},
    }  # fmt: skip


def recipe(name="ldm", **changes) -> ModelRecipe:
    entries = {"name": name, "family": "mrgen", "condition": "site", "size": 64, "dimensions": 2}
    entries |= {"images_total": 64, "images_per_chunk": 64, "batch_size": 4}
    return ModelRecipe(**entries | changes)


def test_jobs_share_the_masks():
    plan = plans_of(study())["target"]
    assert plan.shards() == ["000", "001", "002"]
    assert [list(range(10))[plan.shard_rows(shard)] for shard in plan.shards()] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]
    ]  # fmt: skip


def test_plans_that_fit_pass():
    covariates = {"kind": "covariates", "sources": {"all": {"covariates": ["age", "sex"]}}}
    for config in (
        study(), study(condition={}), study(condition=covariates) | {"synthesis": {}},
        study(scorer="atropos", tissues={"ventricles": "csf"}), study(scorer="sam2", sam2_folder="somewhere"),
    ):  # fmt: skip
        check_synthesis(config, {"ldm": recipe()}, source="a.yaml")


@pytest.mark.parametrize(
    ("changes", "model", "words"),
    [
        (
            {"model": "other"},
            {},
            r"a.yaml: synthesis.target.model is other; expected a model of family mrgen, of .* ldm",
        ),
        ({}, {"family": "latent_diffusion"}, "of which there is none"),
        ({"classes": ()}, {}, r"masks\.classes is empty"),
        ({}, {"size": 8}, "of size 8; expected"),
        ({}, {"only": "south"}, "of class south alone"),
        ({"kept": 5}, {}, "kept is 5 of 4 tries"),
        ({"condition": SITE, "best": 1}, {}, "the best 1"),
        ({"scorer": "sam2"}, {}, r"read from synthesis\.target\.sam2_folder"),
        ({"scorer": "sam2", "sam2_folder": "x"}, {"dimensions": 3}, "3 dimensions"),
        ({"scorer": "atropos"}, {}, "found none, expected classes"),
        ({"scorer": "atropos", "tissues": {"ventricles": "water"}}, {}, "csf, grey, white"),
    ],
)
def test_what_does_not_fit_is_refused(changes, model, words):
    with pytest.raises(ConfigError, match=words):
        check_synthesis(study(**changes), {"ldm": recipe(**model)}, source="a.yaml")


def test_a_condition_of_other_columns_is_refused():
    config = study()
    config["synthesis"]["target"] = ENTRY | {"condition": {"scanner": "new"}}
    with pytest.raises(ConfigError, match=r"condition names scanner, which ldm is not told; its columns: site"):
        check_synthesis(config, {"ldm": recipe()}, source="a.yaml")
    config["synthesis"]["target"] = ENTRY | {"condition": {"source": "one", "age": 60, "weight": 3}}
    config["conditions"]["site"] = {"kind": "covariates", "sources": {"one": {"covariates": ["age"]}}}
    with pytest.raises(ConfigError, match=r"names weight, .* its columns: source, age"):
        check_synthesis(config, {"ldm": recipe()}, source="a.yaml")
    with pytest.raises(ConfigError, match="it is unconditional"):
        check_synthesis(study(), {"ldm": recipe(condition="none")}, source="a.yaml")
