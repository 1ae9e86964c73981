"""A style-based generator of slices, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.levels import SMALLEST, Levelled, level_widths
from mrisynth.networks.style_layers import STYLE_STARTS, Mapping, StyledLayer, StyleStart
from mrisynth.networks.style_noise import LAYERS_PER_LEVEL, noise_maps, noise_of_latents
from mrisynth.networks.weight_scaled import ScaledConvolution

_UPDATES_AVERAGED = 200


class StyleGenerator(Levelled):
    """Latents [batch, latent] and labels [batch] to images [batch, channels, level, level] in (-1, 1).

    A latent becomes a style by a mapping network; learned 4 x 4 features become an image under its direction, two
    layers a level, each with noise of its own (Karras et al. 2019, arXiv:1812.04948). Each further level doubles the
    features bilinearly. A 1 x 1 convolution and a hyperbolic tangent make the image; while a level is faded in, it is
    mixed, before the hyperbolic tangent, with that of the level below.

    Args:
        size: edge of the largest images.
        width: channels at 4 x 4.
        factors: channels of each level from 4 on, in units of the width.
        latent: length of the latent.
        style: length of the style.
        mapping_layers: linear layers of the mapping network.
        embedding: length of the vector of a class.
        classes: number of condition classes; 0 for none.
        channels: of the images.
        first_layer: whether the first convolution is ``scaled`` at run time as all others, or ``plain``.
        style_scales: how the layers that take a style start, a key of
            :data:`mrisynth.networks.style_layers.STYLE_STARTS`.
        truncation: how far styles stay from the mean style in :meth:`truncated`; 1 leaves them as they are.
        first: level to begin with.

    Attributes:
        mean_style: [classes + 1, style], of each class, and of all images in the last row.
        updates_seen: [classes + 1], updates that had such an image.
    """

    mean_style: Tensor
    updates_seen: Tensor

    def __init__(
        self,
        size: int,
        *,
        width: int,
        factors: Sequence[float],
        latent: int,
        style: int,
        mapping_layers: int = 8,
        embedding: int = 0,
        classes: int = 0,
        channels: int = 1,
        first_layer: str = "scaled",
        style_scales: str = "one",
        truncation: float = 1.0,
        first: int = SMALLEST,
    ) -> None:
        super().__init__(size, first=first)
        widths = level_widths(size, width=width, factors=factors)
        self.truncation = truncation
        self.mapping = Mapping(latent, style, layers=mapping_layers, classes=classes, embedding=embedding)
        self.constant = nn.Parameter(torch.ones(1, widths[0], SMALLEST, SMALLEST))
        start = STYLE_STARTS[style_scales]
        plain = first_layer == "plain"
        convolution = nn.Conv2d if plain else ScaledConvolution
        self.first = nn.ModuleList(
            [
                StyledLayer(widths[0], style, rectified=False, start=start),
                convolution(widths[0], widths[0], 3, padding=1),
                StyledLayer(widths[0], style, rectified=True, start=start),
            ]
        )
        self.blocks = nn.ModuleList(_Block(inputs, outputs, style, start=start) for inputs, outputs in pairwise(widths))
        self.to_image = nn.ModuleList(ScaledConvolution(inputs, channels, 1, gain=start.gain) for inputs in widths)
        self.register_buffer("mean_style", torch.zeros(classes + 1, style))
        self.register_buffer("updates_seen", torch.zeros(classes + 1))

    def forward(
        self,
        latents: Tensor,
        labels: Tensor,
        *,
        noise: Tensor | None = None,
        mixed_latents: Tensor | None = None,
        mixed_from: Tensor | None = None,
    ) -> Tensor:
        """Return images of the present level.

        Args:
            latents: [batch, latent], standard normal.
            labels: [batch], class numbers; below 0 is missing.
            noise: [batch, count], see :mod:`mrisynth.networks.style_noise`; None takes that of the latents.
            mixed_latents: [batch, latent], second latents whose styles direct the last layers; None for none.
            mixed_from: [batch], number of the first layer that is directed by the second latent.
        """
        layers = self.styled_layers
        styles = self.mapping(latents, labels)[:, None].expand(-1, layers, -1)
        if mixed_latents is not None:
            others = self.mapping(mixed_latents, labels)[:, None]
            is_other = torch.arange(layers, device=latents.device) >= mixed_from[:, None]
            styles = torch.where(is_other[:, :, None], others, styles)
        return self.images(styles, self._noise(latents) if noise is None else noise)

    @property
    def styled_layers(self) -> int:
        """Number of layers with a style at the present level."""
        return LAYERS_PER_LEVEL * (self.present()[0] + 1)

    def truncated(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images whose styles are drawn towards the mean style of their class by ``truncation``.

        Below 1 images are more typical and less varied. An image without a label, or of a class that no update saw, is
        drawn towards the mean of all.
        """
        styles = self.mapping(latents, labels)
        if self.truncation != 1:
            rows = torch.where((labels >= 0) & (self.updates_seen[labels] > 0), labels, len(self.mean_style) - 1)
            styles = torch.lerp(self.mean_style[rows].to(styles.dtype), styles, self.truncation)
        return self.images(styles[:, None].expand(-1, self.styled_layers, -1), self._noise(latents))

    def images(self, styles: Tensor, noise: Tensor) -> Tensor:
        """Return images from styles [batch, layers, style] and noise [batch, count]."""
        number, alpha = self.present()
        maps, each = noise_maps(noise, level=self.sizes[number]), styles.unbind(dim=1)
        one, convolution, two = self.first
        features = two(convolution(one(self.constant, each[0], maps[0])), each[1], maps[1])
        below = features
        for layer, block in enumerate(self.blocks[:number], start=1):
            chosen = slice(LAYERS_PER_LEVEL * layer, LAYERS_PER_LEVEL * (layer + 1))
            below, features = features, block(features, each[chosen], maps[chosen])
        image = self.to_image[number](features)
        if alpha < 1:
            image = torch.lerp(_doubled(self.to_image[number - 1](below)), image, alpha)  # convolved first: the same
        return torch.tanh(image)

    @torch.no_grad()
    def track_styles(self, latents: Tensor, labels: Tensor) -> None:
        """Move the mean styles towards those of a batch: the mean of the first 200 updates, then a moving one."""
        styles = self.mapping(latents, labels).float()
        classes = len(self.mean_style) - 1
        of_class = labels[:, None] == torch.arange(classes + 1, device=labels.device)
        of_class[:, classes] = True
        counts = of_class.sum(dim=0)
        means = of_class.to(styles.dtype).T @ styles / counts.clamp(min=1)[:, None]
        self.updates_seen += counts > 0
        share = (counts > 0) / self.updates_seen.clamp(min=1, max=_UPDATES_AVERAGED)
        self.mean_style.lerp_(means, share[:, None].expand_as(means))

    def _noise(self, latents: Tensor) -> Tensor:
        return noise_of_latents(latents, level=self.sizes[self.present()[0]])


class _Block(nn.Module):
    """Doubles the features, then convolves twice, each time with a style and noise."""

    def __init__(self, inputs: int, outputs: int, style: int, *, start: StyleStart) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            ScaledConvolution(channels, outputs, 3, padding=1) for channels in (inputs, outputs)
        )
        self.styled = nn.ModuleList(
            StyledLayer(outputs, style, rectified=True, start=start) for _ in range(LAYERS_PER_LEVEL)
        )

    def forward(self, features: Tensor, styles: Sequence[Tensor], maps: Sequence[Tensor]) -> Tensor:
        features = _doubled(features)
        for convolution, styled, style, noise in zip(self.convolutions, self.styled, styles, maps, strict=True):
            features = styled(convolution(features), style, noise)
        return features


def _doubled(images: Tensor) -> Tensor:
    return functional.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)
