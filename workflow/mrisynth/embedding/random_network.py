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
    of the last level, which see where something is. Of slices, [n, 1, s, s], it is the means in the four quadrants of
    the last level and the standard deviations in them. Filters are drawn once from ``seed`` (variance 2 / fan-in); half
    of those of the first level have a zero sum (in colour, [n, 3, s, s], of each channel), so that they see edges and
    not brightness. Nothing was ever trained:
    scores in this space tell gross differences apart and compare with no published value.
    """

    def __init__(self, *, width: int, seed: int, dimensions: int = 3, colours: int = 1) -> None:
        super().__init__()
        if width < FEATURES_PER_CHANNEL or width % FEATURES_PER_CHANNEL:
            raise ConfigError(
                f"The width of the random features is {width}, expected a multiple of {FEATURES_PER_CHANNEL}."
            )
        kind = ("random features", width) if dimensions == 3 else ("random features of slices", width)
        kind = kind if colours == 1 else ("random features of slices in colour", width)
        generator = torch.Generator().manual_seed(derive_seed(seed, *kind))
        self.dimensions = dimensions
        channels = width // FEATURES_PER_CHANNEL
        for level in range(LEVELS):
            inputs = colours if level == 0 else channels
            self.register_buffer(f"filters{level}", _filters(generator, channels, inputs, dimensions, first=level == 0))
            self.register_buffer(f"offsets{level}", 0.5 * torch.rand(channels, generator=generator) - 0.25)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, [n, width]."""
        if min(images.shape[2:]) < SMALLEST_EDGE:
            raise ConfigError(
                f"Images of {tuple(images.shape[2:])} voxels are too small for the random features: "
                f"expected {SMALLEST_EDGE} or more along each axis."
            )
        maps, features = images, []
        for level in range(LEVELS):
            filters, offsets = self.get_buffer(f"filters{level}"), self.get_buffer(f"offsets{level}")
            convolve = functional.conv3d if self.dimensions == 3 else functional.conv2d
            maps = functional.leaky_relu(convolve(maps, filters, offsets, padding=1), 0.2)
            space = tuple(range(2, maps.dim()))
            features += [maps.mean(dim=space), maps.std(dim=space, correction=0)]
            parts = _octants(maps) if self.dimensions == 3 else _quadrants(maps)
            maps = functional.avg_pool3d(maps, 2) if self.dimensions == 3 else functional.avg_pool2d(maps, 2)
        return 100.0 * torch.cat([*features, parts], dim=1)


def _octants(maps: Tensor) -> Tensor:
    return functional.adaptive_avg_pool3d(maps, 2).flatten(1)


def _quadrants(maps: Tensor) -> Tensor:
    means = functional.adaptive_avg_pool2d(maps, 2)
    squares = functional.adaptive_avg_pool2d(maps.square(), 2)
    return torch.cat([means, (squares - means.square()).clamp(min=0).sqrt()], dim=1).flatten(1)


def _filters(generator: torch.Generator, channels: int, inputs: int, dimensions: int, *, first: bool) -> Tensor:
    kernel = (3,) * dimensions
    filters = torch.randn(channels, inputs, *kernel, generator=generator) * math.sqrt(2 / (inputs * math.prod(kernel)))
    if first:
        space = tuple(range(2, 2 + dimensions))
        filters[channels // 2 :] -= filters[channels // 2 :].mean(dim=space, keepdim=True)
    return filters
