"""Images with small blocks of voxels folded into channels, and back; nothing is lost."""

from __future__ import annotations

from torch import Tensor


def fold(images: Tensor, edge: int) -> Tensor:
    """Return [batch, channels * edge^d, n / edge, ...] of images [batch, channels, n, ...] of d dimensions."""
    if edge == 1:
        return images
    batch, channels, *sizes = images.shape
    dimensions = len(sizes)
    cut = images.reshape(batch, channels, *[part for size in sizes for part in (size // edge, edge)])
    outer, inner = range(2, 2 + 2 * dimensions, 2), range(3, 3 + 2 * dimensions, 2)
    cut = cut.permute(0, 1, *inner, *outer)
    return cut.reshape(batch, channels * edge**dimensions, *[size // edge for size in sizes])


def unfold(features: Tensor, edge: int) -> Tensor:
    """Undo :func:`fold`."""
    if edge == 1:
        return features
    batch, channels, *sizes = features.shape
    dimensions = len(sizes)
    cut = features.reshape(batch, channels // edge**dimensions, *[edge] * dimensions, *sizes)
    order = [axis for place in range(dimensions) for axis in (2 + dimensions + place, 2 + place)]
    return cut.permute(0, 1, *order).reshape(batch, -1, *[size * edge for size in sizes])
