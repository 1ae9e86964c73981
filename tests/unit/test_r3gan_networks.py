"""R3GAN's networks: blocks that begin as nothing, a frame like the middle, classes known and missing."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import nn
from torch.nn import functional

from mrisynth.networks.r3gan_blocks import ResidualBlock, doubled, halved
from mrisynth.networks.r3gan_networks import R3ganCritic, R3ganGenerator, widths

SMALL = {"channels": 1, "width": 16, "blocks_per_level": 2, "group_channels": 16}


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _generator(size: int = 16, **changes) -> R3ganGenerator:
    torch.manual_seed(1)
    return R3ganGenerator(size, **(SMALL | {"latent": 8, "classes": 0} | changes))


def _critic(size: int = 16, **changes) -> R3ganCritic:
    torch.manual_seed(2)
    return R3ganCritic(size, **(SMALL | {"classes": 0} | changes))


def _awake(network: nn.Module) -> nn.Module:
    """Give the layers that begin with zeros weights, as a training does."""
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            nn.init.normal_(module.narrow.weight, std=0.3)
            nn.init.normal_(module.widen.bias)
            nn.init.normal_(module.mix.bias)
    return network


def _labels(*values: int) -> torch.Tensor:
    return torch.tensor(values)


def test_an_untrained_block_changes_nothing():
    features = _random(2, 24, 7, 5)
    block = ResidualBlock(24, group_channels=16, blocks=4)
    assert torch.equal(block(features), features)
    assert not torch.allclose(_awake(block)(features), features, atol=0.1)


@pytest.mark.parametrize("blocks", [1, 16])
def test_the_first_weights_shrink_with_the_number_of_blocks(blocks):
    torch.manual_seed(0)
    block = ResidualBlock(128, group_channels=16, blocks=blocks)
    gain = sqrt(2 / 1.04) / blocks**0.25
    assert float(block.widen.weight.detach().std()) == pytest.approx(gain / sqrt(128), rel=0.03)
    assert float(block.mix.weight.detach().std()) == pytest.approx(gain / sqrt(16 * 9), rel=0.03)
    assert not block.widen.bias.any()
    assert not block.mix.bias.any()


@pytest.mark.parametrize(("channels", "group_channels", "groups"), [(96, 16, 12), (12, 16, 3), (8, 5, 16), (8, 1, 16)])
def test_groups_have_the_channels_asked_for_or_as_many_as_divide(channels, group_channels, groups):
    block = ResidualBlock(channels, group_channels=group_channels, blocks=1)
    assert block.mix.groups == groups
    assert block.mix.weight.shape[1] * groups == 2 * channels


@pytest.mark.parametrize("size", [4, 6, 32])
def test_resampling_keeps_a_constant_up_to_its_frame(size):
    constant = torch.tensor([1.0, -3.0, 0.3]).view(1, 3, 1, 1).expand(2, 3, size, size)
    for change, factor in ((doubled, 2), (halved, 0.5)):
        edge = int(size * factor)
        expected = constant[:, :, :1, :1].expand(2, 3, edge, edge)
        torch.testing.assert_close(change(constant), expected, atol=1e-6, rtol=0)


def test_resampling_smooths_by_1_2_1():
    features = _random(2, 3, 8, 6)
    taps = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = (taps[:, None] * taps).expand(3, 1, 3, 3)

    def smoothed(values: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(functional.pad(values, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)

    twice = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(doubled(features), smoothed(twice), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(halved(features), functional.avg_pool2d(smoothed(features), 2), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("change", [doubled, halved])
def test_resampling_moves_nothing_aside(change):
    features = _random(1, 2, 8, 8)
    for axis in (2, 3):
        torch.testing.assert_close(change(features.flip(axis)), change(features).flip(axis), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("change", [doubled, halved])
def test_resampling_can_be_derived_twice(change):
    features = _random(1, 2, 4, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(change, (features,))
    assert torch.autograd.gradgradcheck(change, (features,))


def test_no_layer_tells_the_frame_from_the_middle():
    """With one value a channel in the 4 x 4 start, a generator of any weights makes images of one value."""
    generator = _awake(_generator(32))
    with torch.no_grad():
        generator.pattern.copy_(_random(16, 1, 1).expand(16, 4, 4))
        images = generator(_random(3, 8), _labels(-1, -1, -1))
    assert float(images.flatten(1).std(dim=1).max()) < 1e-5 * float(images.abs().max())
    assert float(images.std(dim=0).min()) > 0.1


def test_the_critic_weighs_the_frame_like_the_middle_before_its_last_layer():
    critic = _awake(_critic(16))
    seen = []
    critic.end.register_forward_pre_hook(lambda _, features: seen.append(features[0]))
    critic(torch.full((1, 1, 16, 16), 0.7), _labels(-1))
    (features,) = seen
    assert features.shape == (1, 16, 4, 4)
    torch.testing.assert_close(features, features[:, :, :1, :1].expand_as(features), atol=1e-5, rtol=1e-5)


def test_the_ladder_of_widths():
    assert widths(256, width=768) == [768, 768, 768, 768, 384, 192, 96]
    assert widths(8, width=96) == [96, 96]
    assert widths(128, width=96) == [96, 96, 96, 96, 48, 24]


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128, 256])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_at_every_size(size, channels):
    small = {"width": 8, "blocks_per_level": 1, "channels": channels}
    images = _generator(size, **small)(_random(2, 8), _labels(-1, -1))
    assert images.shape == (2, channels, size, size)
    assert 0 < float(images.detach().std()) < 5
    assert _critic(size, **small)(images, _labels(-1, -1)).shape == (2,)


def test_parameters_are_those_of_the_layers_described():
    def block(width: int) -> int:
        inside = 2 * width
        return (width * inside + inside) + (16 * 9 * inside + inside) + inside * width

    def count(network: nn.Module) -> int:
        return sum(weight.numel() for weight in network.parameters())

    blocks = 2 * (4 * block(32) + block(16))  # 4, 8, 16 and 32 pixels, and 64
    turn, image = 32 * 16, 16
    generator = _generator(64, width=32, latent=64, classes=3)
    assert count(generator) == blocks + turn + image + (64 + 32) * 32 + 32 * 16 + 3 * 32
    critic = _critic(64, width=32, classes=3)
    assert count(critic) == blocks + turn + image + 32 * 16 + 32 + 32 * 32 + 3 * 32


def test_a_missing_label_is_a_vector_of_zeros_in_the_generator():
    generator, latents = _generator(classes=2), _random(4, 8)
    images = generator(latents, _labels(0, 1, -1, -3))
    plain = generator.start(torch.cat([latents, torch.zeros(4, 32)], dim=1))
    features = generator.levels[0](plain[:, :, None, None] * generator.pattern)
    for turn, level in zip(generator.turns, generator.levels[1:], strict=True):
        features = level(doubled(turn(features)))
    expected = generator.image(features)
    torch.testing.assert_close(images[2:], expected[2:], atol=1e-5, rtol=1e-5)
    assert (images[:2] - expected[:2]).abs().flatten(1).max(dim=1).values.min() > 0.05


def test_the_critic_projects_on_the_vector_of_the_class():
    critic, images = _critic(classes=3), _random(4, 1, 16, 16)
    seen = []
    critic.score.register_forward_pre_hook(lambda _, vectors: seen.append(vectors[0]))
    unknown = critic(images, _labels(-1, -1, -2, -1))
    torch.testing.assert_close(unknown, (seen[0] * critic.score.weight).sum(dim=1), atol=1e-6, rtol=1e-5)
    told = critic(images, _labels(0, 2, 1, -1))
    table, vectors = critic.label.table.weight.detach(), (seen[0] @ critic.seen.weight.T).detach()
    products = [float(vectors[row] @ table[label]) / sqrt(32) for row, label in enumerate((0, 2, 1))]
    torch.testing.assert_close(told - unknown, torch.tensor([*products, 0.0]), atol=1e-5, rtol=1e-4)
    assert min(abs(product) for product in products) > 1e-3


def test_missing_labels_teach_no_class():
    for network, given in ((_generator(classes=2), _random(2, 8)), (_critic(classes=2), _random(2, 1, 16, 16))):
        network(given, _labels(-1, 1)).sum().backward()
        slopes = network.label.table.weight.grad
        assert not slopes[0].any()
        assert slopes[1].any()


def test_without_classes_labels_do_not_matter():
    generator, critic = _generator(), _critic()
    images = generator(_random(2, 8), _labels(0, 5))
    assert torch.equal(images, generator(_random(2, 8), _labels(-1, 1)))
    assert torch.equal(critic(images, _labels(0, 5)), critic(images, _labels(-1, 1)))


def test_the_score_of_an_image_depends_on_no_other():
    critic, images, labels = _awake(_critic(classes=2)), _random(5, 1, 16, 16), _labels(0, 1, -1, 1, 0)
    alone = torch.cat([critic(images[row : row + 1], labels[row : row + 1]) for row in range(5)])
    torch.testing.assert_close(critic(images, labels), alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("network", ["generator", "critic"])
def test_they_run_in_bf16_and_without_data(network):
    built = _generator(classes=2) if network == "generator" else _critic(classes=2)
    given = _random(2, 8) if network == "generator" else _random(2, 1, 16, 16)
    exact = built(given, _labels(0, -1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = built(given, _labels(0, -1)).float()
    assert not torch.equal(rounded, exact)
    assert (rounded - exact).norm() < 0.05 * exact.norm()
    assert built.to("meta")(given.to("meta"), _labels(0, -1).to("meta")).shape == exact.shape


@pytest.mark.parametrize("spread", ["groups", "whole"])
def test_a_critic_that_is_told_the_spread_finds_out_a_batch_of_one_image(spread):
    critic = _awake(_critic(spread=spread))
    images, labels = _random(4, 1, 16, 16, seed=3), _labels(-1, -1, -1, -1)
    with torch.no_grad():
        alone = torch.cat([critic(image.expand(4, -1, -1, -1), labels)[:1] for image in images])
        together = critic(images, labels)
        critic.score.weight[:, -1] = 0.0
        untold = critic(images, labels)
    apart = together - alone
    assert torch.allclose(apart, apart[:1].expand(4), atol=1e-5), "one number for the whole batch"
    assert apart[0].abs() > 1e-3
    assert torch.allclose(untold, alone, atol=1e-3)


def test_a_critic_that_is_not_told_the_spread_judges_each_image_by_itself():
    critic = _awake(_critic())
    images, labels = _random(4, 1, 16, 16, seed=3), _labels(-1, -1, -1, -1)
    alone = torch.cat([critic(image[None], labels[:1]) for image in images])
    assert torch.allclose(critic(images, labels), alone, atol=1e-5)
