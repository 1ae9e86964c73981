"""R3GAN's generator and critic (Huang et al. 2024, arXiv:2501.05441) for square images of 8 to 256 pixels."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn

from mrisynth.networks.batch_spread import batch_spread
from mrisynth.networks.class_embedding import ClassEmbedding
from mrisynth.networks.conditioning import EMBEDDED
from mrisynth.networks.r3gan_blocks import ResidualBlock, doubled, draw_weights, halved

FIRST = 4
SMALLEST, LARGEST = 8, 256
_FULL_WIDTH_TO = 32  # from there on every doubling halves the channels, as published for 256


def widths(size: int, *, width: int) -> list[int]:
    """Return the channels at 4, 8, ... ``size`` pixels; at 256 with a width of 768 those published.

    Args:
        size: a power of 2, from 8 to 256.
        width: channels up to 32 pixels, a multiple of 8.
    """
    edges = [FIRST << level for level in range((size // FIRST).bit_length())]
    return [width if edge <= _FULL_WIDTH_TO else width * _FULL_WIDTH_TO // edge for edge in edges]


class R3ganGenerator(nn.Module):
    """Turns latents into images [batch, channels, size, size], not held to [-1, 1].

    A learned 4 x 4 image a channel is scaled by a linear function of the latent and the class's vector; residual blocks
    and doublings follow.

    Args:
        size: of an image, a power of 2 from 8 to 256.
        channels: of an image.
        width: channels of the features up to 32 pixels, a multiple of 8.
        latent: length of a latent.
        classes: number of classes; 0 takes no labels into account.
        blocks_per_level: residual blocks at every resolution.
        group_channels: channels of a group of the 3 x 3 convolutions.
    """

    def __init__(
        self, size: int, *, channels: int, width: int, latent: int, classes: int, blocks_per_level: int,
        group_channels: int,
    ) -> None:  # fmt: skip
        super().__init__()
        ladder = widths(size, width=width)
        self.label = ClassEmbedding(classes, length=EMBEDDED)
        self.start = nn.Linear(latent + self.label.length, ladder[0], bias=False)
        self.pattern = nn.Parameter(torch.randn(ladder[0], FIRST, FIRST))
        draw_weights(self.start, gain=1.0)
        self.turns = nn.ModuleList(_turn(*pair) for pair in pairwise(ladder))
        self.levels = _levels(ladder, blocks_per_level=blocks_per_level, group_channels=group_channels)
        self.image = _linear_convolution(ladder[-1], channels)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images of latents [batch, latent] and labels int64 [batch], below 0 missing."""
        told = self.start(torch.cat([latents, self.label(labels)], dim=1))
        features = self.levels[0](told[:, :, None, None] * self.pattern)
        for turn, level in zip(self.turns, self.levels[1:], strict=True):
            features = level(doubled(turn(features)))
        return self.image(features)


class R3ganCritic(nn.Module):
    """Scores images [batch, channels, size, size]: how real they are, and how real as one of their class.

    The features of the generator's widths in reverse, down to one number a channel by a learned 4 x 4 image. Of these a
    score is a linear function, plus the product with the class's vector where the label is known (projection; Miyato
    and Koyama 2018). Arguments as :class:`R3ganGenerator`, and

    Args:
        spread: ``none``, or how the score is told how much the images of a batch differ in their last features; see
            :func:`mrisynth.networks.batch_spread.batch_spread`.
    """

    def __init__(
        self, size: int, *, channels: int, width: int, classes: int, blocks_per_level: int, group_channels: int,
        spread: str = "none",
    ) -> None:  # fmt: skip
        super().__init__()
        ladder = widths(size, width=width)[::-1]
        self.image = _linear_convolution(channels, ladder[0])
        self.levels = _levels(ladder, blocks_per_level=blocks_per_level, group_channels=group_channels)
        self.turns = nn.ModuleList(_turn(*pair) for pair in pairwise(ladder))
        self.end = nn.Conv2d(ladder[-1], ladder[-1], FIRST, groups=ladder[-1], bias=False)
        self.spread = spread
        self.score = nn.Linear(ladder[-1] + (spread != "none"), 1, bias=False)
        self.seen = nn.Linear(ladder[-1], EMBEDDED, bias=False) if classes else None
        self.label = ClassEmbedding(classes, length=EMBEDDED)
        for layer in filter(None, (self.end, self.score, self.seen)):
            draw_weights(layer, gain=1.0)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return scores [batch] of images and labels int64 [batch], below 0 missing."""
        features = self.levels[0](self.image(images))
        for turn, level in zip(self.turns, self.levels[1:], strict=True):
            features = level(turn(halved(features)))
        vector = self.end(features).flatten(1)
        told = [] if self.spread == "none" else [batch_spread(features, kind=self.spread)[:, :, 0, 0]]
        scores = self.score(torch.cat([vector, *told], dim=1))[:, 0]
        if self.seen is None:
            return scores
        return scores + (self.seen(vector) * self.label(labels)).sum(dim=1) / sqrt(EMBEDDED)


def _levels(ladder: list[int], *, blocks_per_level: int, group_channels: int) -> nn.ModuleList:
    blocks = blocks_per_level * len(ladder)
    return nn.ModuleList(
        nn.Sequential(
            *(ResidualBlock(width, group_channels=group_channels, blocks=blocks) for _ in range(blocks_per_level))
        )
        for width in ladder
    )


def _turn(inputs: int, outputs: int) -> nn.Module:
    """Return a linear change of the number of channels between two resolutions, or nothing."""
    return nn.Identity() if inputs == outputs else _linear_convolution(inputs, outputs)


def _linear_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 1, bias=False)
    draw_weights(layer, gain=1.0)
    return layer
