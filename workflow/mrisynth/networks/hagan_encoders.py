"""The two encoders of HA-GAN: a slab to its slices of the feature cube, and the feature cube to the latent."""

from __future__ import annotations

from torch import Tensor, nn

from mrisynth.networks.blocks import convolution_block, group_norm
from mrisynth.networks.layout import layout


class SlabEncoder(nn.Module):
    """Slab [batch, 1, slab, size, size] in [-1, 1] to slices of A [batch, width, slab/4, size/4, size/4] (E^H).

    Args:
        width: channels of A; 64 is published.
        groups: groups of the norms; 8 by the authors, 1 in the IXI project.
    """

    def __init__(self, *, width: int, groups: int = 8) -> None:
        super().__init__()
        half = width // 2
        steps = (
            (nn.Conv3d(1, half, 4, stride=2, padding=1), half),
            (nn.Conv3d(half, half, 3, padding=1), half),
            (nn.Conv3d(half, width, 4, stride=2, padding=1), width),
        )
        self.ladder = nn.Sequential(*(convolution_block(step, group_norm(out, groups=groups)) for step, out in steps))

    def forward(self, slabs: Tensor) -> Tensor:
        """Return the slices of A."""
        return self.ladder(slabs)


class GlobalEncoder(nn.Module):
    """All of A [batch, width, low, low, low] to the latent [batch, latent] (E^G)."""

    def __init__(self, size: int, *, width: int, latent: int) -> None:
        super().__init__()
        geometry = layout(size)
        inputs = width
        layers: list[nn.Module] = []
        for outputs in geometry.low_ladder(width):
            layers.append(convolution_block(nn.Conv3d(inputs, outputs, 4, stride=2, padding=1), group_norm(outputs)))
            inputs = outputs
        self.ladder = nn.Sequential(*layers, nn.Conv3d(inputs, latent, geometry.start), nn.Flatten())

    def forward(self, features: Tensor) -> Tensor:
        """Return the latents."""
        return self.ladder(features)


def encode_features(slab_encoder: SlabEncoder, volumes: Tensor, *, slab: int) -> Tensor:
    """Return A of whole volumes [batch, 1, size, size, size], encoded slab by slab (not overlapping) as published."""
    batch, _, size = volumes.shape[:3]
    slabs = volumes.unflatten(2, (size // slab, slab)).transpose(1, 2).flatten(0, 1)
    encoded = slab_encoder(slabs).unflatten(0, (batch, size // slab))
    return encoded.transpose(1, 2).flatten(2, 3)
