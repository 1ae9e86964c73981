"""Inception: the network of FID against pytorch-fid on the same weights, and volumes as slices of three planes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.three_planes import ThreePlanes, slice_places
from mrisynth.embedding.weights import convert_weights
from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.networks import inception
from mrisynth.networks.inception import Inception

# Some features of two images of noise, those of the last block's pooled branch last, by InceptionV3 of pytorch-fid 0.3.0 (blocks 3, resized, normalised) with
# the weights of `drawn`, on torch 2.13.0.
COLUMNS = [0, 293, 586, 879, 1172, 1465, 1758, 1864, 1890, 1907]
BY_PYTORCH_FID = [
    [0.518288, 0.116966, 0.291138, 0.02148, 0.392074, 0.276421, 0.186881, 1.159011, 1.14297, 1.230029],
    [0.513533, 0.116373, 0.291139, 0.021279, 0.385788, 0.272875, 0.183163, 1.145957, 1.122904, 1.226843],
]


def drawn(network: Inception) -> dict[str, torch.Tensor]:
    """Random weights that keep the size of the maps, drawn name by name in alphabetical order."""
    generator, weights = torch.Generator().manual_seed(0), {}
    for name, value in sorted(network.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        numbers = torch.randn(value.shape, generator=generator)
        if value.dim() > 1:
            weights[name] = numbers * (2 / value[0].numel()) ** 0.5
        elif name.endswith("var"):
            weights[name] = 1 + 0.2 * numbers.abs()
        else:
            weights[name] = 0.1 * numbers + (1 if name.endswith("weight") else 0)
    return weights


@pytest.fixture(scope="module")
def network() -> Inception:
    made = Inception()
    made.load_state_dict(drawn(made), strict=False)
    return made.eval()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    """The weights as they are published: no counters, with a classifier of 1008 classes."""
    path = tmp_path_factory.mktemp("inception") / "pt_inception.pth"
    state = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    torch.save(state | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}, path)
    return path


@pytest.fixture(scope="module")
def converted(weights):
    path = weights.with_suffix(".safetensors")
    convert_weights(weights, path, network="inception", sha256=sha256_of(weights))
    return path


def noise() -> torch.Tensor:
    return torch.rand(2, 1, 40, 48, generator=torch.Generator().manual_seed(2))


@torch.inference_mode()
def test_three_equal_channels_are_a_grey_image_and_others_are_not(network):
    grey = noise()
    torch.testing.assert_close(network(grey.repeat(1, 3, 1, 1)), network(grey))
    red = grey * torch.tensor([1.0, 0.2, 0.0])[:, None, None]
    assert (network(red) - network(red.flip(1))).abs().max() > 0.01, "red and blue are told apart"


@torch.inference_mode()
def test_features_are_those_of_pytorch_fid(network):
    features = network(noise())
    assert features.shape == (2, 2048)
    torch.testing.assert_close(features[:, COLUMNS], torch.tensor(BY_PYTORCH_FID), rtol=2e-4, atol=2e-5)
    assert features.mean().item() == pytest.approx(0.1455453, rel=1e-4)


@pytest.mark.parametrize("detail", ["padding counts", "average in the last block"])
@torch.inference_mode()
def test_what_differs_from_the_network_of_torchvision_is_seen(network, monkeypatch, detail):
    def averaged(maps):
        return functional.avg_pool2d(maps, 3, stride=1, padding=1)

    if detail == "padding counts":
        monkeypatch.setattr(inception, "_average", averaged)
    else:
        monkeypatch.setattr(network.Mixed_7c, "maximum", False)
    assert (network(noise()[:1])[:, COLUMNS] - torch.tensor(BY_PYTORCH_FID[:1])).abs().max() > 5e-3


def test_names_and_numbers_of_weights_as_published(network):
    names = {name for name in network.state_dict() if "num_batches" not in name}
    assert len(names) == 470 and sum(value.numel() for value in network.parameters()) == 21_785_568
    assert {
        "Conv2d_1a_3x3.conv.weight",
        "Mixed_6c.branch7x7dbl_5.bn.running_var",
        "Mixed_7c.branch_pool.conv.weight",
    } < names


def test_published_file_becomes_a_feature_network_of_three_planes(network, weights, converted):
    spec = FeatureSpec("inception", "inception", weights=converted, sha256=sha256_of(weights), slices=2)
    features = load_network(spec)
    assert (features.width, features.trained, features.weights_sha256) == (6144, True, spec.sha256)
    assert "own weights" in features.trained_on and "2 slices" in features.input_treatment
    volume = np.random.default_rng(0).integers(0, 256, (24, 24, 24), dtype=np.uint8)
    found = features(torch.from_numpy(volume)[None, None])
    slices = torch.from_numpy(volume[:, slice_places(24, 2)].swapaxes(0, 1).copy())[:, None] / 255
    with torch.inference_mode():
        torch.testing.assert_close(found[0, 2048:4096], network(slices).mean(dim=0), rtol=1e-4, atol=1e-5)
    more = load_network(replace(spec, slices=3))  # another input treatment: another network for the cache
    assert replace(features, name="other").sha256() == features.sha256() != more.sha256()


def test_each_plane_is_its_own_block():
    means = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    volume = torch.zeros(2, 1, 10, 10, 10)
    volume[0, 0, 2] = 1.0  # one sagittal slice, at the edge of the middle 60 %
    volume[1, 0, :, :, 0] = 1.0  # an axial slice outside of it
    features = ThreePlanes(means, slices=6)(volume)
    torch.testing.assert_close(features, torch.tensor([[1 / 6, 0.1, 0.1], [0.1, 0.1, 0.0]]))


@pytest.mark.parametrize("edge", [8, 32, 64, 256])
def test_slices_lie_in_the_middle_without_repeats(edge):
    places = slice_places(edge, 16)
    assert places == sorted(set(places)) and len(places) == min(16, len(places))
    assert min(places) >= int(0.2 * edge) and max(places) < 0.8 * edge
    assert abs((places[0] + places[-1]) / 2 - (edge - 1) / 2) <= 1


@pytest.mark.fault(24)
def test_other_files_are_refused(weights, converted, tmp_path):
    with pytest.raises(MrisynthError, match="not the expected file: its sha256"):
        convert_weights(weights, tmp_path / "x.safetensors", network="inception", sha256="0" * 64)
    with pytest.raises(MrisynthError, match="does not hold the weights of medicalnet_resnet50: 265 missing"):
        convert_weights(weights, tmp_path / "x.safetensors", network="medicalnet_resnet50", sha256=sha256_of(weights))
    with pytest.raises(MrisynthError, match="was made of inception with the sha256"):
        load_network(FeatureSpec("inception", "inception", weights=converted))
    assert not (tmp_path / "x.safetensors").exists()
