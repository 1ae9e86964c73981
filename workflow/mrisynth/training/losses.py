"""Losses of adversarial training; scores are those of a critic, before any sigmoid."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from mrisynth.training.precision import computing_in


def logistic_critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return the binary cross-entropy of a critic, mean of -log s(real) plus mean of -log(1 - s(fake))."""
    return functional.softplus(-real_scores).mean() + functional.softplus(fake_scores).mean()


def logistic_generator_loss(fake_scores: Tensor) -> Tensor:
    """Return the non-saturating loss of a generator, mean of -log s(fake) (Goodfellow et al. 2014)."""
    return functional.softplus(-fake_scores).mean()


def wasserstein_critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return the mean score of fakes minus that of reals (Arjovsky et al. 2017)."""
    return fake_scores.mean() - real_scores.mean()


def wasserstein_generator_loss(fake_scores: Tensor) -> Tensor:
    """Return minus the mean score of fakes."""
    return -fake_scores.mean()


def relativistic_critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return the mean of softplus(fake - real) over pairs (Jolicoeur-Martineau 2019; R3GAN, Huang et al. 2024)."""
    return functional.softplus(fake_scores - real_scores).mean()


def relativistic_generator_loss(fake_scores: Tensor, real_scores: Tensor) -> Tensor:
    """Return the mean of softplus(real - fake) over pairs."""
    return functional.softplus(real_scores - fake_scores).mean()


def adversarial_critic_loss(kind: str, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Return the loss of a critic by name: ``logistic``, ``wasserstein`` or ``relativistic``."""
    return _CRITIC_LOSSES[kind](real_scores, fake_scores)


def adversarial_generator_loss(kind: str, fake_scores: Tensor, real_scores: Tensor) -> Tensor:
    """Return the loss of a generator by name; only ``relativistic`` looks at the scores of reals."""
    if kind == "relativistic":
        return relativistic_generator_loss(fake_scores, real_scores)
    return wasserstein_generator_loss(fake_scores) if kind == "wasserstein" else logistic_generator_loss(fake_scores)


def slope_one_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, mix: Tensor) -> Tensor:
    """Return the mean of (|gradient| - 1) squared at points between reals and fakes (Gulrajani et al. 2017).

    Computed in 32-bit floats whatever the precision around it.

    Args:
        critic: images to scores [batch].
        real: [batch, 1, x, y, z].
        fake: as ``real``.
        mix: [batch] in [0, 1], the share of the real image at each point.
    """
    share = mix.view(-1, *[1] * (real.dim() - 1))
    with computing_in("fp32", real):
        between = (share * real.float() + (1 - share) * fake.detach().float()).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def zero_centred_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """Return half the mean squared norm of the gradient of scores by their images (R1, Mescheder et al. 2018).

    Args:
        scores: [batch], computed from ``images`` in 32-bit floats.
        images: [batch, 1, x, y, z], with ``requires_grad``.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient.flatten(1).square().sum(dim=1).mean() / 2


def class_loss(logits: Tensor | None, labels: Tensor, *, batch_labels: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy over the images whose label is known; 0 without any, or without a class head.

    Args:
        logits: [images, classes] or None.
        labels: [images]; below 0 is missing.
        batch_labels: labels of the whole batch, when the images are a piece of it: the losses of its pieces, each
            weighted by its share of the images, then add up to that of the batch, however the missing labels fall.
    """
    if logits is None:
        return torch.zeros((), device=labels.device)
    batch = labels if batch_labels is None else batch_labels
    total = functional.cross_entropy(logits.float(), labels.clamp(min=-1), ignore_index=-1, reduction="sum")
    return total * (len(batch) / len(labels)) / (batch >= 0).sum().clamp(min=1)


_CRITIC_LOSSES = {
    "logistic": logistic_critic_loss,
    "wasserstein": wasserstein_critic_loss,
    "relativistic": relativistic_critic_loss,
}
