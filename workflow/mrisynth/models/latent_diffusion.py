"""Latent diffusion in 2D and 3D: an autoencoder first, then a denoiser of its latents."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.diffusion.noise_prediction import STEPS
from mrisynth.diffusion.rectified_flow import draw_times
from mrisynth.models.contexts import frozen, seeded
from mrisynth.models.interface import Batch, NumberedBatches, Stage, State
from mrisynth.models.latent_diffusion_losses import (
    AutoencoderStep,
    DenoisingStep,
    autoencoder_loss,
    denoising_loss,
    patch_critic_loss,
)
from mrisynth.models.latent_diffusion_settings import LatentDiffusionSettings, settings_of
from mrisynth.models.one_stage import draw_of_batch
from mrisynth.models.slice_step import Taken
from mrisynth.networks.covariate_vector import CovariateVector
from mrisynth.networks.denoiser import Denoiser
from mrisynth.networks.latent_autoencoder import FoldedVoxels, LatentAutoencoder
from mrisynth.networks.latent_generator import LatentGenerator
from mrisynth.networks.text_columns import TextColumns
from mrisynth.networks.text_context import context_of
from mrisynth.networks.unet_shape import UnetShape
from mrisynth.recipes import ModelRecipe
from mrisynth.training.augmentation import augment
from mrisynth.training.slice_augmentation import augment_slices

_MEASURED_IMAGES = 64
_LATENTS = "latents"
_LARGE, _SLABS = 192, 4  # volumes from that size on are decoded in so many slabs


class LatentDiffusion:
    """Latent diffusion (Rombach et al. 2022; of 3D brains Pinaya et al. 2022), by default as a rectified flow.

    Stage one trains the autoencoder, with a critic of patches once it has learnt the coarse. Then its moving average
    is frozen; the latents of an image are the means of its encoder, computed once a chunk, and the denoiser learns
    them. Samples are decoded latents drawn by the average of the denoiser.
    """

    name = "latent_diffusion"
    defaults: LatentDiffusionSettings = LatentDiffusionSettings()

    def settings(self, recipe: ModelRecipe) -> LatentDiffusionSettings:
        """Return the recipe's settings with this family's defaults filled in."""
        return settings_of(recipe, self.defaults)

    def stages(self, recipe: ModelRecipe) -> list[Stage]:
        """Return autoencoder and denoiser; without an autoencoder the denoiser alone."""
        settings = self.settings(recipe)
        if settings.autoencoder == "none":
            return [Stage(name="denoiser")]
        share = settings.autoencoder_share
        return [Stage(name="autoencoder", share=share), Stage(name="denoiser", share=1 - share)]

    def batches_per_update(self, recipe: ModelRecipe, stage: Stage) -> int:
        """Return 1, of the denoiser as many as its setting says."""
        return self.settings(recipe).denoiser_batches if stage.name == "denoiser" else 1

    def latent_shape(self, recipe: ModelRecipe) -> tuple[int, ...]:
        """Return (channels, n, ...)."""
        settings = self.settings(recipe)
        return (settings.channels_of(recipe), *[recipe.size // settings.factor] * recipe.dimensions)

    def condition_input(self, recipe: ModelRecipe) -> str:
        """Return ``embedding_per_column``: each column is told by itself, and a gap has a meaning."""
        return "embedding_per_column"

    def exported(self, recipe: ModelRecipe) -> list[str]:
        """Return the generator alone: autoencoder, denoiser and tokens are parts of it."""
        return ["generator"]

    def network(self, name: str, recipe: ModelRecipe, *, columns: Sequence[int], seed: int) -> nn.Module:
        """Return one untrained network, on the CPU."""
        settings = self.settings(recipe)
        with seeded(seed, recipe.name, name):
            return _critic(recipe, settings) if name == "critic" else self.generator(recipe, columns=columns)

    def build(self, recipe: ModelRecipe, *, columns: Sequence[int], seed: int, device: str) -> State:
        """Return the state before the first update; the moving average starts from the same weights."""
        settings, order = self.settings(recipe), torch.channels_last_3d
        names = ["generator", *(["critic"] if _has_critic(settings) else [])]
        networks = {name: self.network(name, recipe, columns=columns, seed=seed).to(device) for name in names}
        if recipe.dimensions == 3:
            networks = {name: network.to(memory_format=order) for name, network in networks.items()}
        generator = networks["generator"]
        parts = self.parts(generator)
        parts |= {"critic": list(networks["critic"].parameters())} if "critic" in networks else {}
        return State(
            recipe=recipe,
            classes=CovariateVector(columns).classes,
            columns=columns,
            networks=networks,
            averages={"generator": deepcopy(generator).requires_grad_(requires_grad=False)},
            optimisers={
                name: torch.optim.AdamW(
                    weights,
                    lr=getattr(settings, f"learning_rate_{name}"),
                    betas=(0.5, 0.9) if name == "critic" else (0.9, 0.99),
                    weight_decay=0.0 if name == "critic" else settings.weight_decay,
                    fused=device != "meta",
                )
                for name, weights in parts.items()
            },
        )

    def generator(self, recipe: ModelRecipe, *, columns: Sequence[int]) -> LatentGenerator:
        """Return an untrained generator; its weights are drawn from torch's generator."""
        settings = self.settings(recipe)
        shared = {"dimensions": recipe.dimensions, "channels": recipe.channels, "patch": settings.patch}
        if settings.autoencoder == "kl":
            autoencoder: nn.Module = LatentAutoencoder(
                widths=settings.autoencoder_widths, blocks=settings.autoencoder_blocks,
                latent_channels=settings.latent_channels, **shared,
            )  # fmt: skip
        else:
            autoencoder = FoldedVoxels(**shared)
        context = context_of(columns, width=settings.token_width)
        denoiser = Denoiser(self.shape(recipe, columns=columns))
        return LatentGenerator(
            autoencoder, denoiser, context, dimensions=recipe.dimensions, objective=settings.objective,
            sampler=settings.chosen_sampler, steps=settings.steps, guidance=settings.guidance,
            slabs=_SLABS if recipe.dimensions == 3 and recipe.size >= _LARGE else 1,
        )  # fmt: skip

    def shape(self, recipe: ModelRecipe, *, columns: Sequence[int]) -> UnetShape:
        """Return the shape of the denoiser."""
        settings = self.settings(recipe)
        return UnetShape(
            dimensions=recipe.dimensions,
            channels=settings.channels_of(recipe),
            widths=settings.denoiser_widths,
            blocks=settings.denoiser_blocks,
            attention_from=settings.attention_from,
            head_width=settings.head_width,
            tokens=len(columns),
            token_width=settings.token_width,
            summed=isinstance(columns, TextColumns),
        )

    def parts(self, generator: LatentGenerator) -> dict[str, list[nn.Parameter]]:
        """Return the weights of the generator by the optimiser that trains them."""
        told = generator.context.parameters() if generator.context is not None else ()
        parts = {"autoencoder": list(generator.autoencoder.parameters())}
        parts |= {"denoiser": [*generator.denoiser.parameters(), *told]}
        return {name: weights for name, weights in parts.items() if weights}

    def enter_stage(self, state: State, stage: Stage, batches: NumberedBatches, *, first: int) -> None:
        """Freeze the averaged autoencoder and measure its latents, before the denoiser begins."""
        if stage.name != "denoiser":
            return
        settings, generator = self.settings(state.recipe), state.networks["generator"]
        average = state.averages["generator"]
        generator.autoencoder.load_state_dict(average.autoencoder.state_dict())
        if settings.latent_scale is not None:
            generator.latent_deviation.fill_(1 / settings.latent_scale)
        else:
            count = ceil(_MEASURED_IMAGES / state.recipe.batch_size)
            found = [self._latents(state, batches[number]) for number in range(first, first + count)]
            channels = torch.cat(found).double().transpose(0, 1).flatten(1)
            generator.latent_mean.copy_(channels.mean(dim=1))
            generator.latent_deviation.copy_(channels.std(dim=1).clamp(min=1e-6))
        generator.denoises.fill_(1)

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
        """Do an update of the stage; see :class:`mrisynth.models.interface.Family`.

        Losses of the autoencoder: ``generator_reconstruction``, ``divergence``, and from when the critic has a say
        ``generator_patches``, ``generator_features`` and ``critic_patches``; of the denoiser ``generator_denoising``.
        """
        taken = Taken(state)
        self._set_rates(state, progress=progress, step=step)
        if stage.name == "autoencoder":
            drawn = self._autoencoding(state, batches[0], progress=progress, random=generator)
            with frozen(*[state.networks[name] for name in ("critic",) if drawn.judged]):
                taken.step(autoencoder_loss, drawn, ["autoencoder"])
            if drawn.judged:
                taken.step(patch_critic_loss, replace(drawn, recorded={}), ["critic"])
        else:
            self.denoise(taken, state, batches, stage=stage, random=generator)
        return taken.losses()

    def denoise(
        self, taken: Taken, state: State, batches: Sequence[Batch], *, stage: Stage, random: torch.Generator
    ) -> None:
        """Take the step of a stage behind the autoencoder's."""
        taken.step(denoising_loss, self.denoising(state, batches, random=random), [stage.name])

    def sample(
        self, network: nn.Module, latents: Tensor, labels: Tensor, masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return images and their averages over blocks of 4 voxels a side, both in [-1, 1]."""
        images = network(latents, labels, masks).float().clamp(-1, 1)
        pool = functional.avg_pool3d if images.dim() == 5 else functional.avg_pool2d
        return images, pool(images, 4)

    def _autoencoding(self, state: State, batch: Batch, *, progress: float, random: torch.Generator) -> AutoencoderStep:
        settings, count, images = self.settings(state.recipe), len(batch.images), batch.images
        noise = torch.randn(count, *self.latent_shape(state.recipe), generator=random)
        draw = draw_of_batch(state.recipe, strength=state.augmentation, random=random)
        if draw is not None:
            images = augment(images, draw) if state.recipe.dimensions == 3 else augment_slices(images, draw)
        judged = _has_critic(settings) and progress >= settings.adversarial_from
        return AutoencoderStep(
            state=state, settings=settings, images=images, labels=batch.labels, noise=noise.to(images.device),
            judged=judged, made=torch.empty_like(images),
        )  # fmt: skip

    def _set_rates(self, state: State, *, progress: float, step: int) -> None:
        """Give every optimiser its rate at a share of a stage, ``step`` updates into the training."""
        settings = self.settings(state.recipe)
        rate = settings.rate(progress=progress, step=step)
        for name, optimiser in state.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = rate * getattr(settings, f"learning_rate_{name}")

    def denoising(self, state: State, batches: Sequence[Batch], *, random: torch.Generator) -> DenoisingStep:
        """Draw a step of the denoiser: latents of all batches, noise, times, and what is told."""
        settings, device = self.settings(state.recipe), batches[0].images.device
        found = torch.cat([self._latents(state, batch) for batch in batches])
        labels, count = torch.cat([batch.labels for batch in batches]), len(found)
        noise = torch.randn(*found.shape, generator=random)
        if settings.objective == "rectified_flow":
            times = draw_times(count, kind=settings.times, generator=random)
        else:
            times = torch.randint(STEPS, (count,), generator=random)
        untold = torch.rand(count, generator=random) < settings.condition_dropout
        hidden = torch.rand(count, max(1, len(state.columns)), generator=random) < settings.value_dropout
        return DenoisingStep(
            state=state, settings=settings, labels=labels, times=times.to(device), noise=noise.to(device),
            clean=state.networks["generator"].normalised(found), untold=untold.to(device),
            hidden=hidden.to(device) if len(state.columns) else None,
        )  # fmt: skip

    @torch.no_grad()
    def _latents(self, state: State, batch: Batch) -> Tensor:
        """Return the means of a batch's latents; those of an image that was met before come from memory."""
        autoencoder, known = state.networks["generator"].autoencoder, state.memory.setdefault(_LATENTS, {})
        if batch.rows is None:
            return autoencoder.encode(batch.images)[0]
        for row, image in zip(batch.rows.tolist(), batch.images, strict=True):
            if row not in known:  # one at a time: kernels for two round otherwise than for one
                known[row] = autoencoder.encode(image[None])[0].float()
        return torch.cat([known[row] for row in batch.rows.tolist()])


def _has_critic(settings: LatentDiffusionSettings) -> bool:
    return settings.autoencoder == "kl" and (settings.adversarial_weight > 0 or settings.feature_weight > 0)


def _critic(recipe: ModelRecipe, settings: LatentDiffusionSettings) -> nn.Module:
    from monai.networks.nets import PatchDiscriminator

    return PatchDiscriminator(
        recipe.dimensions,
        channels=settings.critic_width,
        in_channels=recipe.channels,
        num_layers_d=settings.critic_layers,
        norm="INSTANCE",
    )
