"""The style-based generator: styles, noise, mixing, truncation and fades."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mrisynth.networks.style_generator import StyleGenerator
from mrisynth.networks.style_layers import STYLE_STARTS, StyledLayer
from mrisynth.networks.style_noise import noise_count, noise_maps, noise_of_latents

PLAIN = {"width": 8, "factors": [1, 1, 0.5], "latent": 6, "style": 6, "mapping_layers": 2}


def _generator(**changes) -> StyleGenerator:
    """Return a small generator whose noise counts."""
    torch.manual_seed(0)
    generator = StyleGenerator(16, **(PLAIN | changes))
    for name, weight in generator.named_parameters():
        if name.endswith("noise_weight"):
            weight.data.normal_()
        if name.startswith("to_image") and name.endswith("weight"):
            weight.data.mul_(0.2)  # far from the ends of the hyperbolic tangent
    return generator


def test_a_styled_layer_gives_channels_the_mean_and_deviation_that_the_style_asks_for():
    torch.manual_seed(1)
    layer = StyledLayer(3, 4, rectified=False, start=STYLE_STARTS["one"])
    style, noise = torch.randn(2, 4), torch.randn(2, 1, 8, 8)
    features = layer(5 + 3 * torch.randn(2, 3, 8, 8), style, noise)
    torch.testing.assert_close(features.mean(dim=(2, 3)), layer.shift(style))
    torch.testing.assert_close(features.std(dim=(2, 3), correction=0), layer.scale(style).abs(), rtol=1e-3, atol=1e-4)
    assert torch.equal(layer.scale.bias, torch.ones(3))
    with torch.no_grad():
        layer.noise_weight.copy_(torch.tensor([0.0, 1e4, 0.0]))
    noisy = layer(torch.randn(2, 3, 8, 8), torch.zeros(2, 4), noise)
    standard = (noise - noise.mean(dim=(2, 3), keepdim=True)) / noise.std(dim=(2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(noisy[:, 1:2], standard, rtol=1e-2, atol=1e-2)


def test_noise_is_cut_into_maps_from_the_smallest_layer_on():
    assert noise_count(8) == 2 * 16 + 2 * 64
    noise = torch.arange(160.0).expand(3, 160)
    maps = noise_maps(noise, level=8)
    assert [tuple(one.shape) for one in maps] == [(3, 1, 4, 4)] * 2 + [(3, 1, 8, 8)] * 2
    assert [float(one[0, 0, 0, 0]) for one in maps] == [0, 16, 32, 96]


def test_noise_of_latents_is_standard_normal_smooth_and_the_same_at_every_level():
    latents = torch.randn(40, 256, generator=torch.Generator().manual_seed(1))
    noise = noise_of_latents(latents, level=32)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(noise_of_latents(latents[3:4], level=8), noise[3:4, : noise_count(8)])
    layers = torch.corrcoef(torch.stack([one[0].flatten() for one in noise_maps(noise, level=32)][-2:]))
    assert abs(layers[0, 1]) < 0.15
    near = noise_of_latents(latents + 1e-3, level=32)
    assert 0 < float((near - noise).abs().mean()) < 0.01
    assert torch.equal(noise_of_latents(torch.zeros(1, 6), level=8), torch.zeros(1, noise_count(8)))


def test_noise_of_latents_made_without_gradients_serves_calls_that_derive():
    with torch.inference_mode():
        noise_of_latents(torch.randn(1, 5), level=8)
    latents = torch.randn(1, 5, requires_grad=True)
    noise_of_latents(latents, level=8).square().sum().backward()
    assert latents.grad is not None


def test_an_image_is_a_pure_function_of_what_is_given():
    generator, latents, labels = _generator(), torch.randn(3, 6), torch.full((3,), -1)
    generator.set_level(16, 0.5)
    noise = torch.randn(3, noise_count(16))
    first = generator(latents, labels, noise=noise)
    torch.rand(7)
    assert torch.equal(generator(latents, labels, noise=noise), first)
    torch.testing.assert_close(generator(latents[1:2], labels[1:2], noise=noise[1:2]), first[1:2])
    assert not torch.allclose(generator(latents, labels, noise=noise.flip(0)), first, atol=1e-2)
    torch.testing.assert_close(generator(latents, labels), generator.truncated(latents, labels))


def test_a_level_begins_as_the_one_below_and_ends_without_it():
    generator, latents, labels = _generator(), torch.randn(2, 6), torch.tensor([-1, -1])
    generator.set_level(8)
    below = torch.atanh(generator(latents, labels))
    generator.set_level(16, 0.0)
    expected = torch.nn.functional.interpolate(below, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(generator(latents, labels), torch.tanh(expected), rtol=1e-4, atol=1e-4)
    generator.set_level(16, 1.0)
    alone = generator(latents, labels)
    with torch.no_grad():
        generator.to_image[1].weight.zero_()
    assert torch.equal(generator(latents, labels), alone)


def test_mixed_styles_direct_the_last_layers():
    generator, labels, noise = _generator(), torch.tensor([-1]), torch.randn(1, noise_count(16))
    generator.set_level(16)
    assert generator.styled_layers == 6
    one, two = torch.randn(2, 1, 6)

    def mixed(start: int) -> Tensor:
        return generator(one, labels, noise=noise, mixed_latents=two, mixed_from=torch.tensor([start]))

    torch.testing.assert_close(mixed(6), generator(one, labels, noise=noise))
    torch.testing.assert_close(mixed(0), generator(two, labels, noise=noise))
    assert not torch.allclose(mixed(3), mixed(6), atol=1e-3) and not torch.allclose(mixed(3), mixed(0), atol=1e-3)
    with torch.no_grad():  # the last two layers alone depend on the second latent
        for layer in (*generator.blocks[1].styled,):
            layer.scale.weight.zero_(), layer.shift.weight.zero_()
    torch.testing.assert_close(mixed(4), mixed(6))


def test_mean_styles_are_kept_of_each_class_and_of_all():
    generator = _generator(classes=3, embedding=4)
    latents, labels = torch.randn(6, 6), torch.tensor([0, 0, 2, -1, 2, 0])
    styles = generator.mapping(latents, labels).detach()
    generator.track_styles(latents, labels)
    assert generator.updates_seen.tolist() == [1, 0, 1, 1]
    torch.testing.assert_close(generator.mean_style[0], styles[[0, 1, 5]].mean(dim=0))
    torch.testing.assert_close(generator.mean_style[2], styles[[2, 4]].mean(dim=0))
    torch.testing.assert_close(generator.mean_style[3], styles.mean(dim=0))
    assert torch.equal(generator.mean_style[1], torch.zeros(6))
    before = generator.mean_style.clone()
    generator.track_styles(latents[:1], labels[:1])
    torch.testing.assert_close(generator.mean_style[0], (before[0] + styles[0]) / 2)
    assert torch.equal(generator.mean_style[2], before[2])
    generator.updates_seen.fill_(1000)
    generator.track_styles(latents[2:3], labels[2:3])
    torch.testing.assert_close(generator.mean_style[2], before[2] + (styles[2] - before[2]) / 200)


def test_truncation_draws_styles_towards_the_mean_of_their_class():
    generator = _generator(classes=2, embedding=4)
    generator.set_level(8)
    latents, labels = torch.randn(5, 6), torch.tensor([0, 0, 1, 1, -1])
    whole = generator.truncated(latents, labels)
    torch.testing.assert_close(whole, generator(latents, labels))
    generator.track_styles(torch.randn(50, 6), torch.arange(50) % 1)  # class 0 alone
    with torch.no_grad():
        for layer in generator.modules():
            if isinstance(layer, StyledLayer):
                layer.noise_weight.zero_()
    generator.truncation = 0.0
    means = generator.truncated(latents, labels)
    torch.testing.assert_close(means[0], means[1])
    torch.testing.assert_close(means[2], means[4])  # class 1 never was seen: as the images without a label
    generator.mean_style[0] += 1
    assert not torch.allclose(generator.truncated(latents, labels)[0], means[0], atol=1e-3)
    generator.truncation = 0.5
    halves = generator.truncated(latents, labels)
    assert not torch.allclose(halves[0], halves[1], atol=1e-3)
