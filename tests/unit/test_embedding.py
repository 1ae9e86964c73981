"""Embedding with the random network, and the files it is kept in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.controls import noise_volumes
from mrisynth.embedding.embed import embed
from mrisynth.embeddings import Embeddings, load_embeddings, save_embeddings
from mrisynth.errors import ConfigError, MrisynthError


@pytest.fixture(scope="module")
def network():
    return load_network(FeatureSpec("random", "random", seed=3, width=32))


@pytest.fixture(scope="module")
def balls():
    grid = np.stack(np.meshgrid(*[np.arange(24)] * 3, indexing="ij")) - 11.5
    distance = np.sqrt((grid**2).sum(axis=0))
    return np.stack([np.where(distance < radius, 200, 0) for radius in (5, 6, 7, 8, 9)]).astype(np.uint8)


def test_features_do_not_depend_on_the_batch(network, balls):
    one, many = (embed(balls, network, batch_size=size, what="balls") for size in (1, 3))
    assert one.shape == (5, 32) and one.dtype == np.float32
    np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-5)


def test_seed_fixes_the_network(network, balls):
    again = embed(balls, load_network(FeatureSpec("random", "random", seed=3, width=32)), batch_size=5, what="b")
    other = embed(balls, load_network(FeatureSpec("random", "random", seed=4, width=32)), batch_size=5, what="b")
    np.testing.assert_array_equal(again, embed(balls, network, batch_size=5, what="b"))
    assert not np.allclose(again, other)


def test_features_see_size_and_place(network, balls):
    features = embed(balls, network, batch_size=5, what="balls")
    distances = np.linalg.norm(features - features[0], axis=1)
    assert (np.diff(distances) > 0).all()  # the larger the ball, the farther from the smallest
    moved = np.roll(balls[:1], 4, axis=1)
    assert np.linalg.norm(embed(moved, network, batch_size=1, what="moved") - features[:1]) > 0.1 * distances[1]


def test_untrained_says_so(network):
    assert not network.trained
    assert "untrained" in network.weights_sha256
    assert network.description()["trained"] is False


@pytest.mark.parametrize("size", [16, 32, 48])
def test_any_size_from_sixteen(network, size):
    assert network(torch.zeros(2, 1, size, size, size, dtype=torch.uint8)).shape == (2, 32)


def test_refusals(network):
    with pytest.raises(ConfigError, match="too small"):
        network(torch.zeros(1, 1, 8, 8, 8))
    with pytest.raises(ConfigError, match="multiple of 16"):
        load_network(FeatureSpec("random", "random", width=30))
    with pytest.raises(MrisynthError, match="expected uint8 volumes"):
        embed(np.zeros((2, 16, 16, 16)), network, batch_size=1, what="floats")


def test_file_round_trip_without_pickle(tmp_path):
    kept = Embeddings(np.eye(2, 3, dtype=np.float32), ["IXI012-HH-1211", "sub-01"], {"features": "random", "view": 32})
    save_embeddings(kept, tmp_path / "real.npz")
    loaded = load_embeddings(tmp_path / "real.npz")
    np.testing.assert_array_equal(loaded.features, kept.features)
    assert (loaded.ids, loaded.meta) == (kept.ids, kept.meta)
    np.testing.assert_array_equal(loaded.rows(["sub-01"]), kept.features[1:])
    with pytest.raises(MrisynthError, match="sub-99"):
        loaded.rows(["sub-99"])


def test_damaged_file_is_one_sentence(tmp_path):
    path = tmp_path / "real.npz"
    np.savez(path, features=np.zeros((1, 2)), ids=np.array([{}], dtype=object), meta=np.array("{}"))
    with pytest.raises(MrisynthError, match="cannot be read as embeddings"):
        load_embeddings(path)
    path.write_bytes(b"PK torn")
    with pytest.raises(MrisynthError, match="cannot be read as embeddings"):
        load_embeddings(path)


def test_noise_depends_on_its_index_alone():
    few, many = noise_volumes(2, size=16, seed=1), noise_volumes(3, size=16, seed=1)
    np.testing.assert_array_equal(few, many[:2])
    assert not np.array_equal(many[0], many[1])
