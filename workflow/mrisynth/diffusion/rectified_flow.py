"""Rectified flow: images and noise joined by straight lines (Liu et al. 2022; Lipman et al. 2022).

Time 0 is the image, time 1 the noise, and in between x = (1 - t) image + t noise. The network learns the slope of that
line, noise - image, given x and t.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""(x [batch, ...], times [batch]) to what the network says of x."""


def draw_times(count: int, *, kind: str, generator: torch.Generator) -> Tensor:
    """Draw one time an image, float32 [count] in (0, 1), spread evenly over the batch.

    Args:
        count: images of the batch.
        kind: ``uniform``, or ``logit_normal``: the middle more often than the ends (Esser et al. 2024).
        generator: on the CPU.
    """
    places = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)) / count
    if kind == "uniform":
        return places.clamp(1e-4, 1 - 1e-4)
    return torch.special.ndtri(places.double().clamp(1e-6, 1 - 1e-6)).sigmoid().float()


def mixed(clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Return the points of the lines at these times; shapes [batch, ...], [batch, ...] and [batch]."""
    share = times.view(-1, *[1] * (clean.dim() - 1))
    return (1 - share) * clean + share * noise


def slope(clean: Tensor, noise: Tensor) -> Tensor:
    """Return what the network learns to say."""
    return noise - clean


def flow(predict: Predict, noise: Tensor, *, steps: int, sampler: str = "euler") -> Tensor:
    """Follow the slopes from noise [batch, ...] at time 1 to an image at time 0, in equal steps.

    Args:
        predict: the network.
        noise: standard normal.
        steps: number of steps.
        sampler: ``euler``, or ``heun``: each step but the last is taken with the mean of the slopes at both its ends,
            for twice the calls.
    """
    x = noise
    ends = torch.linspace(1, 0, steps + 1, dtype=torch.float64).tolist()
    for begin, end in pairwise(ends):
        here = predict(x, noise.new_full((len(noise),), begin))
        if sampler == "heun" and end > 0:
            there = predict(x + (end - begin) * here, noise.new_full((len(noise),), end))
            here = (here + there) / 2
        x = x + (end - begin) * here
    return x
