"""Embedding with the random network, and the files it is kept in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mrisynth.controls import noise_volumes
from mrisynth.embedding import FeatureSpec, load_network
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


@pytest.mark.fault(20)
def test_features_do_not_depend_on_other_volumes_or_their_order(network, balls):
    features = embed(balls, network, what="balls")
    assert features.shape == (5, 32) and features.dtype == np.float32
    order = [3, 0, 4, 3]
    np.testing.assert_array_equal(embed([balls[row] for row in order], network, what="order"), features[order])
    together = network(torch.from_numpy(balls)[:, None]).numpy()  # the last digits differ, hence one at a time
    np.testing.assert_allclose(features, together, rtol=1e-4, atol=1e-5)


def test_seed_fixes_the_network(network, balls):
    again = embed(balls, load_network(FeatureSpec("random", "random", seed=3, width=32)), what="b")
    other = embed(balls, load_network(FeatureSpec("random", "random", seed=4, width=32)), what="b")
    np.testing.assert_array_equal(again, embed(balls, network, what="b"))
    assert not np.allclose(again, other)


def test_features_see_size_and_place(network, balls):
    features = embed(balls, network, what="balls")
    distances = np.linalg.norm(features - features[0], axis=1)
    assert (np.diff(distances) > 0).all()  # the larger the ball, the farther from the smallest
    moved = np.roll(balls[:1], 4, axis=1)
    assert np.linalg.norm(embed(moved, network, what="moved") - features[:1]) > 0.1 * distances[1]


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
        embed(np.zeros((2, 16, 16, 16)), network, what="floats")


@pytest.mark.fault(20)
def test_features_that_are_no_numbers_are_refused(network, balls):
    broken = load_network(FeatureSpec("random", "random", width=32))
    broken.module.offsets3[0] = float("nan")
    with pytest.raises(MrisynthError, match="features of volume 0 are not finite; check the weights of random"):
        embed(balls, broken, what="balls")


def test_equal_networks_have_equal_checksums_whatever_their_name(network):
    same = load_network(FeatureSpec("other", "random", seed=3, width=32))
    other = load_network(FeatureSpec("random", "random", seed=4, width=32))
    assert same.sha256() == network.sha256() != other.sha256()


def test_file_round_trip_without_pickle(tmp_path):
    kept = Embeddings(np.eye(2, 3, dtype=np.float32), ["IXI012-HH-1211", "sub-01"], {"features": "random", "view": 32})
    save_embeddings(kept, tmp_path / "real.npz")
    loaded = load_embeddings(tmp_path / "real.npz")
    np.testing.assert_array_equal(loaded.features, kept.features)
    assert (loaded.ids, loaded.meta) == (kept.ids, kept.meta)
    np.testing.assert_array_equal(loaded.rows(["sub-01"]), kept.features[1:])
    assert loaded.image_sha256 == []
    with pytest.raises(MrisynthError, match="sub-99"):
        loaded.rows(["sub-99"])


def test_checksums_of_the_volumes_travel_and_older_files_have_none(tmp_path):
    kept = Embeddings(np.eye(2, 3, dtype=np.float32), ["a", "b"], {"features": "random"}, ["0" * 64, "f" * 64])
    save_embeddings(kept, tmp_path / "real.npz")
    assert load_embeddings(tmp_path / "real.npz").image_sha256 == kept.image_sha256
    np.savez(tmp_path / "old.npz", features=kept.features, ids=np.array(["a", "b"]), meta=np.array("{}"))
    assert load_embeddings(tmp_path / "old.npz").image_sha256 == []
    np.savez(
        tmp_path / "odd.npz", features=kept.features, ids=np.array(["a", "b"]), meta=np.array("{}"),
        image_sha256=np.array(["0" * 64]),
    )  # fmt: skip
    with pytest.raises(MrisynthError, match="2 rows of features for 2 identifiers and 1 checksums"):
        load_embeddings(tmp_path / "odd.npz")


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
