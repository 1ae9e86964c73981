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


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, mix: Tensor) -> Tensor:
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


def class_loss(logits: Tensor | None, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy over the images whose label is known; 0 without any, or without a class head.

    Args:
        logits: [batch, classes] or None.
        labels: [batch]; -1 is missing.
    """
    if logits is None:
        return torch.zeros((), device=labels.device)
    total = functional.cross_entropy(logits.float(), labels, ignore_index=-1, reduction="sum")
    return total / (labels >= 0).sum().clamp(min=1)
