"""The cache of features: nothing is embedded twice, and what cannot be read is embedded anew."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.cache import FeatureCache, image_sha256
from mrisynth.embedding.low_resolution import LowView
from mrisynth.embedding.volumes import embed_volumes
from mrisynth.errors import MrisynthError


class Counting:
    """The module of a network that counts the volumes that it is asked about, and may fail at one."""

    def __init__(self, module, fails_at: int | None = None) -> None:
        self.module, self.asked, self.fails_at = module, 0, fails_at

    def modules(self):
        return self.module.modules()

    def __call__(self, images):
        if self.asked == self.fails_at:
            raise KeyboardInterrupt
        self.asked += len(images)
        return self.module(images)


@pytest.fixture(scope="module")
def plain():
    return load_network(FeatureSpec("random", "random", seed=3, width=32))


@pytest.fixture
def network(plain):
    return replace(plain, module=Counting(plain.module))


@pytest.fixture(scope="module")
def volumes():
    return np.random.default_rng(0).integers(0, 256, (5, 16, 16, 16), dtype=np.uint8)


def embedded(volumes, network, cache=None, prefix="scan"):
    return embed_volumes(volumes, [f"{prefix}{row}" for row in range(len(volumes))], network, what="t", cache=cache)


def test_a_volume_embedded_before_is_never_embedded_again(network, volumes, tmp_path):
    first = embedded(volumes[:3], network, tmp_path)
    assert network.module.asked == 3
    more = embedded(volumes[::-1], network, tmp_path, prefix="sample")  # another job, another order, two new ones
    assert network.module.asked == 5
    np.testing.assert_array_equal(more.features[::-1][:3], first.features)
    assert (more.ids[4], more.image_sha256[4]) == ("sample4", first.image_sha256[0])
    embedded(volumes, replace(network, name="same network, other name"), tmp_path)
    assert network.module.asked == 5
    folder = tmp_path / network.sha256()
    assert [path.parent for path in tmp_path.glob("**/*.npz")] == [folder, folder]  # one pack a job with something new
    assert not [path for path in folder.iterdir() if path.suffix != ".npz"]


def test_the_cache_changes_no_bit(network, plain, volumes, tmp_path):
    embedded(volumes[2:], network, tmp_path)
    with_cache, without = embedded(volumes, network, tmp_path), embedded(volumes, plain)
    np.testing.assert_array_equal(with_cache.features, without.features)
    assert with_cache.meta == without.meta == plain.description() | {"view": 16}
    assert with_cache.image_sha256 == without.image_sha256 == [image_sha256(volume) for volume in volumes]


def test_other_networks_and_inputs_are_kept_apart(network, volumes, tmp_path):
    embedded(volumes, network, tmp_path)
    other = load_network(FeatureSpec("random", "random", seed=4, width=32))
    treated = replace(network, input_treatment="values in [-1, 1]")
    for changed in (replace(other, module=Counting(other.module)), treated):
        before = changed.module.asked
        embedded(volumes, changed, tmp_path)
        assert changed.module.asked == before + 5
    assert len(list(tmp_path.iterdir())) == 3


def test_equal_volumes_are_embedded_once_and_one_voxel_makes_another(network, volumes):
    changed = volumes[0].copy()
    changed[3, 4, 5] ^= 1
    found = embedded([volumes[0], volumes[1], volumes[0], changed], network)
    assert network.module.asked == 3
    np.testing.assert_array_equal(found.features[0], found.features[2])
    assert len(set(found.image_sha256)) == 3
    assert image_sha256(volumes[0]) != image_sha256(volumes[0].reshape(8, 32, 16))


@pytest.mark.fault(5)
@pytest.mark.fault(23)
@pytest.mark.parametrize("damage", ["torn", "flipped", "other width", "not finite", "pickle", "empty"])
def test_a_corrupt_pack_is_ignored_with_a_warning_and_replaced(network, volumes, tmp_path, caplog, damage):
    first = embedded(volumes, network, tmp_path)
    (pack,) = tmp_path.glob("**/*.npz")
    content = bytearray(pack.read_bytes())
    names = np.array(sorted(first.image_sha256))
    match damage:
        case "torn":
            pack.write_bytes(content[: len(content) // 2])
        case "flipped":
            place = content.find(b"features.npy") + 400
            content[place] ^= 1
            pack.write_bytes(content)
        case "other width":
            np.savez(pack, image_sha256=names, features=np.zeros((5, 16), np.float32))
        case "not finite":
            np.savez(pack, image_sha256=names, features=np.full((5, 32), np.nan, np.float32))
        case "pickle":
            np.savez(pack, image_sha256=names, features=np.array([{}] * 5))
        case "empty":
            pack.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        again = embedded(volumes, network, tmp_path)
    assert "it is ignored and its volumes are embedded anew" in caplog.text and str(pack) in caplog.text
    assert network.module.asked == 10
    np.testing.assert_array_equal(again.features, first.features)
    embedded(volumes, network, tmp_path)
    assert network.module.asked == 10  # the pack is whole again


def test_what_was_done_before_a_job_was_stopped_is_kept(plain, volumes, tmp_path):
    stopped = replace(plain, module=Counting(plain.module, fails_at=3))
    with pytest.raises(KeyboardInterrupt):
        embedded(volumes, stopped, tmp_path)
    assert len(FeatureCache(tmp_path, plain).find([image_sha256(volume) for volume in volumes])) == 3
    going_on = replace(plain, module=Counting(plain.module))
    embedded(volumes, going_on, tmp_path)
    assert going_on.module.asked == 2


def test_views_are_cached_by_what_is_seen(network, volumes, tmp_path):
    embedded(LowView(volumes, 16), network, tmp_path)
    embedded(volumes, network, tmp_path)
    embedded(LowView(volumes, 16), network, tmp_path)
    assert network.module.asked == 10


def test_volumes_without_names_or_of_two_shapes_are_refused(network, volumes):
    with pytest.raises(MrisynthError, match="found 5 volumes of 1 shapes and 4 names"):
        embed_volumes(volumes, ["a", "b", "c", "d"], network, what="t")
    with pytest.raises(MrisynthError, match="2 shapes"):
        embedded([volumes[0], volumes[1][:8, :8, :8]], network)
