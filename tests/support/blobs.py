"""Slices of bright blobs, high in the image for class 0 and low for class 1, and small trainings on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mrisynth.models import family
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.ema import decay_per_update, update_average

_HALF_LIFE = 200


def slice_recipe(name: str, *, settings: Mapping[str, Any] | None = None, **changes: Any) -> ModelRecipe:
    """Return the recipe of a small model of slices with a condition."""
    entries: dict[str, Any] = {
        "name": "model", "family": name, "condition": "diagnosis", "size": 8, "dimensions": 2, "images_total": 64,
        "images_per_chunk": 64, "batch_size": 4, "family_recipe": dict(settings or {}),
    }  # fmt: skip
    return ModelRecipe(**(entries | changes))


def blobs(count: int, *, size: int, generator: torch.Generator) -> Batch:
    """Return blobs, their centres at 0.3 or 0.7 of the rows and in the middle of the columns, give or take a little."""
    labels = torch.randint(2, (count,), generator=generator)
    moved = 0.05 * size * torch.randn(2, count, generator=generator)
    rows, columns = torch.where(labels == 0, 0.3, 0.7) * size + moved[0], size / 2 + moved[1]
    places = torch.arange(size) + 0.5
    away = (places[:, None] - rows[:, None, None]) ** 2 + (places - columns[:, None, None]) ** 2
    return Batch(images=2 * torch.exp(-away / (2 * (0.18 * size) ** 2))[:, None] - 1, labels=labels)


def middle_rows(images: Tensor) -> Tensor:
    """Return the row of the centre of brightness of each image, as a share of the rows."""
    weight = (images + 1).sum(dim=(1, 3))
    places = (torch.arange(weight.shape[1]) + 0.5) / weight.shape[1]
    return (weight * places).sum(dim=1) / weight.sum(dim=1)


def trained_on_blobs(recipe: ModelRecipe, *, updates: int) -> State:
    """Return the state after so many updates of each stage, its moving average kept."""
    member, random = family(recipe.family), torch.Generator().manual_seed(5)
    state = member.build(recipe, columns=(2,), seed=1, device="cpu")
    images = 0
    for stage in member.stages(recipe):
        for number in range(updates):
            batches = _batches(recipe, stage, random=random)
            steps = torch.Generator().manual_seed(state.step)
            member.update(state, batches, stage=stage, step=state.step, progress=number / updates, generator=steps)
            state.step += 1
            shown = len(batches) * recipe.batch_size
            images += shown
            decay = decay_per_update(shown, images_seen=images, half_life_images=_HALF_LIFE)
            update_average(state.averages["generator"], state.networks["generator"], decay=decay)
    return state


def _batches(recipe: ModelRecipe, stage: Stage, *, random: torch.Generator) -> list[Batch]:
    count = family(recipe.family).batches_per_update(recipe, stage)
    return [blobs(recipe.batch_size, size=recipe.size, generator=random) for _ in range(count)]
