"""One step of R3GAN on one batch, drawn before it is taken, and its two losses on a piece of that batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mrisynth.models.interface import State
from mrisynth.models.recorded import Recorded
from mrisynth.training.augmentation import AugmentationDraw
from mrisynth.training.losses import relativistic_critic_loss, relativistic_generator_loss, zero_centred_penalty
from mrisynth.training.precision import computing_in
from mrisynth.training.slice_augmentation import augment_slices


@dataclass(kw_only=True)
class R3ganStep(Recorded):
    """One optimiser step with all that was drawn for it, so that it can be taken piece by piece, and again if need be.

    Attributes:
        images: reals [batch, channels, row, column] in [-1, 1].
        labels: int64 [batch], of the reals and of the fakes; below 0 is missing.
        latents: [batch, latent].
        draw: augmentation of the images, the same for a real and its fake; None for none.
        penalty_weight: of R1 + R2, halved; 0 in a step without penalty.
    """

    state: State
    images: Tensor
    latents: Tensor
    draw: AugmentationDraw | None = None
    penalty_weight: float = 0.0

    def fakes(self, piece: slice) -> Tensor:
        """Return new images of the generator, in 32-bit floats."""
        with computing_in(self.state.recipe.precision, self.images):
            return self.state.networks["generator"](self.latents[piece], self.labels[piece]).float()

    def scores(self, images: Tensor, piece: slice, *, precision: str) -> Tensor:
        """Return the critic's scores [piece] of images, which it sees augmented."""
        seen = images if self.draw is None else augment_slices(images, self.draw.part(piece))
        with computing_in(precision, images):
            return self.state.networks["critic"](seen, self.labels[piece]).float()


def critic_loss(step: R3ganStep, piece: slice) -> Tensor:
    """Return the mean of softplus(D(fake) - D(real)) and, weighted by half of gamma, R1 + R2.

    R1 and R2 are the mean squared norms of the critic's slope in reals and in fakes (Roth et al. 2017; Mescheder et al.
    2018), by the images before the augmentation, and computed in 32-bit floats together with the scores. The generator
    gets no gradient.
    """
    real, penalised = step.images[piece].float(), step.penalty_weight > 0
    with torch.no_grad():
        fake = step.fakes(piece)
    if penalised:
        real, fake = real.detach().requires_grad_(), fake.requires_grad_()
    precision = "fp32" if penalised else step.state.recipe.precision
    said_real, said_fake = (step.scores(images, piece, precision=precision) for images in (real, fake))
    loss = relativistic_critic_loss(said_real, said_fake)
    apart = said_real - said_fake
    step.record(
        piece, critic_slice=loss, right_slice=(apart > 0).float().mean(), sign_slice=apart.sign().mean()
    )  # fmt: skip
    if not penalised:
        return loss
    slopes = zero_centred_penalty(said_real, real) + zero_centred_penalty(said_fake, fake)
    step.record(piece, penalty_slice=slopes)
    return loss + step.penalty_weight * slopes


def generator_loss(step: R3ganStep, piece: slice) -> Tensor:
    """Return the mean of softplus(D(real) - D(fake)); the critic must not gather gradients meanwhile."""
    precision = step.state.recipe.precision
    with torch.no_grad():
        said_real = step.scores(step.images[piece].float(), piece, precision=precision)
    loss = relativistic_generator_loss(step.scores(step.fakes(piece), piece, precision=precision), said_real)
    step.record(piece, generator_slice=loss)
    return loss
