from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mrisynth.configuration import complete, load_schema
from mrisynth.errors import ConfigError
from mrisynth.study import Study

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
MINIMAL = """
cohort: {name: simulated}
models: {wgp_hagan: {family: wgp_hagan}}
features: {random: {network: random}}
evaluation: {features: [random]}
clustering: {features: random, feedback: [wgp_hagan]}
"""


def study(**changes) -> dict:
    config = yaml.safe_load(MINIMAL)
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        place[key] = value
    return config


def read(**changes) -> Study:
    return Study.read(study(**changes), schema=SCHEMA, source="config/mine.yaml")


def test_defaults_reach_every_level():
    config = complete(study(), load_schema(SCHEMA), source="x")
    assert config["preprocessing"]["brain_extraction"]["method"] == "hd_bet"
    assert config["models"]["wgp_hagan"]["recipe"]["gradient_penalty"] == 10.0
    assert config["models"]["wgp_hagan"]["recipe"]["high_weight"] == 4.0


def test_defaults_of_one_family_do_not_leak_into_the_other():
    config = complete(study(models__hagan={"family": "hagan"}), load_schema(SCHEMA), source="x")
    assert "gradient_penalty" not in config["models"]["hagan"]["recipe"]
    assert config["models"]["hagan"]["recipe"]["spectral_norm"] is True


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sead": 3}, r"config/mine\.yaml: unknown key sead; did you mean seed"),
        ({"seed": "a"}, r"seed is 'a' \(text\); expected an integer"),
        ({"cohort": {}}, r"the key cohort\.name is missing"),
        ({"cohort__name": "oasis"}, r"cohort\.name is 'oasis'; expected one of ixi, bids, simulated, adni, ukbiobank"),
        ({"folder": "../elsewhere"}, r"folder is '\.\./elsewhere', which does not match"),
        ({"models__wgp_hagan__size": 33}, r"models\.wgp_hagan\.size is 33; expected a multiple of 32"),
        (
            {"models__wgp_hagan__recipe": {"widht": 8}},
            r"unknown key models\.wgp_hagan\.recipe\.widht; did you mean width",
        ),
        (
            {"models__wgp_hagan__recipe": {"gradient_penalty": "ten"}},
            r"gradient_penalty is 'ten' \(text\); expected a number",
        ),
        ({"models__wgp_hagan__condition": "colour"}, r"models\.wgp_hagan\.condition is colour; known are none"),
        ({"models__real": {"family": "hagan"}}, r"models\.real"),
        (
            {"models__hagan": {"family": "hagan", "size": 256}, "preprocessing": {"size": 64}},
            r"preprocessing\.size is 64",
        ),
        ({"evaluation__features": ["medicalnet"]}, r"evaluation\.features names medicalnet; known are random"),
        ({"clustering__feedback": ["vae"]}, r"clustering\.feedback names vae; known are wgp_hagan"),
        ({"conditions": {"sex": {"kind": "categorical"}}}, r"conditions\.sex\.columns is missing"),
        (
            {"conditions": {"umap": {"kind": "clusters"}}, "models__wgp_hagan__condition": "umap"},
            r"models\.wgp_hagan is told the clusters of round 1, which wait for wgp_hagan itself",
        ),
        (
            {
                "conditions": {"umap": {"kind": "clusters"}},
                "models__second": {"family": "hagan", "condition": "umap", "round": 2},
            },
            r"models\.second\.round is 2 but clustering\.feedback lists 1\.",
        ),
        ({"cohort": {"name": "bids"}}, r"cohort\.folder is missing"),
        ({"cohort": {"name": "bids", "folder": "no/such/folder"}}, r"no/such/folder"),
        ({"cohort": {"name": "ixi", "folder": "no/such/folder"}}, r"no/such/folder"),
    ],
)
def test_bad_configurations_are_named_in_one_sentence(changes, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        assert read(**changes).scans
    assert "\n" not in str(caught.value)


def test_numbers_that_yaml_reads_as_text_are_numbers():
    config = complete(
        study(
            models__wgp_hagan={"family": "wgp_hagan", "size": "64", "allow_cpu": "true"},
            models__other={"family": "hagan", "recipe": {"learning_rate_critic": "1e-4"}},
            cohort={"name": "simulated", "first_scans": "24", "folder": "null"},
        ),
        load_schema(SCHEMA),
        source="x",
    )
    assert config["models"]["wgp_hagan"]["size"] == 64
    assert config["models"]["wgp_hagan"]["allow_cpu"] is True
    assert config["models"]["other"]["recipe"]["learning_rate_critic"] == 1.0e-4
    assert config["cohort"]["first_scans"] == 24
    assert config["cohort"]["folder"] is None


def test_every_key_is_described():
    undescribed = []

    def walk(schema: dict, path: str) -> None:
        for name, entry in schema.get("properties", {}).items():
            if "description" not in entry:
                undescribed.append(f"{path}.{name}")
            walk(entry, f"{path}.{name}")
        if isinstance(schema.get("additionalProperties"), dict):
            walk(schema["additionalProperties"], f"{path}.*")

    schema = load_schema(SCHEMA)
    walk(schema, "")
    for family, recipe in schema["$defs"]["recipes"].items():
        walk(recipe, family)
    assert undescribed == []


def test_recipes_of_the_schema_are_those_of_the_families():
    schema = load_schema(SCHEMA)
    families = schema["properties"]["models"]["additionalProperties"]["properties"]["family"]["enum"]
    assert sorted(families) == sorted(schema["$defs"]["recipes"])


def test_models_of_a_clusters_condition_read_the_table_of_their_round():
    entry = {"family": "hagan", "condition": "umap"}
    mine = read(conditions={"umap": {"kind": "clusters"}}, models__second=entry)
    assert mine.models["second"].condition == "umap.1"


def test_simulated_paths_and_bundles_agree():
    mine = read(cohort={"name": "simulated", "participants": 5}, preprocessing={"scans_per_job": 2})
    assert sorted(scan.scan for bundle in mine.bundles.values() for scan in bundle) == [
        scan.scan for scan in mine.scans
    ]
    assert len(mine.scans) == 5 and len(mine.bundles) > 2
    for name, bundle in mine.bundles.items():
        assert {scan.path.parent.name for scan in bundle} == {f"bundle-{name}"}


def test_shards_cover_all_samples():
    mine = read(sampling={"count": 7, "per_shard": 3})
    assert [mine.shard_range(shard) for shard in mine.shards()] == [(0, 3), (3, 3), (6, 1)]
