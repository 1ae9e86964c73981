"""A seeded random convolutional network: features without training, for tests and the demo."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.errors import ConfigError
from mrisynth.seeds import derive_seed

LEVELS = 4
SMALLEST_EDGE = 16
FEATURES_PER_CHANNEL = 2 * LEVELS + 8


class RandomNetwork(nn.Module):
    """Four levels of random 3x3x3 filters, each halving the grid; features are means and spreads of the channels.

    Takes float32 [n, 1, s, s, s] in [0, 1] with s >= 16, returns [n, width] in hundredths: per level the means of
    the ``width / 16`` channels and their standard deviations over space, at the end the means in the eight octants
    of the last level, which see where something is. Filters are drawn once from ``seed`` (variance 2 / fan-in); half
    of those of the first level have a zero sum, so that they see edges and not brightness. Nothing was ever trained:
    scores in this space tell gross differences apart and compare with no published value.
    """

    def __init__(self, *, width: int, seed: int) -> None:
        super().__init__()
        if width < FEATURES_PER_CHANNEL or width % FEATURES_PER_CHANNEL:
            raise ConfigError(
                f"The width of the random features is {width}, expected a multiple of {FEATURES_PER_CHANNEL}."
            )
        generator = torch.Generator().manual_seed(derive_seed(seed, "random features", width))
        channels = width // FEATURES_PER_CHANNEL
        for level in range(LEVELS):
            self.register_buffer(f"filters{level}", _filters(level, channels, generator))
            self.register_buffer(f"offsets{level}", 0.5 * torch.rand(channels, generator=generator) - 0.25)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, [n, width]."""
        if min(images.shape[2:]) < SMALLEST_EDGE:
            raise ConfigError(
                f"Volumes of {tuple(images.shape[2:])} voxels are too small for the random features: "
                f"expected {SMALLEST_EDGE} or more along each axis."
            )
        maps, features = images, []
        for level in range(LEVELS):
            filters, offsets = self.get_buffer(f"filters{level}"), self.get_buffer(f"offsets{level}")
            maps = functional.leaky_relu(functional.conv3d(maps, filters, offsets, padding=1), 0.2)
            features += [maps.mean(dim=(2, 3, 4)), maps.std(dim=(2, 3, 4), correction=0)]
            octants = functional.adaptive_avg_pool3d(maps, 2).flatten(1)
            maps = functional.avg_pool3d(maps, 2)
        return 100.0 * torch.cat([*features, octants], dim=1)


def _filters(level: int, channels: int, generator: torch.Generator) -> Tensor:
    inputs = 1 if level == 0 else channels
    filters = torch.randn(channels, inputs, 3, 3, 3, generator=generator) * math.sqrt(2 / (inputs * 27))
    if level == 0:
        filters[channels // 2 :] -= filters[channels // 2 :].mean(dim=(2, 3, 4), keepdim=True)
    return filters
