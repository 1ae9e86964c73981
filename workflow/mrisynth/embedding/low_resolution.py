"""The low-resolution view: a quarter of the size, enlarged again, so that every network sees volumes of one edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

_FACTOR = 4  # between HA-GAN's two branches


def low_resolution(images: np.ndarray) -> np.ndarray:
    """Return uint8 [n, s, s, s] averaged over blocks of 4 x 4 x 4 voxels, uint8 [n, s/4, s/4, s/4]."""
    averaged = functional.avg_pool3d(torch.from_numpy(np.array(images)).float()[:, None], _FACTOR)[:, 0]
    return averaged.round().to(torch.uint8).numpy()


def enlarged(low: np.ndarray) -> np.ndarray:
    """Return uint8 [n, s, s, s] enlarged four times by trilinear interpolation, uint8 [n, 4s, 4s, 4s]."""
    values = torch.from_numpy(np.array(low)).float()[:, None]
    large = functional.interpolate(values, scale_factor=_FACTOR, mode="trilinear", align_corners=False)[:, 0]
    return large.round().clamp(0, 255).to(torch.uint8).numpy()


@dataclass(frozen=True)
class LowView:
    """Volumes as they look in low resolution, made only when they are asked for.

    Attributes:
        source: uint8 [n, e, e, e]; may be memory-mapped.
        edge: edge of the volumes that are seen: e itself, of which blocks are averaged first, or 4e, where the source
            is in low resolution already.
    """

    source: np.ndarray
    edge: int

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.source.dtype

    @property
    def ndim(self) -> int:
        """Axes: volume, x, y, z."""
        return self.source.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of volumes and their edges, as they are seen."""
        return (len(self.source), self.edge, self.edge, self.edge)

    def __len__(self) -> int:
        """Return the number of volumes."""
        return len(self.source)

    def __getitem__(self, rows: int | slice) -> np.ndarray:
        """Return one volume [x, y, z] or several [n, x, y, z]."""
        part = self.source[rows][None] if isinstance(rows, int) else self.source[rows]
        seen = enlarged(low_resolution(part) if part.shape[1] == self.edge else part)
        return seen[0] if isinstance(rows, int) else seen
