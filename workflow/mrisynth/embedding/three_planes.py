"""A network for slices as a network for volumes: slices of three planes, averaged plane by plane."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHARE = 0.6
"""Middle part of every axis that slices are taken from: 134 mm of a field of 224 mm, where a brain is."""


class ThreePlanes(nn.Module):
    """Features of slices across the three axes, averaged along each axis and put side by side.

    Takes float32 [n, 1, x, y, z] in [0, 1], returns [n, 3 width]: sagittal, coronal, axial. As the 2.5D FID of MAISI
    (Guo et al. 2024, arXiv 2409.11169) it looks at three planes; there each slice is a point and three distances are
    averaged, here each volume is one, so that intervals count persons and not slices. The distance of one block of
    columns is that of one plane.

    Args:
        network: [m, 1, h, w] -> [m, width].
        slices: number along each axis, evenly spaced in the middle 60 %; fewer where a volume has no more there.
    """

    def __init__(self, network: nn.Module, *, slices: int) -> None:
        super().__init__()
        self.network = network
        self.slices = slices

    def forward(self, images: Tensor) -> Tensor:
        """Return the features, [n, 3 width]."""
        return torch.stack([self._features(volume) for volume in images[:, 0]])

    def _features(self, volume: Tensor) -> Tensor:
        means = []
        for axis in range(3):
            places = torch.tensor(slice_places(volume.shape[axis], self.slices), device=volume.device)
            stack = volume.index_select(axis, places).movedim(axis, 0)[:, None]
            means.append(self.network(stack).mean(dim=0))
        return torch.cat(means)


def slice_places(edge: int, slices: int) -> list[int]:
    """Return which slices of an axis of ``edge`` voxels are looked at, in rising order."""
    first = (1 - SHARE) / 2
    return sorted({int((first + SHARE * (number + 0.5) / slices) * edge) for number in range(slices)})
