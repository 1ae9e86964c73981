"""The generator of PACGAN: a latent and a class to an image, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.blocks import LEAK
from mrisynth.networks.class_embedding import ClassEmbedding
from mrisynth.networks.levels import SMALLEST, Levelled, level_widths
from mrisynth.networks.weight_scaled import ScaledConvolution, ScaledStart, pixel_norm


class PacganGenerator(Levelled):
    """Latents [batch, latent] and labels [batch] to images [batch, channels, level, level] in (-1, 1).

    The latent and the vector of the class, side by side, are normalised and become 4 x 4 pixels; each further level
    repeats every pixel twice and convolves twice, normalising the channels of every pixel after each. A 1 x 1
    convolution and a hyperbolic tangent make the image; while a level is faded in, it is mixed, before the hyperbolic
    tangent, with the image of the level below (Karras et al. 2018, arXiv:1710.10196; doi:10.1038/s41598-025-16257-1).

    Args:
        size: edge of the largest images.
        width: channels at 4 x 4.
        factors: channels of each level from 4 on, in units of the width.
        latent: length of the latent.
        embedding: length of the vector of a class.
        classes: number of condition classes; 0 for none.
        channels: of the images.
        first_layer: ``scaled`` at run time as all others, or ``plain`` (PACGAN).
        first: level to begin with.
    """

    def __init__(
        self,
        size: int,
        *,
        width: int,
        factors: Sequence[float],
        latent: int,
        embedding: int = 3,
        classes: int = 0,
        channels: int = 1,
        first_layer: str = "scaled",
        first: int = SMALLEST,
    ) -> None:
        super().__init__(size, first=first)
        widths = level_widths(size, width=width, factors=factors)
        self.condition = ClassEmbedding(classes, length=embedding)
        start = ScaledStart if first_layer == "scaled" else nn.ConvTranspose2d
        self.start = start(latent + self.condition.length, widths[0], 4)
        self.first = ScaledConvolution(widths[0], widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(_Block(inputs, outputs) for inputs, outputs in pairwise(widths))
        self.to_image = nn.ModuleList(ScaledConvolution(inputs, channels, 1) for inputs in widths)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images of the present level.

        Args:
            latents: [batch, latent], standard normal.
            labels: [batch], class numbers; below 0 is missing, and counts as a vector of zeros.
        """
        number, alpha = self.present()
        vectors = pixel_norm(torch.cat([latents, self.condition(labels)], dim=1))
        features = functional.leaky_relu(self.start(vectors[:, :, None, None]), LEAK)
        features = pixel_norm(functional.leaky_relu(self.first(features), LEAK))
        below = features
        for block in self.blocks[:number]:
            below, features = features, block(features)
        image = self.to_image[number](features)
        if alpha < 1:
            # a 1 x 1 convolution and the repeating of pixels can change places
            old = functional.interpolate(self.to_image[number - 1](below), scale_factor=2.0, mode="nearest")
            image = torch.lerp(old, image, alpha)
        return torch.tanh(image)


class _Block(nn.Module):
    """Every pixel twice, then two convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = ScaledConvolution(inputs, outputs, 3, padding=1)
        self.second = ScaledConvolution(outputs, outputs, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
        features = pixel_norm(functional.leaky_relu(self.first(features), LEAK))
        return pixel_norm(functional.leaky_relu(self.second(features), LEAK))
