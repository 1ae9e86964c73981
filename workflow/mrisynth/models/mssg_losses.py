"""One step of MSSG on one batch, drawn before it is taken, and its two losses on a piece of that batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mrisynth.models.interface import State
from mrisynth.models.recorded import Recorded
from mrisynth.training.augmentation import AugmentationDraw
from mrisynth.training.covariate_losses import told_loss
from mrisynth.training.losses import logistic_critic_loss, logistic_generator_loss, zero_centred_penalty
from mrisynth.training.precision import computing_in
from mrisynth.training.slice_augmentation import augment_slices


@dataclass(kw_only=True)
class MssgStep(Recorded):
    """One optimiser step with all that was drawn for it, so that it can be taken piece by piece, and again if need be.

    Attributes:
        images: reals [batch, channels, row, column] in [-1, 1].
        labels: what the critic's heads learn of the reals; a gap teaches nothing.
        asked: what the fakes are told to be, without gaps.
        latents: [batch, latent].
        draw: augmentation of the images, the same for a real and its fake; None for none.
        weights: of what is told, in the critic's and in the generator's loss.
        penalty_weight: of R1, halved; 0 in a step without penalty.
    """

    state: State
    images: Tensor
    asked: Tensor
    latents: Tensor
    draw: AugmentationDraw | None = None
    weights: tuple[float, float]
    penalty_weight: float = 0.0

    def fakes(self, piece: slice) -> Tensor:
        """Return new images of the generator, in 32-bit floats."""
        with computing_in(self.state.recipe.precision, self.images):
            return self.state.networks["generator"](self.latents[piece], self.asked[piece]).float()

    def judged(self, images: Tensor, piece: slice, *, precision: str, tell: bool) -> tuple[Tensor, Tensor | None]:
        """Return scores [piece] and what the heads say of images, which the critic sees augmented."""
        seen = images if self.draw is None else augment_slices(images, self.draw.part(piece))
        with computing_in(precision, images):
            scores, said = self.state.networks["critic"](seen, tell=tell)
        return scores.float(), None if said is None else said.float()

    def told_loss(self, said: Tensor | None, labels: Tensor, piece: slice) -> Tensor:
        """Return how far the heads are from labels of the batch."""
        return told_loss(said, labels[piece], columns=self.state.columns, batch_labels=labels)


def critic_loss(step: MssgStep, piece: slice) -> Tensor:
    """Return the binary cross-entropy of reals and fakes, R1, and how far the heads are from what is known of reals.

    R1 is the mean squared norm of the slope of the score alone at reals before the augmentation (Mescheder et al.
    2018), in 32-bit floats. Heads learn nothing from fakes. The generator gets no gradient.
    """
    real, penalised = step.images[piece].float(), step.penalty_weight > 0
    with torch.no_grad():
        fake = step.fakes(piece)
    if penalised:
        real = real.detach().requires_grad_()
    precision = "fp32" if penalised else step.state.recipe.precision
    said_real, heads = step.judged(real, piece, precision=precision, tell=step.weights[0] > 0)
    said_fake, _ = step.judged(fake, piece, precision=step.state.recipe.precision, tell=False)
    loss = logistic_critic_loss(said_real, said_fake)
    right, sign = (said_real > said_fake).float().mean(), said_real.sign().mean()
    step.record(piece, critic_slice=loss, right_slice=right, sign_slice=sign)
    if penalised:
        slope = zero_centred_penalty(said_real, real)
        step.record(piece, penalty_slice=slope)
        loss = loss + step.penalty_weight * slope
    if heads is not None:
        told = step.told_loss(heads, step.labels, piece)
        step.record(piece, class_slice=told)
        loss = loss + step.weights[0] * told
    return loss


def generator_loss(step: MssgStep, piece: slice) -> Tensor:
    """Return the non-saturating loss and how far the heads are from what the fakes were told to be.

    The critic must not gather gradients meanwhile.
    """
    precision = step.state.recipe.precision
    scores, heads = step.judged(step.fakes(piece), piece, precision=precision, tell=step.weights[1] > 0)
    loss = logistic_generator_loss(scores)
    step.record(piece, generator_slice=loss)
    if heads is not None:
        told = step.told_loss(heads, step.asked, piece)
        step.record(piece, class_generator=told)
        loss = loss + step.weights[1] * told
    return loss
