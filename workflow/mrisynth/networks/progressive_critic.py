"""The critic of progressive models: scores images of the present level, and may name their class.

The mirror of the generator, as PACGAN and StyleGAN have it (Karras et al. 2018, arXiv:1710.10196, table 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.batch_spread import batch_spread
from mrisynth.networks.blocks import LEAK
from mrisynth.networks.levels import SMALLEST, Levelled, level_widths
from mrisynth.networks.twice_derived import leak
from mrisynth.networks.weight_scaled import ScaledConvolution

CLASS_HEADS = ("own", "shared")


class ProgressiveCritic(Levelled):
    """Scores images [batch, channels, level, level] in [-1, 1].

    A level's images become features by a 1 x 1 convolution; two 3 x 3 convolutions and an average pool lead to the
    level below, down to 4 x 4. While a level is faded in, its features are mixed with those that the level below makes
    of the same images at half their size. At 4 x 4 one channel tells how much the batch differs.

    Args:
        size: edge of the largest images.
        width: channels at 4 x 4.
        factors: channels of each level from 4 on, in units of the width.
        channels: of the images.
        classes: number of condition classes; 0 builds no class head.
        class_head: ``own``: a 4 x 4 convolution of the features before the channel of the spread is there, one
            rectifier and a linear layer, so that the class of an image does not depend on its batch. ``shared``: two
            linear layers on what the score is made of, the spread of the batch included (PACGAN).
        class_width: numbers between the two layers of the class head.
        spread: ``whole``, ``groups`` or ``none``; see :func:`mrisynth.networks.batch_spread.batch_spread`.
        first: level to begin with.
    """

    def __init__(
        self,
        size: int,
        *,
        width: int,
        factors: Sequence[float],
        channels: int = 1,
        classes: int = 0,
        class_head: str = "own",
        class_width: int = 150,
        spread: str = "groups",
        first: int = SMALLEST,
    ) -> None:
        super().__init__(size, first=first)
        widths = level_widths(size, width=width, factors=factors)
        self.spread, self.class_head = spread, class_head
        self.from_image = nn.ModuleList(ScaledConvolution(channels, outputs, 1) for outputs in widths)
        self.blocks = nn.ModuleList(_Block(inputs, outputs) for outputs, inputs in pairwise(widths))
        told = 0 if spread == "none" else 1
        self.last = nn.ModuleList(
            [ScaledConvolution(widths[0] + told, widths[0], 3, padding=1), ScaledConvolution(widths[0], widths[0], 4)]
        )
        self.score = ScaledConvolution(widths[0], 1, 1)
        self.label = _class_head(class_head, widths[0], class_width, classes) if classes else None

    def forward(
        self, images: Tensor, *, classify: bool = True, for_slope: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return scores [batch] and class logits [batch, classes], or None without a class head or if not asked.

        Args:
            images: of the present level.
            classify: whether the logits are wanted.
            for_slope: whether the slope of the scores by the images will be derived again, as a penalty of slopes does;
                see :mod:`mrisynth.networks.twice_derived`.
        """
        features = self.features(images, for_slope=for_slope)
        last = self._last(features, for_slope=for_slope)
        logits = None
        if classify and self.label is not None:
            logits = self.label(features if self.class_head == "own" else last)
        return self.score(last, for_slope=for_slope).flatten(), logits

    def logits(self, images: Tensor) -> Tensor | None:
        """Return the class logits [batch, classes] alone."""
        if self.label is None:
            return None
        features = self.features(images)
        return self.label(features if self.class_head == "own" else self._last(features, for_slope=False))

    def features(self, images: Tensor, *, for_slope: bool = False) -> Tensor:
        """Return features [batch, width, 4, 4]; those of an image do not depend on the others."""
        number, alpha = self.present()
        features = _step(self.from_image[number], images, for_slope=for_slope)
        if number:
            features = self.blocks[number - 1](features, for_slope=for_slope)
            if alpha < 1:
                halved = functional.avg_pool2d(images, 2)
                below = _step(self.from_image[number - 1], halved, for_slope=for_slope)
                features = torch.lerp(below, features, alpha)
        for block in reversed(self.blocks[: max(0, number - 1)]):
            features = block(features, for_slope=for_slope)
        return features

    def _last(self, features: Tensor, *, for_slope: bool) -> Tensor:
        if self.spread != "none":
            features = torch.cat([features, batch_spread(features, kind=self.spread)], dim=1)
        for layer in self.last:
            features = _step(layer, features, for_slope=for_slope)
        return features


class _Block(nn.Module):
    """Two convolutions, then area averages of 2 x 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = ScaledConvolution(inputs, outputs, 3, padding=1)
        self.second = ScaledConvolution(outputs, outputs, 3, padding=1)

    def forward(self, features: Tensor, *, for_slope: bool) -> Tensor:
        for layer in (self.first, self.second):
            features = _step(layer, features, for_slope=for_slope)
        return functional.avg_pool2d(features, 2)


def _step(layer: ScaledConvolution, features: Tensor, *, for_slope: bool) -> Tensor:
    """Return a convolution and a leaky rectifier."""
    features = layer(features, for_slope=for_slope)
    return leak(features) if for_slope else functional.leaky_relu(features, LEAK)


def _class_head(kind: str, width: int, between: int, classes: int) -> nn.Sequential:
    last = ScaledConvolution(between, classes, 1, gain=1.0)
    if kind == "own":
        return nn.Sequential(ScaledConvolution(width, between, 4), nn.LeakyReLU(LEAK), last, nn.Flatten())
    return nn.Sequential(ScaledConvolution(width, between, 1), last, nn.Flatten())
