"""Small models of the family r3gan with fixed weights and batches, for the tests of its losses and of its updates."""

from __future__ import annotations

import torch
from torch import Tensor

from mrisynth.models.interface import Batch, State
from mrisynth.models.r3gan import R3gan
from mrisynth.recipes import ModelRecipe

FAMILY = R3gan()
SMALL = {"width": 16, "latent": 8, "gamma": 1.0}


def recipe_with(**changes) -> ModelRecipe:
    """Return the recipe of a small unconditional model, with these entries changed."""
    recipe = {"name": "model", "family": "r3gan", "condition": "none", "size": 16, "batch_size": 6, "dimensions": 2}
    recipe |= changes | {"family_recipe": SMALL | changes.get("family_recipe", {})}
    return ModelRecipe(**{"images_total": 60, "images_per_chunk": 60} | recipe)


def state_with(*, columns: tuple[int, ...] = (), **changes) -> State:
    """Return its state before the first update."""
    return FAMILY.build(recipe_with(**changes), columns=columns, seed=1, device="cpu")


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Return standard normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def batch_of(recipe: ModelRecipe, labels: list[int] | None = None) -> Batch:
    """Return a batch of uniform noise; no image has a label where none is given."""
    images = torch.rand(recipe.batch_size, *recipe.image_shape, generator=torch.Generator().manual_seed(4)) * 2 - 1
    return Batch(images=images, labels=torch.tensor([-1] * recipe.batch_size if labels is None else labels))


def awake(state: State) -> State:
    """Move all weights a little, so that no layer stands at zeros."""
    weights = [weight for network in state.networks.values() for weight in network.parameters()]
    with torch.no_grad():
        for place, weight in enumerate(weights):
            weight.add_(0.05 * normal(*weight.shape, seed=place))
    return state
