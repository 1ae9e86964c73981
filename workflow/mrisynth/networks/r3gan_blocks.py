"""Blocks of R3GAN's generator and critic (Huang et al. 2024, arXiv:2501.05441), for 2D features.

Every block treats the frame of an image like its middle: what lies outside repeats the outermost pixels. Zeros there
would darken the frame at every layer, which samples show.
"""

from __future__ import annotations

from math import gcd, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.blocks import LEAK

EXPANSION = 2
_TAPS = (1.0, 3.0, 3.0, 1.0)  # [1, 2, 1] after each pixel is shown twice, or before each two are averaged
_RECTIFIED_GAIN = sqrt(2 / (1 + LEAK**2))  # keeps the variance through a leaky rectifier (He et al. 2015)


class ResidualBlock(nn.Module):
    """Adds to its input what a 1 x 1, a grouped 3 x 3 and a 1 x 1 convolution make of it; no normalisation.

    The first convolution widens twofold, the last begins with zeros, so that an untrained block changes nothing. The
    other weights begin smaller by the fourth root of the number of blocks, as Fixup (Zhang et al. 2019) asks of three
    layers a block. Shapes: [batch, channels, row, column] in and out.

    Args:
        channels: of the features.
        group_channels: channels of each group of the 3 x 3 convolution, or fewer where they do not divide.
        blocks: residual blocks of the whole network.
    """

    def __init__(self, channels: int, *, group_channels: int, blocks: int) -> None:
        super().__init__()
        inside = EXPANSION * channels
        groups = inside // gcd(inside, group_channels)
        self.widen = nn.Conv2d(channels, inside, 1)
        self.mix = nn.Conv2d(inside, inside, 3, padding=1, padding_mode="replicate", groups=groups)
        self.narrow = nn.Conv2d(inside, channels, 1, bias=False)
        for layer in (self.widen, self.mix):
            draw_weights(layer, gain=_RECTIFIED_GAIN * blocks**-0.25)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Return the changed features."""
        inside = functional.leaky_relu(self.widen(features), LEAK)
        inside = functional.leaky_relu(self.mix(inside), LEAK)
        return features + self.narrow(inside)


def draw_weights(layer: nn.Conv2d | nn.Linear, *, gain: float) -> None:
    """Draw a layer's weights from a normal distribution with a deviation of gain / sqrt(inputs of an output)."""
    nn.init.normal_(layer.weight, std=gain / sqrt(layer.weight[0].numel()))


def doubled(features: Tensor) -> Tensor:
    """Return features of twice the size, each pixel shown twice and smoothed by [1, 2, 1] / 4 along both axes.

    Pixel centres stay where they are, so a mirrored image gives a mirrored result, and a constant stays constant.
    Shapes: [batch, channels, row, column] to [batch, channels, 2 row, 2 column].
    """
    kernel = _kernel(features) / 16
    around = functional.pad(features, (1, 1, 1, 1), mode="replicate")
    return functional.conv_transpose2d(around, kernel, stride=2, padding=3, groups=len(kernel))


def halved(features: Tensor) -> Tensor:
    """Return features of half the size, smoothed by [1, 2, 1] / 4 along both axes and averaged over 2 x 2 pixels.

    It moves nothing and keeps a constant, as :func:`doubled`. Shapes: [batch, channels, row, column] to
    [batch, channels, row / 2, column / 2].
    """
    kernel = _kernel(features) / 64
    around = functional.pad(features, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(around, kernel, stride=2, groups=len(kernel))


def _kernel(features: Tensor) -> Tensor:
    taps = torch.tensor(_TAPS, dtype=features.dtype, device=features.device)
    return (taps[:, None] * taps).expand(features.shape[1], 1, 4, 4)
