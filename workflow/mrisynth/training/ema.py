"""The moving average of a network's weights, with a half-life counted in images."""

from __future__ import annotations

import torch
from torch import nn

_RAMP = 0.05  # the half-life never exceeds this share of the images seen, so that early weights are forgotten


def decay_per_update(images_per_update: int, *, images_seen: int, half_life_images: float) -> float:
    """Return the factor by which one update shrinks the share of all earlier weights.

    The half-life grows with the images seen up to ``half_life_images``, so that a short training is not dominated by
    its initial weights (as in StyleGAN2-ADA, Karras et al. 2020).

    Args:
        images_per_update: real images of one update.
        images_seen: images seen when this update is done.
        half_life_images: images after which earlier weights count half; 0 keeps the newest weights alone.
    """
    half_life = min(half_life_images, _RAMP * images_seen)
    return 0.5 ** (images_per_update / half_life) if half_life > 0 else 0.0


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Move the average's weights towards the network's by a share of 1 - ``decay``; buffers are copied."""
    old, new = list(average.parameters()), list(network.parameters())
    torch._foreach_lerp_(old, [weight.detach() for weight in new], 1.0 - decay)
    for kept, buffer in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(buffer)
