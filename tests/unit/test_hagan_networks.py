"""HA-GAN's generator, critics and encoders on small cubes, and on the meta device at every size."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from mrisynth.configuration import complete, load_schema
from mrisynth.models import family as family_named
from mrisynth.networks.blocks import ChannelRMSNorm, DoublingConvolution, SmoothDoublingConvolution
from mrisynth.networks.hagan_critics import LowCritic, SlabCritic
from mrisynth.networks.hagan_encoders import SlabEncoder, encode_features
from mrisynth.networks.hagan_generator import HaganGenerator
from mrisynth.recipes import ModelRecipe

UNLABELLED = torch.tensor([-1, -1])
SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
SIZES = (32, 64, 96, 128, 160, 192, 256)
PRESETS = [*product(["hagan"], ["default", "as_published", "as_published_ixi"], SIZES)]
PRESETS += [*product(["wgp_hagan"], ["default", "as_published"], [96])]  # the networks of the first and the last


def _generator(size: int = 32, **changes) -> HaganGenerator:
    torch.manual_seed(0)
    return HaganGenerator(size, **{"width": 8, "latent": 6} | changes).eval()


@pytest.mark.parametrize(
    ("layer", "mode"), [(DoublingConvolution, "nearest"), (SmoothDoublingConvolution, "trilinear")]
)
@pytest.mark.parametrize(
    "shape", [(4, 5, 6), (7, 8, 9), (8, 8, 8), (9, 8, 11)]
)  # from 8 cubed on, the kernel is folded
def test_a_doubling_convolution_is_upsampling_then_convolution(layer, mode, shape):
    torch.manual_seed(0)
    doubling = layer(3, 5)
    plain = nn.Conv3d(3, 5, 3, padding=1)
    plain.load_state_dict(doubling.state_dict())
    ours = torch.randn(2, 3, *shape, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    expected = plain(functional.interpolate(theirs, scale_factor=2, mode=mode))
    found = doubling(ours)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    weights = torch.randn_like(expected)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    pairs = [(ours, theirs), (doubling.weight, plain.weight), (doubling.bias, plain.bias)]
    for one, two in pairs:
        torch.testing.assert_close(one.grad, two.grad, atol=1e-4 * float(two.grad.abs().max()), rtol=0)


def test_large_cubes_are_never_upsampled_before_the_convolution(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("upsampled")

    monkeypatch.setattr(functional, "interpolate", refuse)
    DoublingConvolution(1, 1)(torch.zeros(1, 1, 8, 8, 8))
    with pytest.raises(AssertionError, match="upsampled"):
        DoublingConvolution(1, 1)(torch.zeros(1, 1, 8, 8, 7))


def test_channel_norm_sees_one_voxel_at_a_time():
    norm = ChannelRMSNorm(4)
    volumes = torch.randn(1, 4, 3, 3, 3)
    changed = volumes.clone()
    changed[..., 2] *= 7
    torch.testing.assert_close(norm(volumes)[..., :2], norm(changed)[..., :2])
    torch.testing.assert_close(norm(volumes).square().mean(dim=1), torch.ones(1, 3, 3, 3), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("size", "upsampling", "layers"),
    [*product((32, 64, 96), ("nearest", "trilinear"), (0,)), *product((32,), ("nearest", "trilinear"), (1, 2))],
)
def test_a_training_slab_equals_the_same_slab_of_the_whole_volume(size, upsampling, layers):
    generator = _generator(size, upsampling=upsampling, high_layers=layers)
    assert _slab_error(generator) < 1e-5


@pytest.mark.parametrize("upsampling", ["nearest", "trilinear"])
def test_a_training_slab_equals_the_same_slab_of_the_whole_volume_at_128(upsampling):
    assert _slab_error(_generator(128, width=4, upsampling=upsampling)) < 1e-5


def test_a_slab_of_the_published_branch_is_another_than_that_of_the_whole_volume():
    """The published weakness that the halo cures: zeros at the ends of a slab, and a norm over what is seen."""
    assert _slab_error(_generator(64, slabs="published")) > 0.01


def _slab_error(generator: HaganGenerator) -> float:
    size, last = generator.layout.size, generator.layout.positions - 1
    latents = torch.randn(2, 6)
    errors = []
    with torch.no_grad():
        whole, low = generator(latents, UNLABELLED)
        assert (whole.shape, low.shape) == ((2, 1, size, size, size), (2, 1, *[size // 4] * 3))
        for starts in ([0, 0], [1, last], [last, last // 2]):
            slabs, again = generator(latents, UNLABELLED, slab_starts=starts)
            torch.testing.assert_close(again, low)
            for image, start in enumerate(starts):
                expected = whole[image, :, 4 * start : 4 * start + generator.layout.slab]
                errors.append(float((slabs[image] - expected).abs().max()))
    return max(errors)


def test_a_whole_volume_is_the_plain_chain_of_layers():
    generator = _generator(96)  # 24 slices of A: two pieces
    with torch.no_grad():
        features = generator.shared_features(torch.randn(1, 6), UNLABELLED[:1])
        branch = generator.high
        expected = torch.tanh(branch.last(torch.relu(branch.norm(branch.first(features)))))
        torch.testing.assert_close(generator.volume(features), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("slabs", ["halo", "published"])
def test_a_volume_computed_again_in_the_backward_pass_has_the_plain_gradients(slabs):
    generator = _generator(96 if slabs == "halo" else 32, slabs=slabs, groups=1)
    latents = torch.randn(1, 6)
    weights = torch.randn(1, 1, *[generator.layout.size] * 3)
    gradients = []
    for plain in (False, True):
        generator.zero_grad()
        features = generator.shared_features(latents, UNLABELLED[:1])
        volume = (
            generator.high(features, starts=[0], slices=generator.layout.low) if plain else generator.volume(features)
        )
        (volume * weights).sum().backward()
        gradients.append(
            {name: weight.grad for name, weight in generator.named_parameters() if weight.grad is not None}
        )
    ours, theirs = gradients
    assert ours.keys() == theirs.keys()
    assert {"start.weight", "high.first.weight", "high.last.weight"} <= ours.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-4 * float(gradient.abs().max()), rtol=0)


def test_high_width_and_layers_change_the_high_branch_alone():
    plain, wider = _generator(), _generator(high_width=24, high_layers=1)
    assert plain.high.first.weight.shape[0] == 4  # half the width, as published
    assert wider.high.first.weight.shape[0] == 24
    shapes = [
        {name: weight.shape for name, weight in one.state_dict().items() if not name.startswith("high.")}
        for one in (plain, wider)
    ]
    assert shapes[0] == shapes[1]
    assert wider(torch.randn(2, 6), UNLABELLED)[0].shape == (2, 1, 32, 32, 32)


def test_classes_and_the_missing_label_have_embeddings_of_their_own():
    generator = _generator(columns=[2])
    latents = torch.randn(1, 6).expand(3, -1)
    with torch.no_grad():
        volumes, _ = generator(latents, torch.tensor([0, 1, -1]))
    assert generator.condition.table.num_embeddings == 3
    assert not torch.allclose(volumes[0], volumes[1])
    assert not torch.allclose(volumes[1], volumes[2])


@pytest.mark.parametrize("spectral_norm", ["none", "all", "all_but_last"])
@pytest.mark.parametrize("tail", ["position", "deep"])
@pytest.mark.parametrize("size", [32, 64, 96])
def test_critics_score_and_classify(size, spectral_norm, tail):
    generator = _generator(size)
    options = {"width": 8, "classes": 3, "spectral_norm": spectral_norm}
    slab_critic, low_critic = SlabCritic(size, tail=tail, **options), LowCritic(size, **options)
    slabs, low = generator(torch.randn(2, 6), UNLABELLED, slab_starts=[0, 1])
    for scores, logits in (slab_critic(slabs, slab_starts=[0, 1]), low_critic(low)):
        assert scores.shape == (2,)
        assert logits.shape == (2, 3)


def test_the_slab_critic_is_told_where_the_slab_lies_unless_its_tail_is_deep():
    slab = torch.randn(1, 1, 8, 32, 32)
    for tail, told in (("position", True), ("deep", False)):
        torch.manual_seed(0)
        critic = SlabCritic(32, width=8, tail=tail, spectral_norm="none")
        here, there = (critic(slab, slab_starts=[start])[0] for start in (0, 6))
        assert bool(here != there) is told


def test_spectral_norm_bounds_the_weights_of_the_layers_that_it_is_for():
    for kind, bounded in (("none", [False, False]), ("all_but_last", [True, False]), ("all", [True, True])):
        torch.manual_seed(0)
        low = LowCritic(32, width=8, spectral_norm=kind)
        high = SlabCritic(32, width=8, classes=2, spectral_norm=kind)
        for layers in ([low.ladder[0], low.ladder[-2]], [high.hidden[0], high.score], [high.ladder[0], high.label]):
            found = [hasattr(layer, "parametrizations") for layer in layers]
            assert found == bounded
            with torch.no_grad():  # no bound is there by chance
                for layer, normed in zip(layers, found, strict=True):
                    (layer.parametrizations.weight.original if normed else layer.weight).mul_(20)
            for _ in range(50):
                [layer.weight for layer in layers]
            norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
            assert [norm == pytest.approx(1.0, abs=0.05) for norm in norms] == bounded


def test_features_are_encoded_slab_by_slab():
    torch.manual_seed(0)
    encoder = SlabEncoder(width=8)
    volumes = torch.randn(2, 1, 32, 32, 32)
    with torch.no_grad():
        features = encode_features(encoder, volumes, slab=8)
        assert features.shape == (2, 8, 8, 8, 8)
        for start in range(0, 32, 8):
            expected = encoder(volumes[:, :, start : start + 8])
            torch.testing.assert_close(features[:, :, start // 4 : start // 4 + 2], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("family", "name", "size"), PRESETS)
def test_every_size_and_preset_fits_together(family, name, size):
    """At the published width, without memory: shapes of slabs, volumes, scores and codes."""
    entry = {"family": family, "preset": name, "size": size, "recipe": {"encoders": "detached"}}
    config = {
        "cohort": {"name": "simulated"},
        "models": {"model": entry},
        "features": {"random": {"network": "random"}},
    }
    config |= {"evaluation": {"features": ["random"]}, "clustering": {"features": "random"}}
    settings = complete(config, load_schema(SCHEMA), source="test")["models"]["model"]["recipe"]
    recipe = ModelRecipe(
        name="model", family=family, condition="demographics", size=size, images_total=1, images_per_chunk=1,
        batch_size=2, family_recipe=settings,
    )  # fmt: skip
    member = family_named(family)
    with torch.device("meta"):
        networks = {
            part: member.network(part, recipe, columns=[2, 3], seed=1)
            for part in ("generator", "critic_high", "critic_low", "encoder_slab", "encoder_global")
        }
        latents, labels = torch.empty(2, *member.latent_shape(recipe)), torch.zeros(2, dtype=torch.int64)
    generator = networks["generator"]
    geometry = generator.layout
    with torch.no_grad():
        slabs, low = generator(latents, labels, slab_starts=[0, geometry.positions - 1])
        assert slabs.shape == (2, 1, geometry.slab, size, size)
        assert low.shape == (2, 1, *[size // 4] * 3)
        judged = networks["critic_high"](slabs, slab_starts=[0, geometry.positions - 1]), networks["critic_low"](low)
        for scores, logits in judged:
            assert (scores.shape, logits.shape) == ((2,), (2, 6))
        whole = torch.empty(2, 1, size, size, size, device="meta")
        features = encode_features(networks["encoder_slab"], whole, slab=geometry.slab)
        assert networks["encoder_global"](features).shape == (2, 1024)
        assert generator.volume(features).shape == whole.shape
