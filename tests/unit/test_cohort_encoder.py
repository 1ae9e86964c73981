"""The cohort encoder: what it learns, from which scans alone, and the files that it becomes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from mrisynth.configuration import complete, load_schema
from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.embed import embed
from mrisynth.embedding.encoder_job import EncoderFiles, make_encoder
from mrisynth.embedding.encoder_training import EncoderRecipe, train_encoder
from mrisynth.embedding.targets import find_targets
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.files import read_json, read_table, sha256_of, write_table
from mrisynth.networks.cohort_encoder import CohortEncoder

SIZE = 16
CONFIG = """
cohort: {name: simulated}
models: {wgp_hagan: {family: wgp_hagan}}
features: {coded: {network: cohort_encoder, width: 16, epochs: 25, batch_size: 12, learning_rate: 0.004}}
evaluation: {features: [coded]}
clustering: {features: coded}
"""


def heads(scans: pd.DataFrame) -> np.ndarray:
    """Balls that shrink with age, brighter on the right in women, with noise of their own."""
    grid = np.stack(np.meshgrid(*[np.arange(SIZE)] * 3, indexing="ij")) - (SIZE - 1) / 2
    distance = np.sqrt((grid**2).sum(axis=0))
    volumes = []
    for row, scan in enumerate(scans.itertuples()):
        age = 50 if pd.isna(scan.age) else scan.age
        volume = np.where(distance < 7.5 - 0.05 * age, 150.0, 0.0)
        volume += 60 * ((grid[0] > 0) & (volume > 0) & (scan.sex == "f"))
        volume += np.random.default_rng(row).normal(0, 6, volume.shape) * (volume > 0)
        volumes.append(np.clip(np.rint(volume), 0, 255))
    return np.stack(volumes).astype(np.uint8)


@pytest.fixture(scope="module")
def scans() -> pd.DataFrame:
    random = np.random.default_rng(0)
    table = pd.DataFrame({"scan": [f"scan{row:02d}" for row in range(60)], "age": random.uniform(20, 80, 60).round(1)})
    table["participant_id"], table["sex"], table["site"] = table["scan"], random.choice(["f", "m"], 60), "HH"
    table["split"] = ["test" if row % 4 == 3 else "validation" if row % 4 == 2 else "train" for row in range(60)]
    table.loc[[0, 2, 5], "age"], table.loc[[1, 6], "sex"] = np.nan, None
    return table


@pytest.fixture(scope="module")
def settings(repository_schema) -> dict:
    return complete(yaml.safe_load(CONFIG), repository_schema, source="x")["features"]["coded"]


@pytest.fixture(scope="module")
def repository_schema(request):
    return load_schema(request.config.rootpath / "workflow" / "schemas" / "config.schema.yaml")


def made(folder, scans, images, settings, regions=None, **changes) -> EncoderFiles:
    folder.mkdir(exist_ok=True)
    shuffled = scans.sample(frac=1.0, random_state=1)  # the table and the packed scans are in different orders
    np.save(folder / f"{SIZE}.npy", images)
    write_table(
        pd.DataFrame({"row": range(len(scans)), "scan": scans["scan"], f"sha256_{SIZE}": "x"}), folder / "index.tsv"
    )
    write_table(shuffled, folder / "scans.tsv")
    if regions is not None:
        write_table(regions, folder / "regions.tsv")
    files = EncoderFiles(
        pyramid=folder, scans=folder / "scans.tsv", regions=None if regions is None else folder / "regions.tsv",
        weights=folder / "encoder.safetensors", facts=folder / "encoder.json", curve=folder / "curve.tsv",
    )  # fmt: skip
    make_encoder("coded", settings | changes, size=SIZE, files=files, device="cpu")
    return files


@pytest.fixture(scope="module")
def trained(tmp_path_factory, scans, settings) -> EncoderFiles:
    return made(tmp_path_factory.mktemp("trained"), scans, heads(scans), settings)


def test_age_and_sex_are_read_from_scans_that_it_never_saw(trained):
    facts = read_json(trained.facts)
    age, sex = facts["targets"]["age"], facts["targets"]["sex"]
    assert (age["kind"], sex["kind"], sex["classes"]) == ("number", "category", ["f", "m"])
    assert age["validation"]["mean_absolute_error"] < 0.5 * age["validation"]["by_the_mean"]
    assert sex["validation"]["accuracy"] > 0.9 > sex["validation"]["by_the_commonest"]
    assert (age["train"]["scans"], age["validation"]["scans"]) == (28, 14)  # missing ages are left out
    assert facts["scans"] == {"train": 30, "validation": 15}


def test_curve_and_facts_say_how_it_went(trained):
    curve, facts = read_table(trained.curve), read_json(trained.facts)
    assert list(curve.columns) == [
        "epoch", "learning_rate", "loss", "loss age", "loss sex", "contrastive", "copies_told_apart",
    ]  # fmt: skip
    assert len(curve) == 25 and curve["loss"].iloc[-3:].mean() < 0.5 * curve["loss"].iloc[0]
    assert curve["copies_told_apart"].iloc[-5:].mean() > 3 * 1 / 23  # of 23 others in a batch
    assert facts["last_epoch"]["epoch"] == 25 and facts["weights_sha256"] == sha256_of(trained.weights)
    assert facts["trained_on"].startswith("the 30 training scans of this cohort, to tell age, sex and augmented copies")


def changed(scans, images, split):
    """The same study but for the voxels and values of one split."""
    rows = (scans["split"] == split).to_numpy()
    other, voxels = scans.copy(), images.copy()
    other.loc[rows, "age"], other.loc[rows, "sex"] = 99.0, "other"
    voxels[rows] = 255 - voxels[rows]
    return other, voxels


def test_test_scans_change_not_a_byte_and_the_seed_gives_the_same_again(trained, scans, settings, tmp_path):
    other, voxels = changed(scans, heads(scans), "test")
    again = made(tmp_path / "again", other, voxels, settings)
    for one, two in zip(
        (trained.weights, trained.facts, trained.curve), (again.weights, again.facts, again.curve), strict=True
    ):
        assert one.read_bytes() == two.read_bytes()


def test_validation_scans_change_scores_only_and_the_seed_changes_all(scans, settings, tmp_path):
    images, short = heads(scans), {"epochs": 2}
    first = made(tmp_path / "a", scans, images, settings, **short)
    validation = made(tmp_path / "b", *changed(scans, images, "validation"), settings, **short)
    assert first.weights.read_bytes() == validation.weights.read_bytes()
    assert read_json(first.facts)["targets"] != read_json(validation.facts)["targets"]
    assert "validation" not in read_json(validation.facts)["targets"]["sex"]  # only a category that was never learnt
    seed = made(tmp_path / "c", scans, images, settings, **short, seed=1)
    train = made(tmp_path / "d", *changed(scans, images, "train"), settings, **short)
    assert len({sha256_of(files.weights) for files in (first, seed, train)}) == 3


def test_encoder_is_a_trained_feature_network_with_its_checksum(trained, scans):
    network = load_network(FeatureSpec("coded", "cohort_encoder", weights=trained.weights))
    told = network.description()
    assert told["trained"] is True and told["weights_sha256"] == sha256_of(trained.weights)
    assert "compare samples with test scans" in told["trained_on"] and "16 cubed" in told["input_treatment"]
    images = heads(scans)
    features = embed(images, network, what="heads")
    assert features.shape == (60, read_json(trained.facts)["features_width"]) == (60, network.width)
    np.testing.assert_array_equal(embed(images[[7, 3]], network, what="two"), features[[7, 3]])
    train = features[(scans["split"] == "train").to_numpy()]
    assert np.abs(train.mean(axis=0)).mean() < 0.5 and 0.5 < train.std(axis=0).mean() < 1.5  # standardised
    with pytest.raises(ConfigError, match="made for 16 a side"):
        network(torch.zeros(1, 1, 24, 24, 24))


@pytest.mark.fault(23)
def test_files_that_are_no_encoder_are_refused(trained, tmp_path):
    spec = FeatureSpec("coded", "cohort_encoder", weights=tmp_path / "encoder.safetensors")
    with pytest.raises(MrisynthError, match="is not there; train it first"):
        load_network(spec)
    spec.weights.write_bytes(trained.weights.read_bytes()[:-100])
    with pytest.raises(MrisynthError, match="is not a whole cohort encoder"):
        load_network(spec)


def test_region_volumes_are_learnt_where_a_table_has_them(scans, settings, tmp_path):
    images = heads(scans)
    right_half = (images[:, SIZE // 2 :] > 0).sum(axis=(1, 2, 3)) * 1.0
    regions = pd.DataFrame({"id": scans["scan"], "reason": "", "right half": right_half, "nowhere": 0.0})
    files = made(tmp_path / "r", scans, images, settings, regions=regions.iloc[1:], epochs=3)
    facts = read_json(files.facts)
    assert facts["targets"]["region right half"]["train"]["scans"] == 29
    assert facts["skipped_targets"] == {"region nowhere": "1 different values in the training scans, 2 are needed"}
    assert "to tell age, sex, 1 region volumes and augmented copies apart" in facts["trained_on"]


def test_targets_are_numbers_or_categories_of_the_training_scans(scans):
    table = scans.assign(code=["1"] * 30 + ["2"] * 30, only_test=np.where(scans["split"] == "test", "b", "a"))
    training = (scans["split"] == "train").to_numpy()
    targets, skipped = find_targets(table, ["age", "sex", "code", "site", "only_test"], training=training)
    by_name = {target.name: target for target in targets}
    assert {name: target.kind for name, target in by_name.items()} == {
        "age": "number", "sex": "category", "code": "number",
    }  # fmt: skip
    assert set(skipped) == {"site", "only_test"} and "1 different values" in skipped["site"]
    known = scans["age"][training].dropna()
    assert by_name["age"].mean == pytest.approx(known.mean()) and by_name["age"].deviation == pytest.approx(
        known.std(ddof=0)
    )
    assert np.isnan(by_name["sex"].values[1]) and by_name["sex"].outputs == 2
    assert by_name["sex"].classes[by_name["sex"].commonest] == scans["sex"][training].mode()[0]
    with pytest.raises(MrisynthError, match="name weight, which is no column of the scans table; known are scan, age"):
        find_targets(table, ["weight"], training=training)


def test_a_target_of_true_and_false_is_learnt_and_one_that_is_no_column_is_refused(scans, settings, tmp_path):
    answered = scans.assign(answered=[row % 3 == 0 for row in range(60)])
    facts = read_json(made(tmp_path / "bool", answered, heads(scans), settings, targets=["answered"], epochs=1).facts)
    assert facts["skipped_targets"] == {} and facts["targets"]["answered"]["train"]["scans"] == 30
    with pytest.raises(MrisynthError, match="name agee, which is no column of the scans table"):
        made(tmp_path / "typo", scans, heads(scans), settings, targets=["agee"], epochs=1)


def test_too_few_scans_and_a_runaway_loss_are_refused(scans):
    recipe = EncoderRecipe(size=SIZE, width=16, epochs=2)
    with pytest.raises(MrisynthError, match="needs 4 training scans or more, found 3"):
        train_encoder(heads(scans), [], training=np.arange(3), recipe=recipe)
    with pytest.raises(MrisynthError, match="no longer a number; lower its learning_rate"):
        runaway = EncoderRecipe(size=SIZE, width=16, epochs=30, learning_rate=1e30)
        train_encoder(heads(scans), [], training=np.arange(8), recipe=runaway)


@pytest.mark.parametrize(("size", "edge", "seen"), [(8, 64, 8), (24, 64, 24), (96, 64, 64), (128, 32, 32)])
def test_any_size_and_larger_ones_are_averaged(size, edge, seen):
    encoder = CohortEncoder(size, edge=edge, width=16).eval()
    assert encoder.edge == seen
    volume = torch.rand(1, 1, size, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert encoder(volume).shape == (1, encoder.features)
        assert torch.equal(encoder(encoder.shrunk(volume)), encoder(volume))
    with pytest.raises(ConfigError, match="expected 8 voxels or more and a multiple of 16"):
        CohortEncoder(size, edge=4, width=16)


def test_facts_are_plain_json(trained):
    assert json.loads(trained.facts.read_text())["size"] == SIZE
