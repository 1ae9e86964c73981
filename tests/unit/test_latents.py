"""Latents: scans in, volumes out, and the ways between."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mrisynth.errors import MrisynthError
from mrisynth.latents import LatentSpace, between
from mrisynth.networks.hagan_encoders import GlobalEncoder, SlabEncoder
from mrisynth.recipes import ModelRecipe
from mrisynth.training.export import export_untrained

RECIPE = ModelRecipe(
    name="model", family="hagan", condition="sex", size=32, images_total=4, images_per_chunk=4, batch_size=2,
    family_recipe={"width": 8, "latent": 8, "encoders": "detached"},
)  # fmt: skip
FACTS = {
    "classes": ["m", "f"], "columns": {"sex": ["m", "f"]}, "label_counts": [1, 1], "affine": np.eye(4).tolist(),
    "field_mm": 224.0, "seed": 1,
}  # fmt: skip
VOLUMES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 32), dtype=np.uint8)


def space_of(folder: Path, **settings) -> LatentSpace:
    recipe = replace(RECIPE, family_recipe=RECIPE.family_recipe | settings)
    export_untrained(recipe, folder=folder, **FACTS)
    return LatentSpace.load(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    space_of(folder)
    return folder


@pytest.fixture(scope="module")
def space(folder) -> LatentSpace:
    return LatentSpace.load(folder)


@pytest.mark.parametrize("data_range", ["signed", "unit"])
def test_a_latent_is_what_the_stored_encoders_make_of_the_slabs(tmp_path, data_range):
    latents = space_of(tmp_path, data_range=data_range).encode(VOLUMES)
    weights = load_file(tmp_path / "encoders.safetensors")
    slabs, whole = SlabEncoder(width=8), GlobalEncoder(32, width=8, latent=8)
    for name, network in (("encoder_slab.", slabs), ("encoder_global.", whole)):
        network.load_state_dict({key.removeprefix(name): part for key, part in weights.items() if key.startswith(name)})
    images = torch.from_numpy(VOLUMES.astype(np.float32))[:, None] / 255
    images = images if data_range == "unit" else 2 * images - 1
    with torch.no_grad():
        expected = whole(torch.cat([slabs(images[:, :, start : start + 8]) for start in range(0, 32, 8)], dim=2))
    np.testing.assert_allclose(latents, expected.numpy(), atol=1e-5)
    assert latents.shape == (3, 8) and latents.dtype == np.float32
    assert np.ptp(latents, axis=0).max() > 1e-3


def test_bytes_and_floats_of_a_scan_have_one_latent_whatever_is_beside_it(space):
    signed = VOLUMES.astype(np.float64) / 127.5 - 1
    np.testing.assert_allclose(space.encode(signed), space.encode(VOLUMES), atol=1e-5)
    assert np.array_equal(space.encode(VOLUMES)[1:], space.encode(VOLUMES[1:]))


def test_a_reconstruction_is_the_volume_of_the_latent_and_the_label(space):
    made = space.reconstruct(VOLUMES, [0, 1, -1])
    assert made.shape == VOLUMES.shape and made.dtype == np.float32
    latents = torch.from_numpy(space.encode(VOLUMES))
    with torch.no_grad():
        expected, _ = space.sampler.network(latents, torch.tensor([0, 1, -1]))
    np.testing.assert_allclose(made, expected[:, 0].numpy(), atol=1e-4)
    other = space.reconstruct(VOLUMES, [1, 1, -1])
    assert not np.array_equal(other[0], made[0]) and np.array_equal(other[1:], made[1:])


def test_the_way_between_two_scans_ends_at_both(space):
    latents = space.encode(VOLUMES)
    for path in ("spherical", "linear"):
        way = space.interpolate(latents[0], latents[1], steps=4, path=path, label=1)
        assert way.shape == (4, 32, 32, 32)
        np.testing.assert_allclose(way[[0, -1]], space.decode(latents[:2], 1), atol=1e-4)


def test_a_walk_moves_by_units_of_the_direction(space):
    direction = np.eye(8)[2]
    walked = space.walk(np.zeros(8), direction, [-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(walked, space.decode(np.array([-direction, 0 * direction, 2 * direction])))


def test_hand_computed_ways():
    one, other = np.array([3.0, 0.0]), np.array([0.0, 3.0])
    half = 3 / np.sqrt(2)
    np.testing.assert_allclose(between(one, other, steps=3), [[3, 0], [half, half], [0, 3]], atol=1e-6)
    np.testing.assert_allclose(between(one, other, steps=3, path="linear"), [[3, 0], [1.5, 1.5], [0, 3]], atol=1e-6)
    np.testing.assert_allclose(between(one, 2 * one, steps=3), [[3, 0], [4.5, 0], [6, 0]], atol=1e-6)
    np.testing.assert_allclose(between(one, 0 * one, steps=3), [[3, 0], [1.5, 0], [0, 0]], atol=1e-6)
    latents = np.random.default_rng(0).normal(size=(2, 1024))
    lengths = np.linalg.norm(between(*latents, steps=9), axis=1)
    assert lengths.min() > 0.95 * np.linalg.norm(latents, axis=1).min()
    with pytest.raises(MrisynthError, match="two or more, spherical or linear"):
        between(one, other, steps=1)
    with pytest.raises(MrisynthError, match="'curved'"):
        between(one, other, steps=2, path="curved")


@pytest.mark.parametrize(
    ("volumes", "sentence"),
    [
        (VOLUMES[0], r"found volumes uint8 \[32, 32, 32\], expected uint8 or float \[n, 32, 32, 32\]"),
        (VOLUMES[:, :16, :16, :16], "expected uint8"),
        (VOLUMES.astype(np.int64), "int64"),
        (VOLUMES.astype(np.float32), r"expected in \[-1, 1\]"),
        (np.full((1, 32, 32, 32), np.nan), r"expected in \[-1, 1\]"),
    ],
)
def test_volumes_of_another_size_or_range_are_refused(space, volumes, sentence):
    with pytest.raises(MrisynthError, match=sentence):
        space.encode(volumes)


@pytest.mark.fault(24)
def test_a_model_without_its_encoders_is_refused(folder, tmp_path):
    with pytest.raises(MrisynthError, match=r"has no encoders.*recipe: \{encoders: attached\}"):
        space_of(tmp_path / "none", encoders="none")
    shutil.copytree(folder, tmp_path / "torn")
    (tmp_path / "torn" / "encoders.safetensors").unlink()
    with pytest.raises(MrisynthError, match=r"encoders\.safetensors is missing or not the file"):
        LatentSpace.load(tmp_path / "torn")
    space_of(tmp_path / "other", width=16)
    shutil.copy(tmp_path / "other" / "encoders.safetensors", tmp_path / "torn")
    with pytest.raises(MrisynthError, match=r"not the file that recipe\.json names"):
        LatentSpace.load(tmp_path / "torn")
