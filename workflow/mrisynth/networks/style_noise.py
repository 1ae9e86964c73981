"""The noise of style-based generators: one standard normal map for each of their layers.

A generator is given its noise as numbers [batch, count], layer after layer from the smallest on, two layers a level. In
training they are drawn; in sampling they follow from the latent, so that a latent is one image, whoever asks.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from mrisynth.networks.levels import level_sizes

LAYERS_PER_LEVEL = 2
_SEED = 20181219
_RANK = 16


def noise_count(level: int) -> int:
    """Return how many numbers the noise of an image of that edge has."""
    return sum(LAYERS_PER_LEVEL * edge**2 for edge in level_sizes(level))


def noise_maps(noise: Tensor, *, level: int) -> list[Tensor]:
    """Return noise [batch, count] as maps [batch, 1, edge, edge], one for each layer."""
    edges = [edge for edge in level_sizes(level) for _ in range(LAYERS_PER_LEVEL)]
    parts = noise.split([edge**2 for edge in edges], dim=1)
    return [part.view(-1, 1, edge, edge) for part, edge in zip(parts, edges, strict=True)]


def noise_of_latents(latents: Tensor, *, level: int) -> Tensor:
    """Return noise [batch, count] that is a smooth function of the latents, the same on every device.

    The direction of a latent's first 16 numbers mixes 16 fixed maps of independent standard normal numbers: of such
    maps a sum whose weights have squares that add up to one is another. A level's layers have the same noise whatever
    the edge of the images.

    Args:
        latents: [batch, latent].
        level: edge of the images.
    """
    with torch.autocast("cpu" if latents.is_meta else latents.device.type, enabled=False):
        directions = torch.nn.functional.normalize(latents[:, :_RANK].float(), dim=1)
        layers = [
            directions @ _fixed_maps(directions.shape[1], edge, layer).to(latents.device)
            for edge in level_sizes(level)
            for layer in range(LAYERS_PER_LEVEL)
        ]
    return torch.cat(layers, dim=1)


@cache
def _fixed_maps(rank: int, edge: int, layer: int) -> Tensor:
    with torch.inference_mode(mode=False):  # kept for calls that derive, too
        random = torch.Generator(device="cpu").manual_seed(_SEED + LAYERS_PER_LEVEL * edge + layer)
        return torch.randn(rank, edge**2, generator=random, device="cpu")
