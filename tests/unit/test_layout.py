"""The geometry of HA-GAN's networks at every size, and the published parameter counts."""

from __future__ import annotations

import pytest
import torch

from mrisynth.errors import ConfigError
from mrisynth.networks.hagan_critics import LowCritic, SlabCritic
from mrisynth.networks.hagan_generator import HaganGenerator
from mrisynth.networks.layout import layout


@pytest.mark.parametrize(
    ("size", "low", "start", "slab", "positions"),
    [
        (32, 8, 4, 8, 7),
        (64, 16, 4, 8, 15),
        (96, 24, 3, 12, 22),
        (128, 32, 4, 16, 29),
        (160, 40, 5, 20, 36),
        (192, 48, 3, 24, 43),
        (224, 56, 7, 28, 50),
        (256, 64, 4, 32, 57),
    ],
)
def test_geometry(size, low, start, slab, positions):
    found = layout(size)
    assert (found.low, found.start, found.slab, found.positions) == (low, start, slab, positions)
    assert found.start * 2**found.doublings == found.low


@pytest.mark.parametrize("size", [0, -32, 16, 100, 250])
def test_a_size_that_is_no_multiple_of_32_is_refused_with_the_nearest(size):
    with pytest.raises(ConfigError, match=f"size: {size} is not a multiple of 32"):
        layout(size)


def test_channels_of_the_published_ladders():
    assert layout(256).feature_channels(64) == [512, 512, 256, 128, 64]
    assert layout(128).feature_channels(64) == [512, 512, 256, 128, 64]
    assert layout(64).feature_channels(16) == [128, 64, 32, 16]
    assert layout(32).feature_channels(16) == [64, 32, 16]
    assert [channels for channels, *_ in layout(256).slab_ladder(64)] == [16, 32, 64, 128, 256, 512]
    assert layout(256).low_ladder(64) == [32, 64, 128, 256]
    assert layout(128).low_ladder(64) == [64, 128, 256]


def _count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_parameter_counts_at_256_are_the_published_ones():
    with torch.device("meta"):
        generator = HaganGenerator(256, width=64, latent=1024)
        slab, low = (critic(256, width=64, spectral_norm="none") for critic in (SlabCritic, LowCritic))
    high = _count(generator.high)
    assert round(_count(generator) / 1e6, 2) == 52.52
    assert round(high / 1e6, 3) == 0.056
    assert round(_count(generator.low) / 1e6, 3) == 0.070
    assert _count(slab) == 4_630_833
    assert _count(low) == 2_771_425


@pytest.mark.parametrize("size", [128, 160, 192, 224, 256])
def test_large_networks_fit_together(size):
    geometry = layout(size)
    with torch.device("meta"):
        generator = HaganGenerator(size, width=64, latent=1024, columns=[2, 3])
        options = {"width": 64, "classes": 6, "spectral_norm": "none"}
        slab_critic, low_critic = SlabCritic(size, **options), LowCritic(size, **options)
        latents, labels = torch.empty(2, 1024), torch.zeros(2, dtype=torch.int64)
    features = generator.shared_features(latents, labels)
    assert features.shape == (2, 64, *[size // 4] * 3)
    slabs = torch.empty(2, 1, geometry.slab, size, size, device="meta")
    scores, logits = slab_critic(slabs, slab_starts=[0, geometry.positions - 1])
    assert scores.shape == (2,)
    assert logits.shape == (2, 6)
    scores, logits = low_critic(generator.low(features))
    assert scores.shape == (2,)
    assert logits.shape == (2, 6)
