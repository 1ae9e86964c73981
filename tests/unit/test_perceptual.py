"""Perceptual distances: layers of the published networks, weights of local files, and the named substitute."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from mrisynth.errors import MrisynthError
from mrisynth.networks.perceptual import alex_network, squeeze_network
from mrisynth.perceptual import load_perceptual

NETWORKS = {"lpips_squeeze": squeeze_network, "lpips_alex": alex_network}


def pictures(size=32, count=3):
    return np.random.default_rng(0).integers(0, 255, (2, count, size, size), dtype=np.uint8)


def files(folder, name, *, whole=False):
    """The two files of a distance with weights by chance, named as they were published."""
    torch.manual_seed(0)
    state = NETWORKS[name]().state_dict()
    taps = {"lpips_squeeze": (1, 4, 7, 9, 10, 11, 12), "lpips_alex": (1, 4, 7, 9, 11)}[name]
    backbone, linear = {"classifier.1.weight": torch.zeros(3)}, {}
    for key, value in state.items():
        if key.startswith("lin"):
            linear[f"{key}.model.1.weight"] = torch.rand_like(value)
            continue
        _, number, rest = key.split(".", 2)
        part = next(place for place, tap in enumerate(taps, start=1) if int(number) <= tap)
        backbone[f"net.slice{part}.{number}.{rest}" if whole else key] = value
    save_file(backbone, folder / "backbone.safetensors")
    torch.save(linear, folder / "lin.pth")
    return [folder / "backbone.safetensors", folder / "lin.pth"]


def test_the_layers_are_those_of_the_published_networks():
    """Weights of all convolutions: SqueezeNet 1.1 has 722 496 before its head, AlexNet 2 469 696."""
    for make, expected in ((squeeze_network, 722_496), (alex_network, 2_469_696)):
        network = make()
        assert sum(part.numel() for part in network.parameters()) == expected
        maps = network(torch.zeros(1, 1, 64, 64))
        assert [one.shape[1] for one in maps] == list(network.channels)
    edges = [one.shape[2] for one in squeeze_network()(torch.zeros(1, 3, 64, 64))]
    assert edges == [31, 15, 7, 3, 3, 3, 3]


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("whole", [False, True])
def test_the_distance_is_that_of_its_definition(tmp_path, name, whole):
    paths = files(tmp_path, name, whole=whole)
    distance = load_perceptual(name, weights=paths)
    one, other = pictures()
    found = distance(one, other)
    assert distance.name == name and distance.trained and len(distance.sha256) == 64
    network, linear, expected = distance.network, torch.load(paths[1], weights_only=True), torch.zeros(3)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    maps = []
    for images in (one, other):
        shown = (torch.from_numpy(images).float()[:, None].repeat(1, 3, 1, 1) / 127.5 - 1).permute(0, 2, 3, 1)
        shown, mine = ((shown - shift) / scale).permute(0, 3, 1, 2), []
        for number, layer in enumerate(network.features):
            shown = layer(shown)
            mine += [shown] if number in network._taps else []
        maps.append(mine)
    for number, (first, second) in enumerate(zip(*maps, strict=True)):
        gap = (functional.normalize(first) - functional.normalize(second)).square()
        expected += functional.conv2d(gap, linear[f"lin{number}.model.1.weight"]).mean(dim=(1, 2, 3))
    assert found == pytest.approx(expected.detach().numpy(), rel=1e-4)
    assert distance(one, one) == pytest.approx(np.zeros(3))


def test_the_substitute_is_named_seeded_and_grows_with_difference():
    distance = load_perceptual(seed=4)
    assert distance.name == "lpips_random" and not distance.trained and distance.sha256.startswith("none")
    clean = np.zeros((1, 32, 32), np.uint8)
    clean[:, 8:24, 8:24] = 180
    noise = np.random.default_rng(1).normal(0, 1, clean.shape)
    found = [
        float(distance(clean, np.clip(clean + amount * noise, 0, 255).astype(np.uint8))[0]) for amount in (0, 8, 40)
    ]
    assert found[0] == 0 < found[1] < found[2]
    one, other = pictures()
    assert np.array_equal(distance(one, other), load_perceptual(seed=4)(one, other))
    assert not np.allclose(distance(one, other), load_perceptual(seed=5)(one, other))
    assert distance(np.stack([one] * 3, axis=-1), np.stack([other] * 3, axis=-1)) == pytest.approx(distance(one, other))


def test_bad_weights_are_refused(tmp_path):
    paths = files(tmp_path, "lpips_squeeze")
    with pytest.raises(MrisynthError, match="needs the files"):
        load_perceptual("lpips_squeeze")
    with pytest.raises(MrisynthError, match=r"missing or of another shape \(first: lin0\)"):
        load_perceptual("lpips_squeeze", weights=paths[:1])
    with pytest.raises(MrisynthError, match="do not hold the weights of lpips_alex"):
        load_perceptual("lpips_alex", weights=paths)
    with pytest.raises(MrisynthError, match="expected one of"):
        load_perceptual("lpips_vgg")
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(print))
    with pytest.raises(MrisynthError, match="plain state"):
        load_perceptual("lpips_squeeze", weights=[tmp_path / "evil.pth"])


def test_images_that_do_not_fit_are_refused():
    distance = load_perceptual()
    with pytest.raises(MrisynthError, match="31 or more"):
        distance(*pictures(size=16))
    with pytest.raises(MrisynthError, match="two equal ones"):
        distance(pictures()[0], pictures(size=64)[0])
