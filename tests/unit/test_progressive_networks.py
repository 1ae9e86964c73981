"""Networks that grow level by level: fades, scaled weights, the spread of a batch, second derivatives."""

from __future__ import annotations

from copy import deepcopy
from math import sqrt

import pytest
import torch
from torch.nn import functional

from mrisynth.networks.batch_spread import batch_spread
from mrisynth.networks.class_embedding import ClassEmbedding
from mrisynth.networks.levels import FIRST_ALPHA, fade_alpha, level_sizes, level_widths, to_edge
from mrisynth.networks.pacgan_generator import PacganGenerator
from mrisynth.networks.progressive_critic import ProgressiveCritic
from mrisynth.networks.twice_derived import convolve, leak
from mrisynth.networks.weight_scaled import ScaledConvolution, ScaledLinear, ScaledStart, pixel_norm
from mrisynth.training.ema import update_average
from mrisynth.training.losses import slope_one_penalty

PUBLISHED = {"width": 512, "factors": [1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32]}
SMALL = {"width": 8, "factors": [1, 1, 0.5]}


def _generator(size: int = 16, **changes) -> PacganGenerator:
    torch.manual_seed(0)
    return PacganGenerator(size, **(SMALL | {"latent": 6, "classes": 2} | changes))


def _critic(size: int = 16, **changes) -> ProgressiveCritic:
    torch.manual_seed(0)
    return ProgressiveCritic(size, **(SMALL | {"classes": 2} | changes))


def _count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_published_networks_have_the_published_numbers_of_parameters():
    with torch.device("meta"):
        generator = PacganGenerator(256, **PUBLISHED, latent=512, classes=2, first_layer="plain")
        critic = ProgressiveCritic(256, **PUBLISHED, classes=2, class_head="shared", spread="whole")
    assert (_count(generator), _count(critic)) == (13_658_333, 16_075_621)  # 13.66 M and 16.08 M


def test_sizes_and_widths_of_levels():
    assert level_sizes(64) == [4, 8, 16, 32, 64]
    assert level_sizes(64, first=16) == [16, 32, 64]
    assert level_widths(256, **PUBLISHED) == [512, 512, 256, 128, 64, 32, 16]
    assert level_widths(16, width=4, factors=[1, 0.5, 0.1]) == [4, 2, 1]
    for size, first in ((24, 4), (2, 2), (8, 16)):
        with pytest.raises(ValueError, match=r"the (edge of a|first) level"):
            level_sizes(size, first=first)
    with pytest.raises(ValueError, match="2 factors for the 3 levels from 4 to 16"):
        level_widths(16, width=4, factors=[1, 1])


def test_a_level_is_faded_in_over_its_first_half():
    assert fade_alpha(0.0, share=0.5, fades=True) == FIRST_ALPHA
    assert fade_alpha(0.25, share=0.5, fades=True) == pytest.approx(0.5, abs=1e-4)
    assert fade_alpha(0.5, share=0.5, fades=True) == fade_alpha(0.9, share=0.5, fades=True) == 1.0
    assert fade_alpha(0.0, share=0.5, fades=False) == fade_alpha(0.0, share=0.0, fades=True) == 1.0


