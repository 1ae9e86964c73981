"""The two steps of latent diffusion, drawn before they are taken, and their losses on a piece of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mrisynth.diffusion import noise_prediction, rectified_flow
from mrisynth.models.interface import State
from mrisynth.models.latent_diffusion_settings import LatentDiffusionSettings
from mrisynth.models.recorded import Recorded
from mrisynth.training.precision import computing_in


@dataclass(kw_only=True)
class AutoencoderStep(Recorded):
    """A step of the autoencoder, and of the critic that sees what it made.

    Attributes:
        images: [batch, channels, size, ...] in [-1, 1].
        noise: standard normal, of the shape of the latents.
        judged: whether the critic has a say.
        made: of the shape of the images, to be filled with their reconstructions, for the critic's step.
    """

    state: State
    settings: LatentDiffusionSettings
    images: Tensor
    noise: Tensor
    judged: bool
    made: Tensor

    def seen(self, images: Tensor) -> list[Tensor]:
        """Return what the critic's layers see of images, its verdict on every patch last."""
        with computing_in(self.state.recipe.precision, images):
            return [layer.float() for layer in self.state.networks["critic"](images)]


@dataclass(kw_only=True)
class DenoisingStep(Recorded):
    """A step of the denoiser.

    Attributes:
        clean: normalised latents [batch, channels, n, ...].
        noise: standard normal, of the same shape.
        times: [batch], of rectified flow from 0 to 1, otherwise steps, int64.
        untold: bool [batch], shown without a context.
        hidden: bool [batch, columns], values told as missing; None where nothing is told.
        hints: what is shown of masks, [batch, classes, size, ...]; None in a step of the denoiser itself.
    """

    state: State
    settings: LatentDiffusionSettings
    clean: Tensor
    noise: Tensor
    times: Tensor
    untold: Tensor
    hidden: Tensor | None
    hints: Tensor | None = None


def autoencoder_loss(step: AutoencoderStep, piece: slice) -> Tensor:
    """Return error, divergence of the latents, and what the critic makes of the reconstruction.

    The critic's part is the least-squares loss (Mao et al. 2017) and the distance of its layers' features, each
    layer's divided by their mean size. The critic must not gather gradients meanwhile.
    """
    settings, images = step.settings, step.images[piece]
    autoencoder = step.state.networks["generator"].autoencoder
    with computing_in(step.state.recipe.precision, images):
        mean, deviation = autoencoder.encode(images)
        made = autoencoder.decode(mean + deviation * step.noise[piece]).float()
    mean, deviation = mean.float(), deviation.float()
    error = functional.l1_loss if settings.reconstruction == "l1" else functional.mse_loss
    missed = error(made, images)
    divergence = 0.5 * (mean.square() + deviation.square() - 2 * deviation.clamp(min=1e-12).log() - 1).mean()
    step.record(piece, generator_reconstruction=missed, divergence=divergence)
    step.made[piece] = made.detach()
    loss = missed + settings.kl_weight * divergence
    if step.judged:
        *features, verdict = step.seen(made)
        with torch.no_grad():
            *wanted, _ = step.seen(images)
        distance = sum(_relative(ours, theirs) for ours, theirs in zip(features, wanted, strict=True))
        fooled = (verdict - 1).square().mean()
        step.record(piece, generator_patches=fooled, generator_features=distance / len(features))
        loss = loss + settings.adversarial_weight * fooled + settings.feature_weight * distance / len(features)
    return loss


def patch_critic_loss(step: AutoencoderStep, piece: slice) -> Tensor:
    """Return the least-squares loss of the critic: 1 for patches of images, 0 for those of reconstructions."""
    real, fake = step.seen(step.images[piece])[-1], step.seen(step.made[piece])[-1]
    loss = 0.5 * ((real - 1).square().mean() + fake.square().mean())
    step.record(piece, critic_patches=loss)
    return loss


def denoising_loss(step: DenoisingStep, piece: slice) -> Tensor:
    """Return the mean squared error of what the denoiser says of noisy latents, by masks where they are shown."""
    generator, settings = step.state.networks["generator"], step.settings
    clean, noise, times = step.clean[piece], step.noise[piece], step.times[piece]
    with computing_in(step.state.recipe.precision, clean):
        hidden = None if step.hidden is None else step.hidden[piece]
        context = generator.tokens(step.labels[piece], hidden)
        if context is not None:
            context = context * ~step.untold[piece][:, None, None]
        if settings.objective == "rectified_flow":
            x, target = rectified_flow.mixed(clean, noise, times), rectified_flow.slope(clean, noise)
        else:
            x, target, times = noise_prediction.noised(clean, noise, times), noise, times / noise_prediction.STEPS
        added = None if step.hints is None else generator.control(x, times, step.hints[piece], context)
        said = generator.denoiser(x, times, context, added=added)
    loss = functional.mse_loss(said.float(), target)
    step.record(piece, **{"generator_denoising" if step.hints is None else "generator_control": loss})
    return loss


def _relative(features: Tensor, wanted: Tensor) -> Tensor:
    return (features - wanted).abs().mean() / wanted.abs().mean().clamp(min=1e-6)
