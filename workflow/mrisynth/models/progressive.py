"""What progressive families of slices have in common: levels as stages, one critic, Wasserstein losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.models.contexts import frozen, seeded
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.models.progressive_settings import ProgressiveSettings, settings_of
from mrisynth.models.slice_losses import critic_loss, generator_loss
from mrisynth.models.slice_step import SliceStep, Taken
from mrisynth.networks.levels import fade_alpha, level_sizes, to_edge
from mrisynth.networks.progressive_critic import ProgressiveCritic
from mrisynth.recipes import ModelRecipe
from mrisynth.training.augmentation import draw_augmentation


class Progressive(ABC):
    """A generator and a critic that learn images of 4 x 4 pixels first, then twice as large ones, and so on.

    Each level is a stage. One update is the level's steps of the critic, each on a batch of its own, then one of the
    generator. The moving average of the generator makes the samples.
    """

    name: str
    defaults: ProgressiveSettings

    @abstractmethod
    def generator(self, recipe: ModelRecipe, *, classes: int) -> nn.Module:
        """Return an untrained generator."""

    @abstractmethod
    def inputs(self, state: State, images: int, random: torch.Generator) -> dict[str, Tensor]:
        """Draw what the generator is given beside the labels, by the names of its arguments, on the CPU."""

    @abstractmethod
    def generator_weights(self, recipe: ModelRecipe, generator: nn.Module) -> list[dict]:
        """Return the generator's parameter groups with their learning rates."""

    def settings(self, recipe: ModelRecipe) -> ProgressiveSettings:
        """Return the recipe's settings with this family's defaults filled in."""
        return settings_of(recipe, family=self.name, defaults=self.defaults)

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return the levels in order, each named by the edge of its images."""
        settings = self.settings(recipe)
        levels = level_sizes(recipe.size, first=settings.first_level)
        return [Stage(name=str(level), share=settings.share(level)) for level in levels]

    def batches_per_update(self, recipe: ModelRecipe, stage: Stage) -> int:
        """Return the batches of the recipe's size that make up the level's batch, times its steps of the critic."""
        settings, level = self.settings(recipe), int(stage.name)
        return settings.batch_size(level, recipe) // recipe.batch_size * settings.critic_steps(level)

    def latent_shape(self, recipe: ModelRecipe) -> tuple[int, ...]:
        """Return (latent,)."""
        return (self.settings(recipe).latent,)

    def condition_input(self, recipe: ModelRecipe) -> str:
        """Return ``embedding``: one vector for each joint class."""
        return "embedding"

    def exported(self, recipe: ModelRecipe) -> list[str]:
        """Return the generator alone."""
        return ["generator"]

    def network(self, name: str, recipe: ModelRecipe, *, columns: Sequence[int], seed: int) -> nn.Module:
        """Return one untrained network at its first level, on the CPU."""
        settings, classes = self.settings(recipe), prod(columns) if columns else 0
        with seeded(seed, recipe.name, name):
            if name == "generator":
                return self.generator(recipe, classes=classes)
            return ProgressiveCritic(
                recipe.size,
                width=settings.width,
                factors=settings.factors,
                channels=recipe.channels,
                classes=classes,
                class_head=settings.class_head,
                class_width=settings.class_width,
                spread=settings.spread,
                first=settings.first_level,
            )

    def build(self, recipe: ModelRecipe, *, columns: Sequence[int], seed: int, device: str) -> State:
        """Return the state before the first update; the moving average starts from the same weights."""
        settings = self.settings(recipe)
        networks = {
            name: self.network(name, recipe, columns=columns, seed=seed).to(device) for name in ("generator", "critic")
        }
        betas = tuple(map(float, settings.betas))
        critic = [{"params": list(networks["critic"].parameters()), "lr": settings.learning_rate_critic}]
        groups = {"generator": self.generator_weights(recipe, networks["generator"]), "critic": critic}
        fused = torch.device(device).type != "meta"
        return State(
            recipe=recipe,
            classes=prod(columns) if columns else 0,
            networks=networks,
            averages={"generator": deepcopy(networks["generator"]).requires_grad_(requires_grad=False)},
            optimisers={name: torch.optim.Adam(weights, betas=betas, fused=fused) for name, weights in groups.items()},
        )

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
        """Do the critic's steps and the generator's; see :class:`mrisynth.models.interface.Family`."""
        settings, level = self.settings(state.recipe), int(stage.name)
        alpha = fade_alpha(progress, share=settings.fade_share, fades=settings.fades(level))
        for network in state.networks.values():
            network.set_level(level, alpha)
        together = len(batches) // settings.critic_steps(level)
        taken = Taken(state)
        for first in range(0, len(batches), together):
            drawn = self._drawn(state, _joined(batches[first : first + together], level=level), random=generator)
            drawn.keeps = first + together == len(batches) and not settings.new_latents
            taken.step(critic_loss, drawn, ["critic"])
        if settings.new_latents:
            drawn = self._drawn(state, Batch(images=drawn.images, labels=drawn.labels), random=generator)
        with frozen(state.networks["critic"]):
            taken.step(generator_loss, drawn, ["generator"])
        self.after_steps(state, drawn)
        return taken.losses()

    def after_steps(self, state: State, drawn: SliceStep) -> None:  # noqa: B027 - most families have nothing to do
        """Do what is left to do once an update when its steps are taken; ``drawn`` is the generator's."""

    def sample(self, network: nn.Module, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return images at the model's size and area averages of 4 x 4 pixels, both in [-1, 1].

        A generator that has not reached its last level makes smaller images; their pixels are repeated.
        """
        images = to_edge(network(latents, labels), network.size)
        return images, functional.avg_pool2d(images, 4)

    def _drawn(self, state: State, batch: Batch, *, random: torch.Generator) -> SliceStep:
        count, device = len(batch.labels), batch.images.device
        inputs = self.inputs(state, count, random)
        mix = torch.rand(count, generator=random)
        draw = None
        if state.augmentation > 0:
            ranges = state.recipe.augmentation_range
            draw = draw_augmentation(ranges, count, strength=state.augmentation, generator=random)
        return SliceStep(
            state=state,
            settings=self.settings(state.recipe),
            images=batch.images,
            labels=batch.labels,
            inputs={name: value.to(device) for name, value in inputs.items()},
            mix=mix.to(device),
            draw=draw,
        )


def _joined(batches: Sequence[Batch], *, level: int) -> Batch:
    """Return batches as one, its images at a level's size."""
    return Batch(
        images=torch.cat([to_edge(batch.images, level) for batch in batches]),
        labels=torch.cat([batch.labels for batch in batches]),
    )
