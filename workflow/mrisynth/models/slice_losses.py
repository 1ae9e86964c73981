"""The losses of progressive models: a Wasserstein critic held to slope one, with a classifier of its own."""

from __future__ import annotations

from torch import Tensor

from mrisynth.models.slice_step import SliceStep
from mrisynth.training.losses import (
    class_loss,
    slope_one_penalty,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)


def critic_loss(step: SliceStep, piece: slice) -> Tensor:
    """Return the critic's loss on a piece of a batch; the generator gets no gradient.

    The mean score of fakes minus that of reals (``critic_slice`` of the curve), plus the weighted penalty of slopes
    other than one (Gulrajani et al. 2017), mean squared score of reals (Karras et al. 2018) and cross-entropy of the
    classes.
    """
    settings, labels = step.settings, step.labels[piece]
    fake = step.seen(step.fakes_for_critic(piece), piece)
    real = step.seen(step.images[piece], piece)
    said_real, real_logits = step.heads(real, classify=True)
    said_fake, fake_logits = step.heads(fake, classify=settings.classify_fakes)
    loss = wasserstein_critic_loss(said_real, said_fake)
    above = said_real - said_fake
    step.record(piece, critic_slice=loss, right_slice=(above > 0).float().mean(), sign_slice=above.sign().mean())
    if settings.penalty_weight:
        penalty = slope_one_penalty(step.scores_for_slope, real, fake, mix=step.mix[piece])
        step.record(piece, penalty_slice=penalty)
        loss = loss + settings.penalty_weight * penalty
    if settings.drift_weight:
        drift = said_real.square().mean()
        step.record(piece, drift=drift)
        loss = loss + settings.drift_weight * drift
    if real_logits is not None:
        named = class_loss(real_logits, labels, batch_labels=step.labels)
        step.record(piece, class_slice=named)
        loss = loss + settings.condition_weight * named
    if fake_logits is not None:
        named = class_loss(fake_logits, labels, batch_labels=step.labels)
        step.record(piece, class_fake=named)
        loss = loss + settings.condition_weight_fakes * named
    return loss


def generator_loss(step: SliceStep, piece: slice) -> Tensor:
    """Return the generator's loss on a piece of a batch; the critic must not gather gradients meanwhile.

    Minus the mean score of fakes (``generator_slice``), plus the weighted cross-entropy of the classes that they should
    be of.
    """
    settings = step.settings
    seen = step.seen(step.fakes_for_generator(piece), piece)
    scores, logits = step.heads(seen, classify=settings.condition_weight_generator > 0)
    loss = wasserstein_generator_loss(scores)
    step.record(piece, generator_slice=loss)
    if logits is not None:
        named = class_loss(logits, step.labels[piece], batch_labels=step.labels)
        step.record(piece, class_generator=named)
        loss = loss + settings.condition_weight_generator * named
    return loss
