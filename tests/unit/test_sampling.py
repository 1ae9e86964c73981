"""Export and sampling: the same brains whatever is drawn around them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.models import family
from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler, write_shard
from mrisynth.training.chunk import ChunkFiles, train_chunk
from mrisynth.training.export import export_model, export_untrained
from mrisynth.wishes import wish_of

RECIPE = ModelRecipe(
    name="model", family="hagan", condition="demographics", size=32, images_total=4, images_per_chunk=4,
    batch_size=2, ema_half_life_images=4, family_recipe={"width": 8, "latent": 8},
)  # fmt: skip
COLUMNS = {"sex": ["m", "f"], "age_tercile": ["low", "middle", "high"]}
CLASSES = [f"{sex} {tercile}" for sex in COLUMNS["sex"] for tercile in COLUMNS["age_tercile"]]
AFFINE = [[7.0, 0, 0, -108.5], [0, 7.0, 0, -120.0], [0, 0, 7.0, -90.0], [0, 0, 0, 1.0]]
FACTS = {"affine": AFFINE, "field_mm": 224.0, "seed": 1}
CONDITIONAL = FACTS | {"classes": CLASSES, "columns": COLUMNS, "label_counts": [3, 0, 1, 0, 0, 4]}
UNCONDITIONAL = FACTS | {"classes": [], "columns": {}, "label_counts": []}


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> State:
    folder = tmp_path_factory.mktemp("training")
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 32), dtype=np.uint8)
    return train_chunk(
        RECIPE, images=images, rows=np.arange(4), labels=np.array([0, 2, 5, -1]), columns=COLUMNS, classes=CLASSES,
        files=ChunkFiles(state=folder / "state.pt", curve=folder / "curve.tsv"), chunk=0, seed=1, device="cpu", threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(state, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    export_model(state, folder=folder, **CONDITIONAL, extra={"training_scans": 4})
    return folder


@pytest.fixture(scope="module")
def sampler(model) -> Sampler:
    return Sampler.load(model)


@pytest.fixture(scope="module")
def unconditional(tmp_path_factory) -> Sampler:
    folder = tmp_path_factory.mktemp("unconditional")
    export_untrained(replace(RECIPE, condition="none"), folder=folder, **UNCONDITIONAL)
    return Sampler.load(folder)


def test_the_exported_weights_are_the_moving_average(state, model):
    average, current = state.averages["generator"].state_dict(), state.networks["generator"].state_dict()
    exported = load_file(model / "generator.safetensors")
    assert exported.keys() == average.keys()
    assert all(torch.equal(exported[name], weight) for name, weight in average.items())
    assert not torch.equal(exported["start.weight"], current["start.weight"])
    assert sorted(path.name for path in model.iterdir()) == ["generator.safetensors", "recipe.json"]


def test_a_model_with_encoders_brings_them_along(tmp_path):
    recipe = replace(RECIPE, family_recipe=RECIPE.family_recipe | {"encoders": "detached"})
    state = family("hagan").build(recipe, columns=[2, 3], seed=1, device="cpu")
    export_model(state, folder=tmp_path / "trained", **CONDITIONAL)
    export_untrained(recipe, folder=tmp_path / "untrained", **CONDITIONAL)
    for folder in ("trained", "untrained"):
        found = load_file(tmp_path / folder / "encoders.safetensors")
        expected = {
            f"{name}.{key}": weight
            for name in ("encoder_slab", "encoder_global")
            for key, weight in state.networks[name].state_dict().items()
        }
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], weight) for key, weight in expected.items())
        assert len(json.loads((tmp_path / folder / "recipe.json").read_text())["encoders_sha256"]) == 64


def test_the_recipe_tells_what_the_model_is(sampler):
    facts = sampler.facts
    assert facts["trained"] is True
    assert (facts["images_seen"], facts["updates_skipped"], facts["seed"]) == (4, 0, 1)
    assert facts["columns"] == [{"name": name, "categories": words} for name, words in COLUMNS.items()]
    assert facts["extra"] == {"training_scans": 4}
    assert facts["model"]["family_recipe"] == RECIPE.family_recipe


def test_the_untrained_model_is_where_training_starts(tmp_path):
    export_untrained(RECIPE, folder=tmp_path, **CONDITIONAL)
    start = family("hagan").build(RECIPE, columns=[2, 3], seed=1, device="cpu").networks["generator"].state_dict()
    exported = load_file(tmp_path / "generator.safetensors")
    assert all(torch.equal(exported[name], weight) for name, weight in start.items())
    assert json.loads((tmp_path / "recipe.json").read_text())["trained"] is False


def test_a_sample_depends_on_its_seed_and_number_alone(sampler):
    whole, part = sampler.draw(5), sampler.draw(2, first=3)
    assert np.array_equal(whole.volumes[3:], part.volumes)
    assert np.array_equal(whole.low_resolution[3:], part.low_resolution)
    assert whole.labels[3:].tolist() == part.labels.tolist()
    assert whole.seeds[3:] == part.seeds
    assert len(set(whole.seeds)) == 5
    assert not np.array_equal(whole.volumes[0], whole.volumes[1])
    assert not np.array_equal(whole.volumes[0], sampler.draw(1, seed=2).volumes[0])


def test_samples_have_their_size_range_and_affine(sampler):
    samples = sampler.draw(2)
    assert samples.volumes.shape == (2, 32, 32, 32)
    assert samples.low_resolution.shape == (2, 8, 8, 8)
    assert samples.volumes.dtype == np.float32
    assert -1 <= samples.volumes.min() < samples.volumes.max() <= 1
    image = samples.images()[1]
    assert np.array_equal(image.affine, np.array(AFFINE))
    assert image.get_data_dtype() == np.float32
    np.testing.assert_allclose(image.get_fdata(), (samples.volumes[1] + 1) / 2, atol=1e-6)


def test_classes_are_drawn_as_often_as_in_training(sampler):
    wish = wish_of(None, facts=sampler.facts, condition_input="embedding")
    labels = [wish.draw(seed) for seed in range(400)]
    assert set(labels) == {0, 2, 5}
    assert np.mean(np.array(labels) == 5) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("condition", ["f high", 5, {"sex": "f", "age_tercile": "high"}, {"sex": "f"}])
def test_a_wished_class_is_drawn(sampler, condition):
    samples = sampler.draw(2, condition=condition)
    assert samples.label_names == ["f high", "f high"]
    assert samples.labels.tolist() == [5, 5]


def test_a_class_without_training_scans_can_be_wished(sampler):
    assert sampler.draw(1, condition="m middle").labels.tolist() == [1]


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("f old", "no class 'f old'; its classes: 0 m low, 1 m middle"),
        (6, "no class 6"),
        (-1, "no class -1"),
        ({"site": "HH"}, "no condition column 'site'; its columns: sex, age_tercile"),
        ({"sex": "x"}, "column sex has no value 'x'; it has m, f"),
    ],
)
def test_unknown_wishes_are_answered_with_what_there_is(sampler, condition, sentence):
    with pytest.raises(MrisynthError, match=sentence):
        sampler.draw(1, condition=condition)


def test_an_unconditional_model_has_no_classes(unconditional):
    samples = unconditional.draw(2)
    assert samples.labels.tolist() == [-1, -1]
    assert samples.label_names == ["n/a", "n/a"]
    with pytest.raises(MrisynthError, match="it is unconditional"):
        unconditional.draw(1, condition="m low")


def test_counts_that_make_no_sense_are_refused(sampler):
    with pytest.raises(MrisynthError, match="Found count 0"):
        sampler.draw(0)


def test_a_shard_holds_the_samples_of_a_draw(sampler, tmp_path):
    paths = {"volumes_path": tmp_path / "v.npy", "low_path": tmp_path / "low.npy", "table_path": tmp_path / "t.tsv"}
    write_shard(sampler, first=2, count=3, seed=None, **paths)
    samples = sampler.draw(3, first=2)
    volumes, low = np.load(tmp_path / "v.npy"), np.load(tmp_path / "low.npy")
    assert volumes.dtype == low.dtype == np.uint8
    np.testing.assert_allclose(volumes / 127.5 - 1, samples.volumes, atol=1 / 255 + 1e-6)
    np.testing.assert_allclose(low / 127.5 - 1, samples.low_resolution, atol=1 / 255 + 1e-6)
    table = read_table(tmp_path / "t.tsv")
    assert table["sample"].tolist() == [2, 3, 4]
    assert table["seed"].tolist() == samples.seeds
    assert table["label_name"].tolist() == samples.label_names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["low.npy", "t.tsv", "v.npy"]


@pytest.mark.fault(24)
def test_missing_and_foreign_weights_are_refused(model, tmp_path):
    with pytest.raises(MrisynthError, match=r"recipe\.json is missing"):
        Sampler.load(tmp_path)
    export_untrained(RECIPE, folder=tmp_path, **CONDITIONAL)
    (tmp_path / "generator.safetensors").write_bytes((model / "generator.safetensors").read_bytes())
    with pytest.raises(MrisynthError, match=r"is not the file that recipe\.json names"):
        Sampler.load(tmp_path)