def test_images_go_to_another_edge_by_averages_and_by_repeats():
    images = torch.arange(16.0).view(1, 1, 4, 4)
    assert to_edge(images, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert torch.equal(to_edge(to_edge(images, 8), 4), images)
    assert to_edge(images, 4) is images


def test_scaled_layers_keep_the_mean_square_of_what_rectifiers_halve():
    torch.manual_seed(1)
    for layer, inputs in (
        (ScaledConvolution(64, 256, 3), torch.randn(8, 64, 5, 5)),
        (ScaledConvolution(64, 256, 3), torch.randn(300, 64, 5, 5)),  # here the weights are scaled, not the images
        (ScaledLinear(300, 400), torch.randn(50, 300)),
        (ScaledStart(300, 100, 4), torch.randn(20, 300, 1, 1)),
    ):
        assert float(layer(inputs).detach().square().mean()) == pytest.approx(2.0, rel=0.06)
        assert float(layer.weight.detach().std()) == pytest.approx(1.0, rel=0.02)
        assert torch.equal(layer.bias, torch.zeros_like(layer.bias))
    assert torch.equal(ScaledLinear(3, 2, bias_start=1.0).bias, torch.ones(2))


@pytest.mark.parametrize("images", [2, 200])
def test_a_scaled_convolution_is_one_with_smaller_weights(images):
    layer, shown = ScaledConvolution(3, 5, 3, padding=1), torch.randn(images, 3, 4, 4)
    expected = functional.conv2d(shown, layer.weight * sqrt(2 / 27), layer.bias, padding=1)
    for for_slope in (False, True):
        torch.testing.assert_close(layer(shown, for_slope=for_slope), expected)


def test_pixel_norm_gives_every_place_a_mean_square_of_one():
    features = 7 * torch.randn(2, 16, 3, 3)
    torch.testing.assert_close(pixel_norm(features).square().mean(dim=1), torch.ones(2, 3, 3))
    assert torch.equal(pixel_norm(torch.zeros(1, 4)), torch.zeros(1, 4))


def test_a_class_has_a_vector_and_a_missing_one_zeros():
    table = ClassEmbedding(3, length=2)
    vectors = table(torch.tensor([2, -1, -3]))
    assert torch.equal(vectors[0], table.table.weight[2])
    assert torch.equal(vectors[1:], torch.zeros(2, 2))
    assert ClassEmbedding(0, length=2)(torch.tensor([-1, -1])).shape == (2, 0)


def test_the_spread_over_the_whole_batch_is_the_mean_unbiased_deviation():
    features = torch.randn(6, 3, 4, 4)
    channel = batch_spread(features, kind="whole")
    assert channel.shape == (6, 1, 4, 4)
    torch.testing.assert_close(channel, features.std(dim=0).mean().expand_as(channel))


def test_the_spread_over_groups_is_that_of_four_images_each():
    features = torch.randn(6, 3, 4, 4)
    channel = batch_spread(features, kind="groups")
    for group in (slice(0, 4), slice(4, 6)):
        expected = features[group].std(dim=0, correction=0).mean()
        torch.testing.assert_close(channel[group], expected.expand_as(channel[group]), rtol=1e-5, atol=1e-5)
    moved = features.clone()
    moved[5] += 1
    assert torch.equal(batch_spread(moved, kind="groups")[:4], channel[:4])


@pytest.mark.parametrize("kind", ["whole", "groups"])
@pytest.mark.parametrize("features", [torch.randn(1, 3, 4, 4), torch.ones(5, 3, 4, 4)], ids=["single", "alike"])
def test_images_without_a_spread_have_finite_second_derivatives(kind, features):
    features = features.clone().requires_grad_()
    channel = batch_spread(features, kind=kind)
    assert channel.abs().max() <= 1.01e-4
    (slope,) = torch.autograd.grad((channel * (channel + 1) + features**2).sum(), features, create_graph=True)
    slope.square().sum().backward()
    assert torch.isfinite(slope).all() and torch.isfinite(features.grad).all()


@pytest.mark.parametrize("make", [_generator, _critic])
def test_every_level_is_reached_and_no_other(make):
    network = make()
    assert (int(network.level), float(network.alpha)) == (4, 1.0)
    for level in (4, 8, 16):
        network.set_level(level, 0.5)
        assert network.present() == ({4: 0, 8: 1, 16: 2}[level], 1.0 if level == 4 else 0.5)
    with pytest.raises(ValueError, match="no level 32; there are 4, 8, 16"):
        network.set_level(32)


def test_a_level_begins_as_the_one_below_and_ends_without_it():
    generator, latents, labels = _generator(), torch.randn(3, 6), torch.tensor([0, 1, -1])
    generator.set_level(8)
    below = generator(latents, labels)
    generator.set_level(16, 0.0)
    torch.testing.assert_close(generator(latents, labels), to_edge(below, 16))
    generator.set_level(16, 1.0)
    alone = generator(latents, labels)
    with torch.no_grad():
        generator.to_image[1].weight.zero_()
    assert torch.equal(generator(latents, labels), alone)
    generator.set_level(16, 0.25)
    mixed = torch.atanh(generator(latents, labels))
    torch.testing.assert_close(mixed, 0.25 * torch.atanh(alone), rtol=1e-3, atol=1e-4)


def test_the_critic_of_a_level_begins_as_that_of_the_level_below_and_ends_without_it():
    critic, images = _critic(), torch.rand(4, 1, 16, 16) * 2 - 1
    critic.set_level(8)
    below, _ = critic(to_edge(images, 8))
    critic.set_level(16, 0.0)
    torch.testing.assert_close(critic(images)[0], below)
    critic.set_level(16, 1.0)
    alone, _ = critic(images)
    with torch.no_grad():
        critic.from_image[1].weight.zero_()
    assert torch.equal(critic(images)[0], alone)
    critic.set_level(16, 0.5)
    assert not torch.allclose(critic(images)[0], alone)


@pytest.mark.parametrize("spread", ["whole", "groups"])
def test_the_class_of_an_image_does_not_depend_on_its_batch_but_its_score_does(spread):
    critic, images = _critic(8, spread=spread), torch.rand(4, 1, 8, 8) * 2 - 1
    critic.set_level(8, 0.5)
    scores, logits = critic(images)
    alone = [critic(image[None]) for image in images]
    torch.testing.assert_close(torch.cat([found for _, found in alone]), logits)
    torch.testing.assert_close(critic.logits(images), logits)
    assert not torch.allclose(torch.cat([found for found, _ in alone]), scores, atol=1e-3)


def test_the_published_class_head_depends_on_the_batch_and_is_finite_for_one_image():
    critic, images = _critic(8, spread="whole", class_head="shared"), torch.rand(4, 1, 8, 8) * 2 - 1
    critic.set_level(8)
    _, logits = critic(images)
    torch.testing.assert_close(critic.logits(images), logits)
    score, alone = critic(images[:1])
    assert torch.isfinite(score).all() and torch.isfinite(alone).all()
    assert not torch.allclose(alone, logits[:1], atol=1e-4)


def test_without_a_spread_the_score_of_an_image_is_its_own():
    critic, images = _critic(8, spread="none"), torch.rand(4, 1, 8, 8) * 2 - 1
    critic.set_level(8)
    torch.testing.assert_close(torch.cat([critic(image[None])[0] for image in images]), critic(images)[0])


def test_heads_that_are_not_there_or_not_asked_for():
    images = torch.zeros(2, 1, 4, 4)
    assert _critic(8, classes=0)(images)[1] is None
    assert _critic(8, classes=0).logits(images) is None
    assert _critic(8)(images, classify=False)[1] is None
    assert _critic(8, classes=5, channels=3)(torch.zeros(2, 3, 4, 4))[1].shape == (2, 5)


def test_a_copy_on_another_device_and_a_saved_one_know_their_level():
    generator, loaded = _generator(), _generator()
    average = deepcopy(generator)
    generator.set_level(16, 0.25)
    loaded.load_state_dict(generator.state_dict())
    update_average(average, generator, decay=0.5)
    for copy in (loaded, average, deepcopy(generator)):
        assert copy.present() == (2, 0.25)
    moved = deepcopy(generator).to("meta")
    assert moved.start.weight.is_meta and not moved.level.is_meta
    assert moved.present() == (2, 0.25)
    with torch.device("meta"):
        built = _generator()
    assert built.start.weight.is_meta and built.present() == (0, 1.0)


def test_missing_labels_and_models_without_a_condition():
    images = _generator()(torch.randn(2, 6), torch.tensor([-1, -4]))
    assert images.shape == (2, 1, 4, 4) and torch.isfinite(images).all()
    plain = _generator(classes=0, channels=3, first_layer="plain")
    assert plain(torch.randn(2, 6), torch.tensor([-1, -1])).shape == (2, 3, 4, 4)


def test_the_convolution_and_the_rectifier_have_the_derivatives_of_torch():
    images = torch.randn(2, 3, 5, 5, dtype=torch.double, requires_grad=True)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.double, requires_grad=True)
    bias = torch.randn(4, dtype=torch.double, requires_grad=True)

    def slope(convolution, rectifier) -> list[torch.Tensor]:
        found = rectifier(convolution(images, weight, bias, padding=1))
        (first,) = torch.autograd.grad(found.square().sum(), images, create_graph=True)
        return [first, *torch.autograd.grad(first.pow(3).sum(), (weight, images, bias))]

    def plain(features):
        return functional.leaky_relu(features, 0.2)

    for ours, theirs in zip(slope(convolve, leak), slope(functional.conv2d, plain), strict=True):
        torch.testing.assert_close(ours, theirs)
    for ours, theirs in zip(
        torch.autograd.grad(leak(convolve(images, weight, bias, padding=0)).sum(), (images, weight, bias)),
        torch.autograd.grad(plain(functional.conv2d(images, weight, bias)).sum(), (images, weight, bias)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("spread", ["whole", "groups", "none"])
def test_the_penalty_has_the_gradients_of_torchs_own_layers(spread):
    critic, mix = _critic(16, spread=spread).double(), torch.tensor([0.1, 0.5, 0.7, 0.9])
    critic.set_level(16, 0.6)
    real, fake = torch.rand(2, 4, 1, 16, 16, dtype=torch.double)
    found = []
    for for_slope in (True, False):

        def scores(images, *, for_slope=for_slope):
            return critic(images.double(), classify=False, for_slope=for_slope)[0]

        slope_one_penalty(scores, real, fake, mix=mix).backward()
        found.append({name: weight.grad for name, weight in critic.named_parameters() if weight.grad is not None})
        critic.zero_grad(set_to_none=True)
    assert sum(gradient.abs().sum() for gradient in found[0].values()) > 0
    for name, gradient in found[1].items():  # gradients that are 0 may be missing in ours
        torch.testing.assert_close(found[0].get(name, torch.zeros_like(gradient)), gradient, rtol=1e-4, atol=1e-6)
