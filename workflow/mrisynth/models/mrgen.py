"""MRGen: latent diffusion that masks steer, also in a domain of which no mask is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mrisynth.models.contexts import frozen
from mrisynth.models.interface import Batch, NumberedBatches, Stage, State
from mrisynth.models.latent_diffusion import LatentDiffusion
from mrisynth.models.latent_diffusion_losses import denoising_loss
from mrisynth.models.mrgen_settings import MrgenSettings, mrgen_settings_of
from mrisynth.models.slice_step import Taken
from mrisynth.networks.control_branch import NO_MASK, ControlBranch
from mrisynth.networks.latent_generator import LatentGenerator
from mrisynth.networks.mask_ablation import draw_masks, hide_classes
from mrisynth.recipes import ModelRecipe


class Mrgen(LatentDiffusion):
    """MRGen (Wu et al. 2025): stages one and two are latent diffusion, stage three trains a branch that sees masks.

    Denoiser and autoencoder stay as stage two left them (their moving averages). Images of all domains are shown in
    stage three, those without a mask with a blank one: where things are is learnt from the annotated, what they look
    like from what all are told. The branch itself is told masks alone: of a domain without masks it would learn that
    there nothing is to be steered. Whoever makes batches hides the masks of unannotated domains; here a mask of 255 is
    one that is not known.
    """

    name = "mrgen"
    defaults: MrgenSettings = MrgenSettings()

    def settings(self, recipe: ModelRecipe) -> MrgenSettings:
        """Return the recipe's settings with this family's defaults filled in."""
        return mrgen_settings_of(recipe, self.defaults)

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return those of latent diffusion with what is left of their shares, then the branch's."""
        settings = self.settings(recipe)
        *before, denoiser = super().stages(recipe)
        share = 1 - settings.control_share - sum(stage.share for stage in before)
        return [*before, Stage(name=denoiser.name, share=share), Stage(name="control", share=settings.control_share)]

    def batches_per_update(self, recipe: ModelRecipe, stage: Stage) -> int:
        """Return what latent diffusion takes; of the branch as many as of the denoiser."""
        return super().batches_per_update(recipe, Stage(name="denoiser") if stage.name == "control" else stage)

    def generator(self, recipe: ModelRecipe, *, columns: Sequence[int]) -> LatentGenerator:
        """Return an untrained generator with its branch."""
        made, settings = super().generator(recipe, columns=columns), self.settings(recipe)
        greys = [-1 + 2 * number / settings.classes for number in range(settings.classes + 1)]
        made.control = ControlBranch(
            self.shape(recipe, columns=columns),
            classes=settings.classes,
            patch=settings.patch,
            factor=settings.factor,
            greys=greys if settings.mask_input == "grey" else None,
            told=settings.branch_told,
        )
        return made

    def parts(self, generator: LatentGenerator) -> dict[str, list[nn.Parameter]]:
        """Return the weights of the generator by the optimiser that trains them."""
        return super().parts(generator) | {"control": list(generator.control.parameters())}

    def enter_stage(self, state: State, stage: Stage, batches: NumberedBatches, *, first: int) -> None:
        """Before the branch begins, freeze the averaged denoiser, and let the branch start from it."""
        super().enter_stage(state, stage, batches, first=first)
        if stage.name == "control":
            generator, average = state.networks["generator"], state.averages["generator"]
            for name in ("denoiser", "context"):
                if getattr(generator, name) is not None:
                    getattr(generator, name).load_state_dict(getattr(average, name).state_dict())
            for network in (generator, average):
                network.control.start_from(generator.denoiser)

    def denoise(
        self, taken: Taken, state: State, batches: Sequence[Batch], *, stage: Stage, random: torch.Generator
    ) -> None:
        """Take a step of the denoiser, or of the branch; its loss is ``generator_control``."""
        if stage.name != "control":
            super().denoise(taken, state, batches, stage=stage, random=random)
            return
        settings, network = self.settings(state.recipe), state.networks["generator"]
        drawn = self.denoising(state, batches, random=random)
        masks = torch.cat([_known_masks(batch) for batch in batches])
        shown = draw_masks(
            len(masks), classes=settings.classes, dropout=settings.mask_dropout, ablation=settings.class_ablation,
            generator=random,
        )  # fmt: skip
        drawn.hints = network.control.hints(hide_classes(masks, shown))
        held = [part for part in (network.denoiser, network.context) if part is not None]
        with frozen(*held):
            taken.step(denoising_loss, drawn, ["control"])


def _known_masks(batch: Batch) -> Tensor:
    """Return the masks of a batch, those that are not known as background throughout."""
    if batch.masks is None:
        return torch.zeros(len(batch.images), *batch.images.shape[2:], dtype=torch.uint8, device=batch.images.device)
    return torch.where(batch.masks == NO_MASK, 0, batch.masks)
