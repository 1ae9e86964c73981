"""MSSG: one generator of slices from several sources, each of which knows covariates of its own."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from mrisynth.models.contexts import frozen, seeded
from mrisynth.models.interface import Batch, Stage, State
from mrisynth.models.mssg_losses import MssgStep, critic_loss, generator_loss
from mrisynth.models.mssg_settings import MssgSettings, settings_of
from mrisynth.models.one_stage import NETWORKS, OneStage, draw_of_batch
from mrisynth.models.slice_step import Taken
from mrisynth.networks.covariate_vector import CovariateVector
from mrisynth.networks.mssg_critic import MssgCritic
from mrisynth.networks.mssg_generator import MssgGenerator
from mrisynth.recipes import ModelRecipe


class Mssg(OneStage):
    """Multi-source StyleGAN (MIDL 2024), by default with every change that :class:`MssgSettings` can undo.

    The generator is told the source and all covariates; what a source does not know is drawn beside what it knows. The
    critic is told nothing: its heads say source and covariates, and learn them from the scans that know them. One
    update is a step of the critic and one of the generator. Without covariates, the classes of a categorical condition
    take their place.
    """

    name = "mssg"
    defaults: MssgSettings = MssgSettings()

    def settings(self, recipe: ModelRecipe) -> MssgSettings:
        """Return the recipe's settings with this family's defaults filled in."""
        return settings_of(recipe)

    def condition_input(self, recipe: ModelRecipe) -> str:
        """Return ``one_hot``: what is told stands as it is beside the latent; what is missing as zeros."""
        return "one_hot"

    def network(self, name: str, recipe: ModelRecipe, *, columns: Sequence[int], seed: int) -> nn.Module:
        """Return one untrained network, on the CPU."""
        settings = self.settings(recipe)
        shared = {"columns": columns, "channels": recipe.channels, "width": settings.width, "full_to": settings.full_to}
        with seeded(seed, recipe.name, name):
            if name == "critic":
                return MssgCritic(recipe.size, spread=settings.spread, head_width=settings.head_width, **shared)
            return MssgGenerator(
                recipe.size,
                latent=settings.latent,
                style=settings.style,
                mapping_layers=settings.mapping_layers,
                **shared,
            )

    def build(self, recipe: ModelRecipe, *, columns: Sequence[int], seed: int, device: str) -> State:
        """Return the state before the first update; the moving average starts from the same weights."""
        settings = self.settings(recipe)
        networks = {name: self.network(name, recipe, columns=columns, seed=seed).to(device) for name in NETWORKS}
        betas, fused = (0.0, settings.beta2), device != "meta"
        rates = {"generator": settings.learning_rate_generator, "critic": settings.learning_rate_critic}
        return State(
            recipe=recipe,
            classes=CovariateVector(columns).classes,
            columns=columns,
            networks=networks,
            averages={"generator": deepcopy(networks["generator"]).requires_grad_(requires_grad=False)},
            optimisers={
                name: torch.optim.Adam(network.parameters(), lr=rates[name], betas=betas, fused=fused)
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

        Losses: ``critic_slice`` and ``generator_slice``, ``right_slice``, ``sign_slice``, ``penalty_slice`` (R1,
        halved and not weighted; only of an update that carries it), ``class_slice`` and ``class_generator`` (what the
        heads miss of reals and of fakes, not weighted).
        """
        settings, (batch,) = self.settings(state.recipe), batches
        taken = Taken(state)
        warm = settings.warmed_up(progress=progress, images_seen=step * state.recipe.batch_size)
        drawn = _drawn(state, settings, batch, warm=warm, random=generator)
        due = step % settings.penalty_every == 0
        weight = settings.gamma_of(state.recipe) * settings.penalty_every if due else 0.0
        taken.step(critic_loss, replace(drawn, penalty_weight=weight, recorded={}), ["critic"])
        with frozen(state.networks["critic"]):
            again = _drawn(state, settings, batch, warm=warm, random=generator)
            taken.step(generator_loss, again, ["generator"])
        return taken.losses()


def _drawn(
    state: State, settings: MssgSettings, batch: Batch, *, warm: float, random: torch.Generator
) -> MssgStep:  # fmt: skip
    images = state.recipe.batch_size
    latents = torch.randn(images, settings.latent, generator=random).to(batch.images.device)
    draw = draw_of_batch(state.recipe, strength=state.augmentation, random=random)
    return MssgStep(
        state=state,
        images=batch.images,
        labels=batch.asked if settings.missing == "imputed" else batch.labels,
        asked=batch.asked,
        latents=latents,
        draw=draw,
        weights=(warm * settings.condition_weight, warm * settings.condition_weight_generator),
    )
