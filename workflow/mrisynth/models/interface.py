"""The one interface of a generative system: all that training, export and sampling know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mrisynth.recipes import ModelRecipe
from mrisynth.training.steps import Stepper


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Real images in [-1, 1] and their class numbers [batch]; -1 is missing.

    Volumes are [batch, 1, size, size, size], slices [batch, channels, size, size] with row 0 at the top. Under a
    condition of covariates labels are rows, see :mod:`mrisynth.networks.covariate_columns`, in which NaN is what a
    source does not know of a scan; ``completed`` are the same rows with what is missing drawn beside what is known,
    anew in each batch. ``rows`` are the numbers of the images in the packed array, int64 [batch] on the CPU; None for
    images that stand in none. ``masks`` are whole numbers of the shape of the images without their axis of channels, 0
    the background, 255 throughout where the mask of an image is not known; None where a model is told none.
    """

    images: Tensor
    labels: Tensor
    completed: Tensor | None = None
    rows: Tensor | None = None
    masks: Tensor | None = None

    @property
    def asked(self) -> Tensor:
        """What a generator is told to make: labels without gaps, or the labels where no gap is filled."""
        return self.labels if self.completed is None else self.completed


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a training: its name and the share of the model's training images that it gets."""

    name: str
    share: float = 1.0


@dataclass(kw_only=True)
class State:
    """Everything of a training that must be saved, and the stepper that takes its steps.

    Attributes:
        recipe: the model's recipe.
        classes: number of condition classes; 0 without a condition.
        columns: those of the condition, as networks are given them, where its losses ask for them.
        networks: trained networks by name.
        averages: moving averages of those networks that the samples are made with, by the same names.
        optimisers: optimisers by name.
        step: number of updates done.
        skipped: number of updates with a loss or a gradient that was not finite.
        skipped_in_a_row: those among the last updates without a good one between.
        rollbacks: how often the training went back to weights from before.
        augmentation: strength of the adaptive augmentation, 0 to 1.
        best: the best weights of the present stage so far, where a family has them judged; else None.
        chosen: what was chosen of every stage that has ended, see :mod:`mrisynth.training.selection`.
        lengths: updates of stages by name, where another training has found out how many are best; not saved.
        stepper: takes optimiser steps; of it, only the number of parts is saved.
        memory: what a family has computed and could compute again; not saved.
    """

    recipe: ModelRecipe
    classes: int
    networks: dict[str, nn.Module]
    averages: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]
    step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    rollbacks: int = 0
    augmentation: float = 0.0
    best: dict[str, Any] | None = None
    chosen: list[dict[str, Any]] = field(default_factory=list)
    lengths: dict[str, int] = field(default_factory=dict)
    columns: Sequence[int] = ()
    stepper: Stepper = field(default_factory=Stepper)
    memory: dict[str, Any] = field(default_factory=dict)


class Family(Protocol):
    """A kind of generative system. Stateless: all that changes is in :class:`State`."""

    name: str

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return the stages of the training in order."""
        ...

    def batches_per_update(self, recipe: ModelRecipe, stage: Stage) -> int:
        """Return how many batches of real images, each of the recipe's size, one update of a stage takes."""
        ...

    def latent_shape(self, recipe: ModelRecipe) -> tuple[int, ...]:
        """Return the shape of one latent, without the batch axis."""
        ...

    def condition_input(self, recipe: ModelRecipe) -> str:
        """Return how the condition enters the generator: a kind of :mod:`mrisynth.networks.conditioning`."""
        ...

    def exported(self, recipe: ModelRecipe) -> list[str]:
        """Return the names of the networks that a finished model consists of, ``generator`` first."""
        ...

    def network(self, name: str, recipe: ModelRecipe, *, columns: Sequence[int], seed: int) -> nn.Module:
        """Return one untrained network, the same that :meth:`build` starts from, on the CPU.

        Args:
            name: one of the names in :class:`State`.
            columns: number of categories of each condition column; their product is the number of classes.
        """
        ...

    def build(self, recipe: ModelRecipe, *, columns: Sequence[int], seed: int, device: str) -> State:
        """Return the state before the first update."""
        ...

    def update(
        self,
        state: State,
        batches: Sequence[Batch],
        *,
        stage: Stage,
        step: int,
        progress: float,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Do one update; return its losses, and under ``skipped`` how many of its steps were not finite.

        Every step is taken by ``state.stepper``, and losses are means over the batch of all processes.

        Args:
            state: changed in place, all but its counts.
            batches: :meth:`batches_per_update` batches.
            stage: one of :meth:`stages`.
            step: number of the update, from 0.
            progress: share of the stage's updates that were done before this one, from 0 and below 1.
            generator: source of every random draw of this update, on the CPU.
        """
        ...

    def sample(self, network: nn.Module, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return images, of the shape of :class:`Batch`, and the same in low resolution, both in [-1, 1].

        A family that masks steer takes them as a last argument, whole numbers [batch, ...].
        """
        ...


class NumberedBatches(Protocol):
    """The batches of a training by their number, such as :class:`mrisynth.training.batches.Batches`."""

    def __getitem__(self, number: int) -> Batch:
        """Return a batch."""
        ...


class StagedFamily(Family, Protocol):
    """A family that has something to do between two stages."""

    def enter_stage(self, state: State, stage: Stage, batches: NumberedBatches, *, first: int) -> None:
        """Change the state before the first update of a stage.

        Args:
            state: changed in place.
            stage: that begins.
            batches: of the training.
            first: number of the stage's first batch.
        """
        ...


class JudgedFamily(Family, Protocol):
    """A family that has its stages judged, so that each goes on from the best weights of the one before."""

    def judged_from(self, recipe: ModelRecipe) -> float | None:
        """Return the share of every stage from which on its epochs are judged; None for no judging."""
        ...

    def judge(self, state: State, batch: Batch, *, generator: torch.Generator) -> float:
        """Return how good the state is on all validation images; higher is better."""
        ...
