"""What families of slices have in common that are trained at one resolution, in one stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.models.interface import Stage
from mrisynth.recipes import ModelRecipe
from mrisynth.training.augmentation import AugmentationDraw, draw_augmentation

NETWORKS = ("generator", "critic")


class OneStage(ABC):
    """A generator and a critic of whole images; one update takes one batch."""

    @abstractmethod
    def settings(self, recipe: ModelRecipe) -> Any:
        """Return the recipe's settings with this family's defaults filled in."""

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return the one stage."""
        return [Stage(name="adversarial")]

    def batches_per_update(self, recipe: ModelRecipe, stage: Stage) -> int:
        """Return 1."""
        return 1

    def latent_shape(self, recipe: ModelRecipe) -> tuple[int, ...]:
        """Return (latent,)."""
        return (self.settings(recipe).latent,)

    def exported(self, recipe: ModelRecipe) -> list[str]:
        """Return the generator alone."""
        return ["generator"]

    def sample(self, network: nn.Module, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [batch, channels, size, size] and their averages over 4 x 4 pixels, both in [-1, 1]."""
        images = network(latents, labels).float().clamp(-1, 1)
        return images, functional.avg_pool2d(images, 4)


def draw_of_batch(recipe: ModelRecipe, *, strength: float, random: torch.Generator) -> AugmentationDraw | None:
    """Return the augmentation of a batch; None, and no random number is taken, where there is none."""
    if not strength > 0:
        return None
    return draw_augmentation(recipe.augmentation_range, recipe.batch_size, strength=strength, generator=random)
