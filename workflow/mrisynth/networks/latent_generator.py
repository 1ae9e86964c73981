"""The whole of a latent diffusion model as one network: noise and labels in, images out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mrisynth.diffusion.guidance import guided
from mrisynth.diffusion.noise_prediction import denoise
from mrisynth.diffusion.rectified_flow import flow
from mrisynth.networks.context_tokens import ContextTokens
from mrisynth.networks.control_branch import ControlBranch
from mrisynth.networks.text_context import TextContext


class LatentGenerator(nn.Module):
    """Autoencoder, denoiser and context with the scale of the latents.

    Args:
        autoencoder: :class:`mrisynth.networks.latent_autoencoder.LatentAutoencoder` or ``FoldedVoxels``.
        denoiser: :class:`mrisynth.networks.denoiser.Denoiser`.
        context: tokens of the labels; None for a model that is told nothing.
        dimensions: 2 or 3.
        objective: ``rectified_flow`` or ``epsilon``.
        sampler: of the objective.
        steps: of the sampler.
        guidance: see :func:`mrisynth.diffusion.guidance.guided`.
        control: branch that masks steer the denoiser by; None for a model that is told none.
        slabs: in how many slabs images are decoded one by one; 1 for whole, together.

    Attributes:
        latent_mean: float32 [channels], of the latents as the autoencoder makes them.
        latent_deviation: float32 [channels].
        denoises: 1 when the denoiser has begun to learn; before that samples are decoded noise.
    """

    def __init__(
        self,
        autoencoder: nn.Module,
        denoiser: nn.Module,
        context: ContextTokens | TextContext | None,
        *,
        dimensions: int,
        objective: str,
        sampler: str,
        steps: int,
        guidance: float,
        control: ControlBranch | None = None,
        slabs: int = 1,
    ) -> None:
        super().__init__()
        self.autoencoder, self.denoiser, self.context = autoencoder, denoiser, context
        self.objective, self.sampler, self.steps, self.guidance = objective, sampler, steps, guidance
        self.control, self.slabs = control, slabs
        self._ones = [1] * dimensions
        self.register_buffer("latent_mean", torch.zeros(autoencoder.latent_channels))
        self.register_buffer("latent_deviation", torch.ones(autoencoder.latent_channels))
        self.register_buffer("denoises", torch.zeros(()))

    def normalised(self, latents: Tensor) -> Tensor:
        """Return latents of the autoencoder with mean 0 and deviation 1 in every channel."""
        return (latents - self._per_channel(self.latent_mean)) / self._per_channel(self.latent_deviation)

    def restored(self, latents: Tensor) -> Tensor:
        """Undo :meth:`normalised`."""
        return latents * self._per_channel(self.latent_deviation) + self._per_channel(self.latent_mean)

    def tokens(self, labels: Tensor, hidden: Tensor | None = None) -> Tensor | None:
        """Return the context of labels, None where nothing is told; see :mod:`mrisynth.networks.text_context`."""
        return None if self.context is None else self.context(labels, hidden)

    def latents_of(self, noise: Tensor, labels: Tensor, masks: Tensor | None = None) -> Tensor:
        """Return normalised latents drawn from noise [batch, channels, n, ...], by masks where there are any."""
        if not self.denoises:
            return noise
        hints = None if masks is None else self.control.hints(masks)

        def said(x: Tensor, times: Tensor, context: Tensor | None) -> Tensor:
            if hints is None:
                return self.denoiser(x, times, context)
            both = hints.repeat(len(x) // len(hints), *[1] * (hints.dim() - 1))  # guidance asks for twice as many
            return self.denoiser(x, times, context, added=self.control(x, times, both, context))

        predict = guided(said, self.tokens(labels), scale=self.guidance)
        if self.objective == "rectified_flow":
            return flow(predict, noise, steps=self.steps, sampler=self.sampler)
        return denoise(predict, noise, steps=self.steps, sampler=self.sampler)

    def forward(self, noise: Tensor, labels: Tensor, masks: Tensor | None = None) -> Tensor:
        """Return images [batch, channels, size, ...], near [-1, 1].

        Args:
            noise: standard normal [batch, channels, n, ...].
            labels: of each image.
            masks: whole numbers [batch, size, ...] that steer the images; None for none.
        """
        return self.autoencoder.decode(self.restored(self.latents_of(noise, labels, masks)), slabs=self.slabs)

    def _per_channel(self, values: Tensor) -> Tensor:
        return values.view(1, -1, *self._ones)
