"""A transformer that encodes images, of the form of ViT."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mrisynth.errors import MrisynthError


@dataclass(frozen=True, kw_only=True)
class VisionSettings:
    """The size of an encoder of images.

    Attributes:
        edge: pixels a side.
        patch: pixels a side of a patch.
        width: numbers of each patch.
        layers: of attention.
        heads: of each layer; ``width`` is a multiple.
        hidden: width of the two-layer network of each layer.
        norm_epsilon: added to variances.
    """

    edge: int
    patch: int
    width: int
    layers: int
    heads: int
    hidden: int
    norm_epsilon: float = 1e-6


class VisionEncoder(nn.Module):
    """Images to one vector each: float32 [batch, 3, edge, edge] to [batch, width].

    Patches and a further token with their places, then layers of attention that are normalised before each part
    (Dosovitskiy et al. 2021, "An image is worth 16 x 16 words"), and a last normalisation. The vector is that of the
    further token.

    Args:
        settings: the size.
    """

    def __init__(self, settings: VisionSettings) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        self.patches = nn.Conv2d(3, width, settings.patch, stride=settings.patch)
        self.start = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.zeros(1, 1 + (settings.edge // settings.patch) ** 2, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, settings.heads, settings.hidden, dropout=0.0, activation="gelu",
                layer_norm_eps=settings.norm_epsilon, batch_first=True, norm_first=True,
            )
            for _ in range(settings.layers)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width, eps=settings.norm_epsilon)

    def forward(self, images: Tensor) -> Tensor:
        """Return the vectors of images; raises MrisynthError for another shape."""
        edge = self.settings.edge
        if images.shape[1:] != (3, edge, edge):
            raise MrisynthError(f"Found images {tuple(images.shape)}; expected [n, 3, {edge}, {edge}].")
        patches = self.patches(images).flatten(2).transpose(1, 2)
        found = torch.cat([self.start.expand(len(images), -1, -1), patches], dim=1) + self.places
        for layer in self.layers:
            found = layer(found)
        return self.norm(found[:, 0])
