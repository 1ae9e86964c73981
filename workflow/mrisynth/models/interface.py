"""The one interface of a generative system: all that training, export and sampling know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from mrisynth.recipes import ModelRecipe


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Real images [batch, 1, size, size, size] in [-1, 1] and their class numbers [batch]; -1 is missing."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a training: its name and the share of the model's training images that it gets."""

    name: str
    share: float = 1.0


@dataclass(kw_only=True)
class State:
    """Everything of a training that must be saved.

    Attributes:
        recipe: the model's recipe.
        classes: number of condition classes; 0 without a condition.
        networks: trained networks by name.
        averages: moving averages of those networks that the samples are made with, by the same names.
        optimisers: optimisers by name.
        step: number of updates done.
        skipped: number of updates with a loss or a gradient that was not finite.
        skipped_in_a_row: those among the last updates without a good one between.
    """

    recipe: ModelRecipe
    classes: int
    networks: dict[str, nn.Module]
    averages: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]
    step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = field(default=0)


class Family(Protocol):
    """A kind of generative system. Stateless: all that changes is in :class:`State`."""

    name: str

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return the stages of the training in order."""
        ...

    def batches_per_update(self, recipe: ModelRecipe) -> int:
        """Return how many batches of real images one update takes."""
        ...

    def latent_shape(self, recipe: ModelRecipe) -> tuple[int, ...]:
        """Return the shape of one latent, without the batch axis."""
        ...

    def generator(self, recipe: ModelRecipe, *, classes: int, seed: int) -> nn.Module:
        """Return the untrained generator alone, the same that :meth:`build` starts from."""
        ...

    def build(self, recipe: ModelRecipe, *, classes: int, seed: int, device: str) -> State:
        """Return the state before the first update."""
        ...

    def update(
        self, state: State, batches: Sequence[Batch], *, stage: Stage, step: int, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Do one update; return its losses, and under ``skipped`` how many of its steps were not finite.

        Args:
            state: changed in place, all but its counts.
            batches: :meth:`batches_per_update` batches.
            stage: one of :meth:`stages`.
            step: number of the update, from 0.
            generator: source of every random draw of this update, on the CPU.
        """
        ...

    def sample(self, network: nn.Module, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return volumes [batch, 1, size, size, size] and low-resolution volumes, both in [-1, 1]."""
        ...
