"""The hierarchical generator of HA-GAN: shared features, a low-resolution volume, slabs in full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.blocks import ChannelRMSNorm, DoublingConvolution, convolution_block, doubled, group_norm
from mrisynth.networks.layout import layout

CONDITION_CHANNELS = 32
_SLICES_AT_ONCE = 16  # slices of A that become full resolution in one piece: bounds the memory of whole volumes


class HaganGenerator(nn.Module):
    """Latent (and class) to a low-resolution volume and to any slab of the full volume, or all of it.

    G^A makes the features A [batch, width, size/4, size/4, size/4]; G^L makes the low-resolution volume from all
    of A; G^H makes full resolution from slices of A. Sun et al. 2022, doi:10.1109/JBHI.2022.3172976; other widths
    scale every layer, 64 is published.

    Args:
        size: edge of the cube, a multiple of 32.
        width: channels of A.
        latent: length of the latent vector.
        classes: number of condition classes; 0 for an unconditional model.
    """

    def __init__(self, size: int, *, width: int, latent: int, classes: int = 0) -> None:
        super().__init__()
        self.layout = layout(size)
        self.classes = classes
        channels = self.layout.feature_channels(width)
        self.embedding = nn.Embedding(classes + 1, CONDITION_CHANNELS) if classes else None
        inputs = latent + (CONDITION_CHANNELS if classes else 0)
        self.start = nn.Linear(inputs, channels[0] * self.layout.start**3)
        self.features = nn.Sequential(*_feature_layers(channels, doublings=self.layout.doublings))
        self.low = nn.Sequential(
            convolution_block(width, width // 2),
            convolution_block(width // 2, width // 4),
            nn.Conv3d(width // 4, 1, 3, padding=1),
            nn.Tanh(),
        )
        self.high = SlabBranch(width, edge=self.layout.low)

    def forward(
        self, latents: Tensor, labels: Tensor, *, slab_starts: Sequence[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the full-resolution slabs (or whole volumes) and the low-resolution volumes, both in [-1, 1].

        Args:
            latents: [batch, latent], standard normal.
            labels: [batch] class numbers; -1 is a missing label, with an embedding of its own.
            slab_starts: first slice of A of each image's slab; None for whole volumes.
        """
        features = self.shared_features(latents, labels)
        if slab_starts is None:
            return self.volume(features), self.low(features)
        return self.high(features, starts=slab_starts, slices=self.layout.slab_features), self.low(features)

    def shared_features(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return A [batch, width, low, low, low]."""
        if self.embedding is not None:
            rows = torch.where(labels < 0, self.classes, labels)
            latents = torch.cat([latents, self.embedding(rows)], dim=1)
        edge = self.layout.start
        return self.features(self.start(latents).unflatten(1, (-1, edge, edge, edge)))

    def volume(self, features: Tensor) -> Tensor:
        """Return whole volumes [batch, 1, size, size, size], made piece by piece to bound memory."""
        slices = min(_SLICES_AT_ONCE, self.layout.low)
        pieces = []
        for start in range(0, self.layout.low, slices):
            count = min(slices, self.layout.low - start)
            pieces.append(self.high(features, starts=[start] * len(features), slices=count))
        return torch.cat(pieces, dim=2)


class SlabBranch(nn.Module):
    """G^H: slices of the feature cube to full resolution, the same voxels whatever slab they are made in.

    It has no norm over space and looks one slice of A beyond the slab on each side, which is as far as its two
    convolutions see; beyond the volume every layer sees zeros, as at the other faces. (Published HA-GAN pads slabs with
    zeros in training and normalises over the slab, then makes whole volumes.)
    """

    def __init__(self, width: int, *, edge: int) -> None:
        super().__init__()
        self.edge = edge
        self.first = DoublingConvolution(width, width // 2)
        self.norm = ChannelRMSNorm(width // 2)
        self.last = DoublingConvolution(width // 2, 1)

    def forward(self, features: Tensor, *, starts: Sequence[int], slices: int) -> Tensor:
        """Return slabs [batch, 1, 4 * slices, size, size] in [-1, 1].

        Args:
            features: A [batch, width, edge, edge, edge].
            starts: first slice of A of each image's slab.
            slices: thickness of the slabs in slices of A.
        """
        padded = functional.pad(features, (0, 0, 0, 0, 1, 1))
        seen = torch.stack(
            [volume[:, start : start + slices + 2] for volume, start in zip(padded, starts, strict=True)]
        )
        hidden = torch.relu(self.norm(self.first(seen)))[:, :, 1:-1]
        rows = 2 * torch.tensor(starts)[:, None] - 1 + torch.arange(2 * slices + 2)
        inside = ((rows >= 0) & (rows < 2 * self.edge)).to(hidden.device, hidden.dtype)
        return torch.tanh(self.last(hidden * inside[:, None, :, None, None])[:, :, 2:-2])


def _feature_layers(channels: list[int], *, doublings: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv3d(channels[0], channels[0], 3, padding=1), group_norm(channels[0]), nn.ReLU()]
    for step, (inputs, outputs) in enumerate(pairwise(channels)):
        if step < doublings:
            layers.append(doubled())
        layers.append(convolution_block(inputs, outputs))
    return layers
