"""Fault 24: weights that are swapped after their checksum was written down stop the run, wherever they are read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mrisynth.embedding.weights import load_weights
from mrisynth.errors import MrisynthError
from mrisynth.feature_weights import PUBLISHED
from mrisynth.files import read_json, sha256_of
from mrisynth.models import family as family_named
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler
from mrisynth.training.export import export_untrained
from mrisynth.training.start import start_from

pytestmark = pytest.mark.fault(24)
RECIPE = ModelRecipe(
    name="model", family="hagan", condition="none", size=32, images_total=4, images_per_chunk=4, batch_size=2,
    family_recipe={"width": 8, "latent": 8},
)  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    where = {"affine": np.eye(4).tolist(), "field_mm": 224.0, "seed": 1}
    export_untrained(RECIPE, folder=tmp_path / "model", classes=[], columns={}, label_counts=[], **where)
    return tmp_path / "model"


def swapped(weights: Path) -> Path:
    """The same names and shapes with one number changed: nothing but the checksum can tell."""
    content = load_file(weights)
    name = next(iter(content))
    content[name].view(-1)[0] += 1e-3
    save_file(content, weights)
    return weights


def test_a_model_with_swapped_weights_draws_nothing(model: Path) -> None:
    Sampler.load(model)
    swapped(model / "generator.safetensors")
    with pytest.raises(
        MrisynthError, match=r"generator\.safetensors is not the file that recipe\.json names \(sha256\)"
    ):
        Sampler.load(model)


def test_a_training_does_not_start_from_swapped_weights(model: Path) -> None:
    state = family_named("hagan").build(RECIPE, columns=(), seed=1, device="cpu")
    start_from(state, model / "generator.safetensors")
    swapped(model / "generator.safetensors")
    with pytest.raises(MrisynthError, match=r"is not the file that recipe\.json beside it names"):
        start_from(state, model / "generator.safetensors")


def test_feature_weights_that_ship_by_download_are_pinned() -> None:
    """The networks that score a study are named by the SHA-256 of their file, and the converted file by it, too."""
    assert {name: len(published.sha256) for name, published in PUBLISHED.items()} == dict.fromkeys(PUBLISHED, 64)


def test_a_converted_file_is_bound_to_its_source_and_to_its_values(tmp_path: Path) -> None:
    path = tmp_path / "converted.safetensors"
    facts = {"network": "inception", "source_sha256": "a" * 64, "content_sha256": "b" * 64}
    save_file({"w": torch.zeros(3)}, path, metadata={"facts": json.dumps(facts)})
    with pytest.raises(MrisynthError, match="was made of inception with the sha256 aaaa"):
        load_weights(path, network="inception", sha256="c" * 64)
    with pytest.raises(MrisynthError, match="holds other values than were written"):
        load_weights(path, network="inception", sha256="a" * 64)


def test_a_recipe_names_the_weights_beside_it(model: Path) -> None:
    assert read_json(model / "recipe.json")["weights_sha256"] == sha256_of(model / "generator.safetensors")
