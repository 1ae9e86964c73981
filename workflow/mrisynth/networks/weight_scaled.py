"""Layers whose weights are scaled at run time, so that all of them learn equally fast (Karras et al. 2018).

Weights start as standard normal numbers and are multiplied by sqrt(gain / inputs of one output) in every forward pass
(arXiv:1710.10196, section 4.1). Adam moves all weights by about the learning rate, so a layer with many inputs would
otherwise change faster, relative to its weights, than one with few.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.twice_derived import convolve

GAIN = 2.0
_EPSILON = 1e-8


class ScaledConvolution(nn.Conv2d):
    """A convolution whose weights are scaled at run time; its bias starts at 0 and is not scaled.

    Shapes: [batch, inputs, row, column] in, [batch, outputs, row, column] out.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: edge of the kernel.
        padding: zeros around the images.
        gain: mean square of the outputs in units of that of the inputs.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, padding: int = 0, gain: float = GAIN) -> None:
        super().__init__(inputs, outputs, kernel, padding=padding)
        self.scale = sqrt(gain / (inputs * kernel**2))

    def reset_parameters(self) -> None:
        """Draw standard normal weights; set the bias to 0."""
        _reset(self.weight, self.bias)

    def forward(self, images: Tensor, *, for_slope: bool = False) -> Tensor:
        """Return the convolution; whichever is smaller of images and weights is scaled.

        Args:
            images: what is convolved.
            for_slope: whether the slope by the images will be derived again; see
                :mod:`mrisynth.networks.twice_derived`.
        """
        weight = self.weight
        if images.numel() < weight.numel():
            images = images * self.scale
        else:
            weight = weight * self.scale
        if for_slope:
            return convolve(images, weight, self.bias, padding=self.padding[0])
        return functional.conv2d(images, weight, self.bias, padding=self.padding)


class ScaledStart(nn.ConvTranspose2d):
    """Vectors to the first images: a transposed convolution of single pixels, its weights scaled at run time.

    Shapes: [batch, inputs, 1, 1] in, [batch, outputs, kernel, kernel] out. Each output sums ``inputs`` numbers.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, gain: float = GAIN) -> None:
        super().__init__(inputs, outputs, kernel)
        self.scale = sqrt(gain / inputs)

    def reset_parameters(self) -> None:
        """Draw standard normal weights; set the bias to 0."""
        _reset(self.weight, self.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the first images."""
        return functional.conv_transpose2d(vectors * self.scale, self.weight, self.bias)


class ScaledLinear(nn.Linear):
    """A linear layer whose weights are scaled at run time; its bias is not.

    Args:
        inputs: numbers.
        outputs: numbers.
        gain: mean square of the outputs in units of that of the inputs.
        bias_start: what the bias starts from.
    """

    def __init__(self, inputs: int, outputs: int, *, gain: float = GAIN, bias_start: float = 0.0) -> None:
        self._bias_start = bias_start
        super().__init__(inputs, outputs)
        self.scale = sqrt(gain / inputs)

    def reset_parameters(self) -> None:
        """Draw standard normal weights; set the bias to its start."""
        _reset(self.weight, self.bias, bias_start=self._bias_start)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the linear map of vectors [..., inputs]."""
        return functional.linear(vectors * self.scale, self.weight, self.bias)


def pixel_norm(features: Tensor) -> Tensor:
    """Return features [batch, channels, ...] with the channels of every place divided by their root mean square."""
    mean_square = features.float().square().mean(dim=1, keepdim=True)
    return features * torch.rsqrt(mean_square + _EPSILON).to(features.dtype)


def _reset(weight: nn.Parameter, bias: nn.Parameter, *, bias_start: float = 0.0) -> None:
    nn.init.normal_(weight)
    nn.init.constant_(bias, bias_start)
