"""A style-based generator of one resolution (StyleGAN2), in plain operations, without noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.blocks import LEAK
from mrisynth.networks.covariate_vector import CovariateVector
from mrisynth.networks.r3gan_blocks import doubled
from mrisynth.networks.weight_scaled import ScaledLinear, pixel_norm

SMALLEST = 4
_EPSILON = 1e-8
_RECTIFIED = sqrt(2.0)


class ModulatedConvolution(nn.Module):
    """A convolution whose inputs are scaled by a style, and whose outputs are divided by what that should make of them.

    Equations 1 to 3 of Karras et al. 2020 (arXiv:1912.04958), written as a scaling before and after one convolution
    that all images share, so that no kernel is made for each image. Shapes: [batch, inputs, row, column] to
    [batch, outputs, row, column].

    Args:
        inputs: channels.
        outputs: channels.
        kernel: edge of the kernel, odd.
        style: length of the style.
        demodulated: whether the outputs are divided; those of the layer to the image are not.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, style: int, demodulated: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scales = ScaledLinear(style, inputs, gain=1.0, bias_start=1.0)
        self.scale, self.padding, self.demodulated = 1.0 / sqrt(inputs * kernel**2), kernel // 2, demodulated

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """Return the convolution of features under styles [batch, style], with its bias."""
        scales, weight = self.scales(styles), self.weight * self.scale
        found = functional.conv2d(features * scales[:, :, None, None], weight, padding=self.padding)
        if self.demodulated:
            energy = scales.float().square() @ weight.float().square().sum(dim=(2, 3)).T
            found = found * torch.rsqrt(energy + _EPSILON).to(found.dtype)[:, :, None, None]
        return found + self.bias[:, None, None]


class _Level(nn.Module):
    """Features at one resolution, and what they add to the image."""

    def __init__(self, inputs: int, outputs: int, *, style: int, channels: int, first: bool) -> None:
        super().__init__()
        widths = (outputs, outputs) if first else (inputs, outputs, outputs)
        self.layers = nn.ModuleList(ModulatedConvolution(one, two, 3, style=style) for one, two in pairwise(widths))
        self.image = ModulatedConvolution(outputs, channels, 1, style=style, demodulated=False)

    def forward(self, features: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            features = functional.leaky_relu(layer(features, styles), LEAK) * _RECTIFIED
        return features, self.image(features, styles)


class MssgGenerator(nn.Module):
    """Latents [batch, latent] and what is told of them to images [batch, channels, size, size].

    A mapping network makes a style of the latent beside a vector of what is told; the style scales the channels of
    every convolution from a learned square of 4 x 4 on; every resolution adds to the image (the skip generator of
    Karras et al. 2020). Left out of the published network: noise, so that one latent and one label are one image,
    mixed styles, and the penalty of path lengths.

    Args:
        size: edge of the images, a power of 2.
        latent: length of a latent.
        columns: what is told; see :class:`mrisynth.networks.covariate_vector.CovariateVector`.
        style: length of a style.
        mapping_layers: linear layers of the mapping network.
        mapping_rate: how fast the mapping network learns beside the others.
        width: channels up to ``full_to`` pixels; above it they halve as the edge doubles.
        full_to: see ``width``.
        channels: of the images.
    """

    def __init__(
        self,
        size: int,
        *,
        latent: int,
        columns: Sequence[int] = (),
        style: int = 512,
        mapping_layers: int = 2,
        mapping_rate: float = 0.01,
        width: int = 512,
        full_to: int = 32,
        channels: int = 1,
    ) -> None:
        super().__init__()
        self.size = size
        self.told = CovariateVector(columns)
        self.embedding = ScaledLinear(self.told.vector, style, gain=1.0) if self.told.vector else None
        inputs = latent + (style if self.embedding else 0)
        self.mapping = nn.ModuleList(
            _SlowLinear(inputs if place == 0 else style, style, rate=mapping_rate) for place in range(mapping_layers)
        )
        widths = level_widths(size, width=width, full_to=full_to)
        self.start = nn.Parameter(torch.randn(1, widths[0], SMALLEST, SMALLEST))
        pairs = [(widths[0], widths[0]), *pairwise(widths)]
        self.levels = nn.ModuleList(
            _Level(one, two, style=style, channels=channels, first=place == 0) for place, (one, two) in enumerate(pairs)
        )

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images, about [-1, 1]; labels as :class:`mrisynth.networks.covariate_vector.CovariateVector` says."""
        styles = self.styles(latents, labels)
        features = self.start.expand(len(latents), -1, -1, -1).to(styles.dtype)
        image: Tensor | None = None
        for place, level in enumerate(self.levels):
            if place:
                features = doubled(features)
            features, added = level(features, styles)
            image = added if image is None else doubled(image) + added
        return image

    def styles(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return styles [batch, style]."""
        parts = [pixel_norm(latents)]
        if self.embedding is not None:
            parts.append(self.embedding(self.told(labels)))
        vectors = torch.cat(parts, dim=1)
        for layer in self.mapping:
            vectors = functional.leaky_relu(layer(vectors), LEAK) * _RECTIFIED
        return vectors


class _SlowLinear(nn.Module):
    """A linear layer that learns more slowly than others by a factor, at the same outputs."""

    def __init__(self, inputs: int, outputs: int, *, rate: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale, self.rate = rate / sqrt(inputs), rate

    def forward(self, vectors: Tensor) -> Tensor:
        return functional.linear(vectors, self.weight * self.scale, self.bias * self.rate)


def level_widths(size: int, *, width: int, full_to: int) -> list[int]:
    """Return the channels at 4, 8, 16 ... ``size`` pixels."""
    edges = [SMALLEST * 2**place for place in range(int(log2(size // SMALLEST)) + 1)]
    return [max(1, width * full_to // max(full_to, edge)) for edge in edges]
