"""Blocks of code that families share: seeded initial weights, and networks that only pass gradients on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mrisynth.seeds import derive_seed


@contextmanager
def seeded(seed: int, *entity: str) -> Iterator[None]:
    """Give torch's initial weights a seed of their own and leave the surrounding random state untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initial", *entity))
        yield


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Let gradients pass through networks without computing those of their weights."""
    thawed = [weight for network in networks for weight in network.parameters() if weight.requires_grad]
    for weight in thawed:
        weight.requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for weight in thawed:
            weight.requires_grad_(requires_grad=True)
