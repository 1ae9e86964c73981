"""A small encoder of volumes in three dimensions, to be trained on a cohort."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.errors import ConfigError

SMALLEST_EDGE = 8
_LAST_EDGE = 4  # of the last feature maps
_NARROWEST = 8


class CohortEncoder(nn.Module):
    """Levels that each halve the grid until it is about 4 cubed, and a layer that sees all of the last one.

    Takes float32 [n, 1, s, s, s] in [0, 1], returns float32 [n, :attr:`features`]: the means over space of every level,
    which keep texture that no target asks for, then ``width`` numbers of the last layer. Each has mean 0 and deviation
    1 over the images trained on. Volumes larger than ``edge`` are averaged down to it first. All norms are fixed once
    trained, so the features of a volume do not depend on others.

    Args:
        size: edge of the volumes, 8 or more.
        edge: edge of the largest grid that is looked at, 8 or more.
        width: channels of the last level, a multiple of 16; every level above has half of those below, at least 8.
    """

    def __init__(self, size: int, *, edge: int, width: int) -> None:
        super().__init__()
        if min(size, edge) < SMALLEST_EDGE or width < 16 or width % 16:
            raise ConfigError(
                f"A cohort encoder of {width} channels for volumes of {size} voxels a side looked at on {edge}: "
                f"expected {SMALLEST_EDGE} voxels or more and a multiple of 16 channels."
            )
        self.size, self.edge, self.width = size, min(size, edge), width
        levels = 0
        while self.edge / 2 ** (levels + 1) >= _LAST_EDGE:
            levels += 1
        outputs = [max(_NARROWEST, width >> (levels - 1 - level)) for level in range(levels)]
        inputs = [1, *outputs[:-1]]
        self.levels = nn.ModuleList(_Level(a, b) for a, b in zip(inputs, outputs, strict=True))
        last_edge = self.edge
        for _ in range(levels):
            last_edge = (last_edge + 1) // 2
        self.whole = nn.Conv3d(width, width, last_edge)
        self.features = sum(outputs) + width
        self.standard = nn.BatchNorm1d(self.features, affine=False)

    def shrunk(self, images: Tensor) -> Tensor:
        """Return volumes on the grid that is looked at."""
        return images if images.shape[-1] == self.edge else functional.adaptive_avg_pool3d(images, self.edge)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, [n, features], the last layer last."""
        if images.shape[-1] not in (self.size, self.edge):
            raise ConfigError(
                f"Volumes of {tuple(images.shape[2:])} voxels for an encoder that was made for {self.size} a side."
            )
        maps, means = self.shrunk(images), []
        for level in self.levels:
            maps = level(maps)
            means.append(maps.mean(dim=(2, 3, 4)))
        return self.standard(torch.cat([*means, self.whole(maps).flatten(1)], dim=1))


class _Level(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = nn.Conv3d(inputs, outputs, 3, stride=2, padding=1)
        self.norm1 = nn.BatchNorm3d(outputs)
        self.conv = nn.Conv3d(outputs, outputs, 3, padding=1)
        self.norm2 = nn.BatchNorm3d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        maps = functional.silu(self.norm1(self.down(maps)))
        return maps + functional.silu(self.norm2(self.conv(maps)))
