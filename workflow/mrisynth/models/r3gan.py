"""R3GAN: a relativistic GAN held in check by zero-centred penalties alone, for slices."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import fields, replace
from math import prod

import torch
from torch import Tensor, nn

from mrisynth.errors import ConfigError
from mrisynth.models.contexts import frozen, seeded
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.models.one_stage import NETWORKS, OneStage, draw_of_batch
from mrisynth.models.r3gan_losses import R3ganStep, critic_loss, generator_loss
from mrisynth.models.r3gan_settings import R3ganSettings
from mrisynth.models.slice_step import Taken
from mrisynth.networks.r3gan_networks import LARGEST, SMALLEST, R3ganCritic, R3ganGenerator
from mrisynth.recipes import ModelRecipe

_WIDTH_STEP = LARGEST // 32  # so that every width of the ladder is a whole number


class R3gan(OneStage):
    """R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN!"): one critic, one resolution, no tricks.

    One update is a step of the critic and one of the generator, on the same reals with new latents. Learning rate,
    Adam's second decay and the weight of the penalties follow half a cosine over the training.
    """

    name = "r3gan"
    defaults: R3ganSettings = R3ganSettings()

    def settings(self, recipe: ModelRecipe) -> R3ganSettings:
        """Return the recipe's settings with this family's defaults filled in.

        Raises:
            ConfigError: when a setting is unknown or out of its range, or the size is none of this family's.
        """
        unknown = sorted(set(recipe.family_recipe) - {field.name for field in fields(self.defaults)})
        if unknown:
            raise ConfigError(f"models.{recipe.name}.recipe: {self.name} has no setting {', '.join(unknown)}.")
        settings = replace(self.defaults, **recipe.family_recipe)
        _check(recipe, settings)
        return settings

    def condition_input(self, recipe: ModelRecipe) -> str:
        """Return ``embedding``: a vector for each joint class, zeros for a label with something missing."""
        return "embedding"

    def network(self, name: str, recipe: ModelRecipe, *, columns: Sequence[int], seed: int) -> nn.Module:
        """Return one untrained network, on the CPU."""
        settings = self.settings(recipe)
        shared = {
            "channels": recipe.channels,
            "width": settings.width,
            "classes": prod(columns) if columns else 0,
            "blocks_per_level": settings.blocks_per_level,
            "group_channels": settings.group_channels,
        }
        with seeded(seed, recipe.name, name):
            if name == "generator":
                return R3ganGenerator(recipe.size, latent=settings.latent, **shared)
            return R3ganCritic(recipe.size, spread=settings.spread, **shared)

    def build(self, recipe: ModelRecipe, *, columns: Sequence[int], seed: int, device: str) -> State:
        """Return the state before the first update; the moving average starts from the same weights."""
        settings = self.settings(recipe)
        networks = {name: self.network(name, recipe, columns=columns, seed=seed).to(device) for name in NETWORKS}
        rates = {"lr": settings.learning_rate_at(0.0), "betas": settings.betas_at(0.0)}
        return State(
            recipe=recipe,
            classes=prod(columns) if columns else 0,
            networks=networks,
            averages={"generator": deepcopy(networks["generator"]).requires_grad_(requires_grad=False)},
            optimisers={
                name: torch.optim.Adam(network.parameters(), fused=device != "meta", **rates)
                for name, network in networks.items()
            },
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
        """Do a step of the critic and one of the generator; see :class:`mrisynth.models.interface.Family`.

        Losses: ``critic_slice`` and ``generator_slice`` without penalty, ``right_slice``, ``sign_slice`` (of real minus
        fake), ``penalty_slice`` (R1 + R2, halved and not weighted; only of an update that carries it).
        """
        settings, (batch,) = self.settings(state.recipe), batches
        for optimiser in state.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"], group["betas"] = settings.learning_rate_at(progress), settings.betas_at(progress)
        gamma = settings.gamma_at(progress, size=state.recipe.size)
        weight = 0.0 if step % settings.penalty_every else gamma * settings.penalty_every
        taken = Taken(state)
        drawn = _drawn(state, settings, batch, random=generator)
        taken.step(critic_loss, replace(drawn, penalty_weight=weight), ["critic"])
        with frozen(state.networks["critic"]):
            taken.step(generator_loss, _drawn(state, settings, batch, random=generator), ["generator"])
        return taken.losses()


def _drawn(state: State, settings: R3ganSettings, batch: Batch, *, random: torch.Generator) -> R3ganStep:
    images = state.recipe.batch_size
    latents = torch.randn(images, settings.latent, generator=random).to(batch.images.device)
    draw = draw_of_batch(state.recipe, strength=state.augmentation, random=random)
    return R3ganStep(state=state, images=batch.images, labels=batch.labels, latents=latents, draw=draw)


def _check(recipe: ModelRecipe, settings: R3ganSettings) -> None:
    if recipe.size.bit_count() != 1 or not SMALLEST <= recipe.size <= LARGEST:
        raise ConfigError(
            f"models.{recipe.name}.size: {recipe.size}; r3gan makes images of {SMALLEST} to {LARGEST} pixels a side, a "
            "power of 2."
        )
    where = f"models.{recipe.name}.recipe"
    if settings.width < 1 or settings.width % _WIDTH_STEP:
        raise ConfigError(f"{where}.width: {settings.width}; expected a multiple of {_WIDTH_STEP}.")
    for name in ("latent", "blocks_per_level", "group_channels", "penalty_every"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"{where}.{name}: {getattr(settings, name)}; expected 1 or more.")
