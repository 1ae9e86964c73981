"""A residual critic with heads for what is told of an image: its source and its covariates, or its class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.batch_spread import batch_spread
from mrisynth.networks.blocks import LEAK
from mrisynth.networks.covariate_vector import CovariateVector
from mrisynth.networks.mssg_generator import SMALLEST, level_widths
from mrisynth.networks.r3gan_blocks import halved
from mrisynth.networks.weight_scaled import ScaledConvolution, ScaledLinear

_HALF = sqrt(0.5)


class _Block(nn.Module):
    """Two convolutions beside a linear shortcut, to half the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = ScaledConvolution(inputs, inputs, 3, padding=1)
        self.second = ScaledConvolution(inputs, outputs, 3, padding=1)
        self.short = ScaledConvolution(inputs, outputs, 1, gain=1.0)

    def forward(self, features: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.first(features), LEAK)
        inner = functional.leaky_relu(self.second(halved(inner)), LEAK)
        return (inner + self.short(halved(features))) * _HALF


class MssgCritic(nn.Module):
    """Scores images [batch, channels, size, size] in [-1, 1], and says what it sees of what they were told.

    The residual critic of Karras et al. 2020 (arXiv:1912.04958). What is told is not among its inputs; its heads say
    it: of every source, covariate or class, from features that do not depend on the rest of the batch.

    Args:
        size: edge of the images, a power of 2.
        columns: what is told; see :class:`mrisynth.networks.covariate_vector.CovariateVector`.
        width: channels up to ``full_to`` pixels; above it they halve as the edge doubles.
        full_to: see ``width``.
        channels: of the images.
        spread: how the score is told how much a batch differs; see :mod:`mrisynth.networks.batch_spread`.
        head_width: numbers between the two layers of the heads.
    """

    def __init__(
        self,
        size: int,
        *,
        columns: Sequence[int] = (),
        width: int = 512,
        full_to: int = 32,
        channels: int = 1,
        spread: str = "groups",
        head_width: int = 128,
    ) -> None:
        super().__init__()
        self.spread = spread
        widths = level_widths(size, width=width, full_to=full_to)
        self.image = ScaledConvolution(channels, widths[-1], 1)
        self.blocks = nn.ModuleList(_Block(inputs, outputs) for outputs, inputs in pairwise(widths))
        told = 0 if spread == "none" else 1
        self.last = ScaledConvolution(widths[0] + told, widths[0], 3, padding=1)
        self.hidden = ScaledLinear(widths[0] * SMALLEST**2, widths[0])
        self.score = ScaledLinear(widths[0], 1, gain=1.0)
        heads = CovariateVector(columns).vector
        self.heads = _heads(widths[0], head_width, heads) if heads else None

    def forward(self, images: Tensor, *, tell: bool = True) -> tuple[Tensor, Tensor | None]:
        """Return scores [batch] and, if asked, what the heads say [batch, outputs], or None without heads.

        The outputs stand in the order of :func:`mrisynth.networks.covariate_columns.places`; of a class they are its
        logits.
        """
        features = functional.leaky_relu(self.image(images), LEAK)
        for block in reversed(self.blocks):
            features = block(features)
        said = self.heads(features) if tell and self.heads is not None else None
        if self.spread != "none":
            features = torch.cat([features, batch_spread(features, kind=self.spread)], dim=1)
        last = functional.leaky_relu(self.last(features), LEAK)
        hidden = functional.leaky_relu(self.hidden(last.flatten(1)), LEAK)
        return self.score(hidden)[:, 0], said


def _heads(width: int, between: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        ScaledLinear(width * SMALLEST**2, between),
        nn.LeakyReLU(LEAK),
        ScaledLinear(between, outputs, gain=1.0),
    )
