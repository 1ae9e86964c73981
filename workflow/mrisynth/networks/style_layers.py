"""The parts of a style-based generator: the mapping of latents to styles, and a layer that takes a style and noise.

Karras et al. 2019 (arXiv:1812.04948).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.blocks import LEAK
from mrisynth.networks.class_embedding import ClassEmbedding
from mrisynth.networks.weight_scaled import GAIN, ScaledLinear, pixel_norm


@dataclass(frozen=True)
class StyleStart:
    """How the layers start that take a style.

    Attributes:
        scale: what the scales of channels start around.
        gain: mean square of what linear maps of the style, and of features to images, put out for each that they get.
    """

    scale: float
    gain: float


STYLE_STARTS = {"one": StyleStart(scale=1.0, gain=1.0), "zero": StyleStart(scale=0.0, gain=GAIN)}


class Mapping(nn.Module):
    """Latents [batch, latent] and labels [batch] to styles [batch, style].

    Latent and class vector are each divided by their root mean square and put side by side.

    Args:
        latent: length of a latent.
        style: length of a style.
        layers: linear layers, with rectifiers between them.
        classes: number of condition classes; 0 for none.
        embedding: length of the vector of a class.
    """

    def __init__(self, latent: int, style: int, *, layers: int, classes: int, embedding: int) -> None:
        super().__init__()
        self.condition = ClassEmbedding(classes, length=embedding)
        inputs = [latent + self.condition.length] + [style] * (layers - 1)
        self.layers = nn.ModuleList(ScaledLinear(count, style) for count in inputs)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the styles."""
        styles = torch.cat([pixel_norm(latents), pixel_norm(self.condition(labels))], dim=1)
        for number, layer in enumerate(self.layers):
            styles = layer(functional.relu(styles) if number else styles)
        return styles


class StyledLayer(nn.Module):
    """Adds noise to features, rectifies them, and gives each channel the mean and deviation that the style asks for.

    Adaptive instance normalisation: every channel of an image is normalised over its places, then scaled and shifted by
    linear maps of the style.

    Args:
        channels: of the features.
        style: length of a style.
        rectified: whether there is a rectifier.
        start: see :class:`StyleStart`.
    """

    def __init__(self, channels: int, style: int, *, rectified: bool, start: StyleStart) -> None:
        super().__init__()
        self.noise_weight = nn.Parameter(torch.zeros(channels))
        self.scale = ScaledLinear(style, channels, gain=start.gain, bias_start=start.scale)
        self.shift = ScaledLinear(style, channels, gain=start.gain)
        self.rectified = rectified

    def forward(self, features: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Return features [batch, channels, row, column].

        Args:
            features: of that shape; or of a single image, for all.
            style: [batch, style].
            noise: [batch, 1, row, column], standard normal.
        """
        features = torch.addcmul(features.float(), noise, self.noise_weight.view(1, -1, 1, 1))
        if self.rectified:
            features = functional.leaky_relu(features, LEAK)
        scale, shift = (layer(style).float()[:, :, None, None] for layer in (self.scale, self.shift))
        return torch.addcmul(shift, functional.instance_norm(features), scale)
