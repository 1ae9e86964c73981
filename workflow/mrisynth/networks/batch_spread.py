"""A channel that tells a critic how much the images of a batch differ (Salimans et al. 2016; Karras et al. 2018).

A generator that makes one image over and over is then found out. The price is that the answer for an image depends on
those beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor

SPREADS = ("whole", "groups", "none")
_GROUP = 4
_EPSILON = 1e-8
_LEAST_VARIANCE = 1e-12


def batch_spread(features: Tensor, *, kind: str) -> Tensor:
    """Return one channel [batch, 1, row, column], constant over the places of an image.

    Args:
        features: [batch, channels, row, column]; computed in 32-bit floats.
        kind: ``whole``: the unbiased standard deviation over the whole batch, mean over all features (PACGAN); 0 for a
            single image, which has none, and for features that agree in all images. ``groups``: the same over each
            four images in order (the last few may be fewer), biased and with 1e-8 added to the variance (Karras et al.
            2020, arXiv:1912.04958); an image alone in its group has a spread of 1e-4.
    """
    batch, _, rows, columns = features.shape
    values = features.float()
    if kind == "whole":
        spreads = _whole(values)[None].expand(batch)
    else:
        spreads = torch.cat([_of_group(group)[None].expand(len(group)) for group in values.split(_GROUP)])
    return spreads.to(features.dtype).view(batch, 1, 1, 1).expand(batch, 1, rows, columns)


def _whole(values: Tensor) -> Tensor:
    """Return the mean unbiased spread; the slope of a root at 0 is infinite, so no root is taken there."""
    if len(values) == 1:
        return values.new_zeros(())
    variance = values.var(dim=0)
    some = variance > _LEAST_VARIANCE
    return torch.where(some, torch.where(some, variance, 1.0).sqrt(), 0.0).mean()


def _of_group(values: Tensor) -> Tensor:
    return (values.var(dim=0, correction=0) + _EPSILON).sqrt().mean()
