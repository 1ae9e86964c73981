"""The hierarchical generator of HA-GAN: shared features, a low-resolution volume, slabs in full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mrisynth.networks.blocks import DOUBLINGS, convolution_block, group_norm
from mrisynth.networks.conditioning import condition_input
from mrisynth.networks.layout import layout
from mrisynth.networks.slab_branch import HaloSlabBranch, PublishedSlabBranch

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
        columns: number of categories of each condition column; empty for an unconditional model.
        condition: how the class enters, a key of :data:`mrisynth.networks.conditioning.CONDITION_INPUTS`.
        groups: groups of the group norms; 8 by the authors, 1 in the IXI project.
        upsampling: ``nearest`` (authors) or ``trilinear`` (IXI project).
        slabs: ``halo`` or ``published``; see :mod:`mrisynth.networks.slab_branch`.
        high_width: channels between the two convolutions of G^H; half the width as published.
        high_layers: further convolutions of G^H between these two, with ``halo`` only; none as published.
        data_range: what the outputs stand for: ``signed`` for images in [-1, 1], ``unit`` for images in [0, 1] (IXI
            project, whose outputs still end in a hyperbolic tangent).
    """

    def __init__(
        self,
        size: int,
        *,
        width: int,
        latent: int,
        columns: Sequence[int] = (),
        condition: str = "embedding",
        groups: int = 8,
        upsampling: str = "nearest",
        slabs: str = "halo",
        high_width: int | None = None,
        high_layers: int = 0,
        data_range: str = "signed",
    ) -> None:
        super().__init__()
        self.data_range = data_range
        self.layout = layout(size)
        edge, channels = self.layout.start, self.layout.feature_channels(width)
        self.condition = condition_input(condition, columns, edge=edge)
        self.start = nn.Linear(latent + self.condition.vector, channels[0] * edge**3)
        first = channels[0] + self.condition.channels
        blocks = [
            convolution_block(nn.Conv3d(first, channels[0], 3, padding=1), group_norm(channels[0], groups=groups))
        ]
        for step, (inputs, outputs) in enumerate(pairwise(channels)):
            doubled = step < self.layout.doublings
            layer = DOUBLINGS[upsampling](inputs, outputs) if doubled else nn.Conv3d(inputs, outputs, 3, padding=1)
            blocks.append(convolution_block(layer, group_norm(outputs, groups=groups)))
        self.features = nn.Sequential(*blocks)
        self.low = nn.Sequential(
            *(
                convolution_block(nn.Conv3d(one, two, 3, padding=1), group_norm(two, groups=groups))
                for one, two in ((width, width // 2), (width // 2, width // 4))
            ),
            nn.Conv3d(width // 4, 1, 3, padding=1),
            nn.Tanh(),
        )
        between = high_width or width // 2
        if slabs == "halo":
            self.high = HaloSlabBranch(width, between, edge=self.layout.low, upsampling=upsampling, layers=high_layers)
        else:
            self.high = PublishedSlabBranch(width, between, groups=groups, upsampling=upsampling)

    def forward(
        self, latents: Tensor, labels: Tensor, *, slab_starts: Sequence[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the full-resolution slabs (or whole volumes) and the low-resolution volumes, both in [-1, 1].

        Args:
            latents: [batch, latent], standard normal.
            labels: [batch] class numbers; below 0 a value is missing, see :mod:`mrisynth.networks.conditioning`.
            slab_starts: first slice of A of each image's slab; None for whole volumes.
        """
        features = self.shared_features(latents, labels)
        if slab_starts is None:
            return self.volume(features), self.low(features)
        return self.high(features, starts=slab_starts, slices=self.layout.slab_features), self.low(features)

    def shared_features(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return A [batch, width, low, low, low]."""
        vector, channels = self.condition(labels)
        edge = self.layout.start
        with torch.autocast("cpu" if latents.is_meta else latents.device.type, enabled=False):
            start = self.start(torch.cat([latents, vector], dim=1))  # turning its weights to 16 bits costs more
        start = start.unflatten(1, (-1, edge, edge, edge))
        return self.features(torch.cat([start, channels], dim=1) if self.condition.channels else start)

    def volume(self, features: Tensor) -> Tensor:
        """Return whole volumes [batch, 1, size, size, size], made piece by piece to bound memory.

        Where gradients are wanted, each piece is computed again in the backward pass instead of being kept. The
        published branch normalises over all it sees, so it makes whole volumes in one piece.
        """
        slices = min(_SLICES_AT_ONCE, self.layout.low) if self.high.in_pieces else self.layout.low
        pieces = []
        for start in range(0, self.layout.low, slices):
            count = min(slices, self.layout.low - start)
            pieces.append(self._piece(features, start=start, count=count))
        return torch.cat(pieces, dim=2)

    def _piece(self, features: Tensor, *, start: int, count: int) -> Tensor:
        starts = [start] * len(features)
        if not torch.is_grad_enabled():
            return self.high(features, starts=starts, slices=count)
        return checkpoint(self.high, features, starts=starts, slices=count, use_reentrant=False)
