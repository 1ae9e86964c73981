"""MedicalNet: published size and names, the conversion of a file made here in the published format, and its input."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.treatment import treated
from mrisynth.embedding.weights import convert_weights, load_weights
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.feature_weights import PUBLISHED, conversions, converted_file
from mrisynth.files import sha256_of
from mrisynth.networks.medicalnet import MedicalNet

NAME = "medicalnet_resnet50"
NONE = {"weights": None, "sha256": None}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return MedicalNet().eval()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("medicalnet") / "resnet_50.pth"
    state = {f"module.{name}": value for name, value in network.state_dict().items() if "num_batches" not in name}
    torch.save({"epoch": 3, "state_dict": state | {"module.conv_seg.0.weight": torch.zeros(2)}}, path)
    return path


@pytest.fixture(scope="module")
def converted(weights):
    path = weights.with_name("converted.safetensors")
    convert_weights(weights, path, network=NAME, sha256=sha256_of(weights))
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


def test_converted_weights_give_the_same_features(network, weights, converted):
    loaded = load_weights(converted, network=NAME, sha256=sha256_of(weights))
    image = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(loaded(image), network(image))
    assert not loaded.training and not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.fault(24)
def test_missing_changed_and_foreign_files_are_refused(network, weights, tmp_path):
    target = tmp_path / "x.safetensors"
    with pytest.raises(MrisynthError, match=r"not at .*absent\.pth: put"):
        convert_weights(tmp_path / "absent.pth", target, network=NAME, sha256=PUBLISHED[NAME].sha256)
    with pytest.raises(MrisynthError, match="not the expected file"):
        convert_weights(weights, target, network=NAME, sha256=PUBLISHED[NAME].sha256)
    state = {name: value for name, value in network.state_dict().items() if "layer" not in name}
    del state["conv1.weight"]
    foreign = tmp_path / "foreign.pth"
    torch.save({"state_dict": state | {"fc.weight": torch.zeros(1), "bn1.weight": torch.zeros(3)}}, foreign)
    with pytest.raises(MrisynthError, match=r"missing \(first: conv1.weight\), 1 unknown \(.*1 of another shape"):
        convert_weights(foreign, target, network=NAME, sha256=sha256_of(foreign))
    assert not target.exists()


@pytest.mark.fault(23)
def test_hostile_pickle_is_refused_before_it_runs(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    path = tmp_path / "hostile.pth"
    torch.save({"state_dict": Hostile()}, path)
    with pytest.raises(MrisynthError, match="cannot be read as a plain state"):
        convert_weights(path, tmp_path / "x.safetensors", network=NAME, sha256=sha256_of(path))
    assert not (tmp_path / "canary").exists()


@pytest.mark.fault(24)
def test_damaged_and_changed_copies_are_refused(weights, converted, tmp_path):
    sha256 = sha256_of(weights)
    with pytest.raises(MrisynthError, match=r"is not there; make it with `snakemake .*absent"):
        load_weights(tmp_path / "absent.safetensors", network=NAME, sha256=sha256)
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(converted.read_bytes()[:1000])
    with pytest.raises(MrisynthError, match="no whole file of converted weights"):
        load_weights(torn, network=NAME, sha256=sha256)
    plain = tmp_path / "plain.safetensors"
    save_file({"conv1.weight": torch.zeros(1)}, plain)
    with pytest.raises(MrisynthError, match="no whole file of converted weights"):
        load_weights(plain, network=NAME, sha256=sha256)
    changed = bytearray(converted.read_bytes())
    changed[-2] ^= 1
    torn.write_bytes(changed)
    with pytest.raises(MrisynthError, match="other values than were written"):
        load_weights(torn, network=NAME, sha256=sha256)
    assert load_file(converted).keys() == load_file(torn).keys()


def test_network_behind_the_interface(weights, converted):
    spec = FeatureSpec("medicalnet", NAME, weights=converted, sha256=sha256_of(weights))
    features = load_network(spec)
    assert features.trained and features.width == 2048 and features.weights_sha256 == spec.sha256
    packed = torch.full((1, 1, 16, 16, 16), 255, dtype=torch.uint8)
    assert torch.equal(features(packed), features(torch.ones(1, 1, 16, 16, 16)))
    standardised = load_network(FeatureSpec("z", NAME, weights=converted, sha256=spec.sha256, input="standardised"))
    assert "less the mean" in standardised.description()["input_treatment"]
    assert standardised.sha256() != features.sha256()
    image = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(standardised(image), standardised(0.5 * image))
    assert not torch.allclose(features(image), features(0.5 * image), rtol=1e-3)
    with pytest.raises(ConfigError, match=r"features\.m\.weights is missing"):
        load_network(FeatureSpec("m", NAME))
    with pytest.raises(ConfigError, match="expected one of"):
        load_network(FeatureSpec("m", "resnet_18"))
    with pytest.raises(ConfigError, match="which only medicalnet_resnet50 takes"):
        load_network(FeatureSpec("m", "random", input="standardised"))


def test_standardised_volumes_have_mean_0_and_deviation_1_where_they_are_not_0():
    images = torch.rand(2, 1, 6, 6, 6, generator=torch.Generator().manual_seed(0)) + 0.1
    images[:, :, :3] = 0
    images[1] *= 0.3
    found = treated(images, "standardised")
    assert (found[:, :, :3] == 0).all()
    brain = found[:, 0, 3:].flatten(1)
    torch.testing.assert_close(brain.mean(dim=1), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(brain.std(dim=1, correction=0), torch.ones(2))
    torch.testing.assert_close(found[0], treated(images[:1], "standardised")[0])
    assert (treated(torch.zeros(1, 1, 4, 4, 4), "standardised") == 0).all()


def test_each_weights_file_is_converted_once():
    published = converted_file({"network": NAME, **NONE})
    assert published == f"resources/weights/converted/{NAME}.ff48a62219073fb9.safetensors"
    own = {"network": NAME, "weights": "mine.pth", "sha256": "a" * 64}
    features = {
        "a": {"network": NAME, **NONE},
        "b": {"network": NAME, "weights": "copy.pth", "sha256": None},
        "c": own,
        "d": {"network": "random", **NONE},
    }
    assert conversions(features) == {
        published: ("copy.pth", PUBLISHED[NAME].sha256),
        f"resources/weights/converted/{NAME}.{'a' * 16}.safetensors": ("mine.pth", "a" * 64),
    }
    assert converted_file({"network": "cohort_encoder", **NONE}) is None
