from __future__ import annotations

from dataclasses import replace
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
    assert config["models"]["wgp_hagan"]["recipe"]["penalty_weight"] == 10.0
    assert config["models"]["wgp_hagan"]["recipe"]["high_weight"] == 4.0


def test_defaults_of_one_family_do_not_leak_into_the_other():
    config = complete(study(models__hagan={"family": "hagan"}), load_schema(SCHEMA), source="x")
    hagan, wgp_hagan = (config["models"][name]["recipe"] for name in ("hagan", "wgp_hagan"))
    assert (hagan["loss"], hagan["penalty"], hagan["high_weight"]) == ("relativistic", "zero_centred", 1.0)
    assert (wgp_hagan["loss"], wgp_hagan["penalty"], wgp_hagan["high_weight"]) == ("wasserstein", "slope_one", 4.0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sead": 3}, r"config/mine\.yaml: unknown key sead; did you mean seed"),
        ({"seed": "a"}, r"seed is 'a' \(text\); expected an integer"),
        ({"cohort": {}}, r"the key cohort\.name is missing"),
        ({"cohort__name": "oasis"}, r"cohort\.name is 'oasis'; expected one of ixi, bids, simulated, adni, ukbiobank"),
        ({"folder": "../elsewhere"}, r"folder is '\.\./elsewhere', which does not match"),
        ({"features__voxels": {"network": "random"}}, r"features is 'voxels', which .*voxels stand for something else"),
        ({"models__labels": {"family": "hagan"}}, r"models is 'labels', which .*labels stands for your own label maps"),
        ({"conditions": {"none": {"kind": "random"}}}, r"conditions is 'none', which .*none is there already"),
        ({"models__wgp_hagan__size": 33}, r"models\.wgp_hagan\.size is 33; expected a multiple of 32"),
        (
            {"models__wgp_hagan__recipe": {"widht": 8}},
            r"unknown key models\.wgp_hagan\.recipe\.widht; did you mean width",
        ),
        (
            {"models__wgp_hagan__recipe": {"penalty_weight": "ten"}},
            r"penalty_weight is 'ten' \(text\); expected a number",
        ),
        ({"models__wgp_hagan__condition": "colour"}, r"models\.wgp_hagan\.condition is colour; known are none"),
        ({"models__real": {"family": "hagan"}}, r"models\.real"),
        (
            {"models__hagan": {"family": "hagan", "size": 256}, "preprocessing": {"size": 64}},
            r"preprocessing\.size is 64",
        ),
        ({"evaluation__features": ["medicalnet"]}, r"evaluation\.features names medicalnet; known are random"),
        ({"evaluation__validation_features": "x"}, r"evaluation\.validation_features names x; known are random"),
        ({"models__wgp_hagan__start_from": "vae"}, r"models\.wgp_hagan\.start_from is vae; expected a model of the"),
        ({"models__wgp_hagan__start_from": "wgp_hagan"}, r"models\.wgp_hagan\.start_from leads back to wgp_hagan"),
        (
            {
                "models__wgp_hagan__start_from": "two",
                "models__two": {"family": "hagan", "start_from": "three"},
                "models__three": {"family": "hagan", "start_from": "two"},
            },
            r"models\.wgp_hagan\.start_from leads back to two",
        ),
        (
            {"models__wgp_hagan__replicates": 3, "models__wgp_hagan_seed3": {"family": "hagan"}},
            r"models\.wgp_hagan_seed3 has the name of a replicate of models\.wgp_hagan",
        ),
        ({"models__wgp_hagan__replicates": 0}, r"models\.wgp_hagan\.replicates"),
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


def test_replicates_are_models_that_differ_by_name_alone():
    mine = read(models__wgp_hagan={"family": "wgp_hagan", "replicates": 3}, models__one={"family": "hagan"})
    assert mine.replicates == {"wgp_hagan": ["wgp_hagan", "wgp_hagan_seed2", "wgp_hagan_seed3"]}
    assert list(mine.models) == ["wgp_hagan", "wgp_hagan_seed2", "wgp_hagan_seed3", "one"]
    assert all(name == recipe.name for name, recipe in mine.models.items())
    assert len({repr(replace(mine.models[name], name="x")) for name in mine.replicates["wgp_hagan"]}) == 1


def test_replicates_start_from_weights_of_their_own():
    import torch

    from mrisynth.models import family

    small = {"family": "wgp_hagan", "replicates": 2, "size": 32, "recipe": {"width": 8, "latent": 8}}
    mine = read(models__wgp_hagan=small)
    starts = [
        family("wgp_hagan").network("generator", recipe, columns=[], seed=mine.seed).state_dict()["start.weight"]
        for recipe in mine.models.values()
    ]
    assert not torch.equal(*starts)


def test_a_model_may_start_from_a_file_or_from_another_model():
    mine = read(
        models__wgp_hagan={"family": "wgp_hagan", "start_from": "other"},
        models__other={"family": "hagan", "start_from": "weights/generator.safetensors"},
    )
    assert mine.models["wgp_hagan"].start_from == "other"
    assert mine.models["other"].start_from == "weights/generator.safetensors"


def test_validation_features_may_be_named():
    assert read(evaluation__validation_features="random").config["evaluation"]["validation_features"] == "random"


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


@pytest.mark.parametrize(
    ("planes", "family", "mirrored"),
    [
        (["axial", "coronal"], "r3gan", True),
        (["axial", "sagittal"], "r3gan", False),
        (["sagittal"], "hagan", True),
    ],
)
def test_sagittal_slices_are_never_mirrored(planes, family, mirrored):
    positions = [{"plane": plane, "mm": 0} for plane in planes]
    study = read(models__flat={"family": family, "size": 32}, slices={"positions": positions})
    assert study.models["flat"].augmentation_flip is mirrored
