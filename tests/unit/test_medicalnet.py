"""MedicalNet: published size and names, and the loading of a file made here in the published format."""

from __future__ import annotations

import pytest
import torch

from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.files import sha256_of
from mrisynth.networks.medicalnet import MedicalNet, load_medicalnet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return MedicalNet().eval()


@pytest.fixture
def weights(network, tmp_path):
    path = tmp_path / "resnet_50.pth"
    state = {f"module.{name}": value for name, value in network.state_dict().items() if "num_batches" not in name}
    torch.save({"epoch": 3, "state_dict": state | {"module.conv_seg.0.weight": torch.zeros(2)}}, path)
    return path


def test_parameters_names_and_maps_as_published(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 46_155_072
    names = network.state_dict().keys()
    assert {"conv1.weight", "bn1.running_var", "layer1.0.downsample.1.weight", "layer4.2.conv3.weight"} <= names
    assert not [name for name in names if name.endswith("bias") and "conv" in name]
    with torch.inference_mode():
        assert network.maps(torch.zeros(1, 1, 32, 32, 32)).shape == (1, 2048, 4, 4, 4)


def test_last_stages_are_dilated_not_strided(network):
    stages = [[network.get_submodule(f"layer{n}.{b}.conv2") for b in (0, 1)] for n in (1, 2, 3, 4)]
    assert [[conv.dilation[0] for conv in stage] for stage in stages] == [[1, 1], [1, 1], [2, 2], [4, 4]]
    assert [stage[0].stride[0] for stage in stages] == [1, 2, 1, 1]


def test_weights_load_and_give_the_same_features(network, weights):
    loaded = load_medicalnet(weights, sha256=sha256_of(weights))
    image = torch.rand(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(loaded(image), network(image))
    assert not loaded.training


def test_missing_changed_and_foreign_files_are_refused(network, weights, tmp_path):
    with pytest.raises(MrisynthError, match=r"not at .*absent\.pth: put"):
        load_medicalnet(tmp_path / "absent.pth")
    with pytest.raises(MrisynthError, match="not the expected file"):
        load_medicalnet(weights)
    state = network.state_dict()
    del state["conv1.weight"]
    state["fc.weight"] = torch.zeros(1)
    state["bn1.weight"] = torch.zeros(3)
    torch.save({"state_dict": state}, weights)
    with pytest.raises(MrisynthError, match=r"1 weights missing \(first: conv1.weight\), 1 unknown \(.*1 of another"):
        load_medicalnet(weights, sha256=sha256_of(weights))


def test_hostile_pickle_is_refused_before_it_runs(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    path = tmp_path / "hostile.pth"
    torch.save({"state_dict": Hostile()}, path)
    with pytest.raises(MrisynthError, match="cannot be read as a plain state"):
        load_medicalnet(path, sha256=sha256_of(path))
    assert not (tmp_path / "canary").exists()


def test_network_behind_the_interface(weights):
    spec = FeatureSpec("medicalnet", "medicalnet_resnet50", weights=weights, sha256=sha256_of(weights))
    features = load_network(spec)
    assert features.trained and features.width == 2048 and features.weights_sha256 == spec.sha256
    packed = torch.full((1, 1, 16, 16, 16), 255, dtype=torch.uint8)
    assert torch.equal(features(packed), features(torch.ones(1, 1, 16, 16, 16)))
    with pytest.raises(ConfigError, match=r"features\.m\.weights is missing"):
        load_network(FeatureSpec("m", "medicalnet_resnet50"))
    with pytest.raises(ConfigError, match="expected one of"):
        load_network(FeatureSpec("m", "inception"))
