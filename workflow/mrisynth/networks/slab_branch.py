"""G^H, the branch that turns slices of the feature cube into full resolution: ours with a halo, and the published."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.networks.blocks import DOUBLINGS, ChannelRMSNorm, group_norm


class HaloSlabBranch(nn.Module):
    """Slices of the feature cube to full resolution, the same voxels whatever slab they are made in.

    It has no norm over space and looks as far beyond the slab on each side as its convolutions see; beyond the
    volume every layer sees zeros, as at the other faces.

    Args:
        width: channels of A.
        between: channels at half resolution.
        edge: edge of A.
        upsampling: ``nearest`` or ``trilinear``.
        layers: further convolutions at half resolution; none as published.
    """

    in_pieces = True

    def __init__(self, width: int, between: int, *, edge: int, upsampling: str, layers: int = 0) -> None:
        super().__init__()
        self.edge = edge
        reach = 1 if upsampling == "nearest" else 2  # rows at an end that a doubling gets wrong for want of neighbours
        self.beyond = layers + reach  # rows at half resolution that matter to the slab
        self.halo = (self.beyond + reach + 1) // 2
        self.first = DOUBLINGS[upsampling](width, between)
        self.norm = ChannelRMSNorm(between)
        self.middle = nn.ModuleList(
            nn.Sequential(nn.Conv3d(between, between, 3, padding=1), ChannelRMSNorm(between)) for _ in range(layers)
        )
        self.last = DOUBLINGS[upsampling](between, 1)

    def forward(self, features: Tensor, *, starts: Sequence[int], slices: int) -> Tensor:
        """Return slabs [batch, 1, 4 * slices, size, size] in [-1, 1].

        Args:
            features: A [batch, width, edge, edge, edge].
            starts: first slice of A of each image's slab.
            slices: thickness of the slabs in slices of A.
        """
        halo, beyond = self.halo, self.beyond
        padded = functional.pad(features, (0, 0, 0, 0, halo, halo))
        seen = torch.stack(
            [volume[:, start : start + slices + 2 * halo] for volume, start in zip(padded, starts, strict=True)]
        )
        cut = 2 * halo - beyond
        hidden = torch.relu(self.norm(self.first(seen)))[:, :, cut:-cut]
        rows = 2 * torch.tensor(starts)[:, None] - beyond + torch.arange(2 * slices + 2 * beyond)
        inside = ((rows >= 0) & (rows < 2 * self.edge)).to(hidden.device, hidden.dtype)[:, None, :, None, None]
        hidden = hidden * inside
        for layer in self.middle:
            hidden = torch.relu(hidden + layer(hidden)) * inside
        return torch.tanh(self.last(hidden)[:, :, 2 * beyond : -2 * beyond])


class PublishedSlabBranch(nn.Module):
    """The published branch: it pads slabs with zeros and normalises over all it is given, a slab or a whole volume.

    So a slab of a training step is not the same slab of the volume that is sampled. Arguments as the other, and
    ``groups`` of its norm.
    """

    in_pieces = False

    def __init__(self, width: int, between: int, *, groups: int, upsampling: str) -> None:
        super().__init__()
        self.first = DOUBLINGS[upsampling](width, between)
        self.norm = group_norm(between, groups=groups)
        self.last = DOUBLINGS[upsampling](between, 1)

    def forward(self, features: Tensor, *, starts: Sequence[int], slices: int) -> Tensor:
        """Return slabs [batch, 1, 4 * slices, size, size] in [-1, 1]; arguments as the other."""
        seen = torch.stack([volume[:, start : start + slices] for volume, start in zip(features, starts, strict=True)])
        return torch.tanh(self.last(torch.relu(self.norm(self.first(seen)))))
