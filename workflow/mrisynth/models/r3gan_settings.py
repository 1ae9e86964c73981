"""The settings of R3GAN and what follows from them over a training."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, log, pi

_PUBLISHED_GAMMA = ((32, 0.05), (64, 2.0), (256, 150.0))  # at the start: CIFAR-10, FFHQ at 64 and at 256 pixels
_GAMMA_SHRINKS_TO = 0.1  # over every published training


@dataclass(frozen=True, kw_only=True)
class R3ganSettings:
    """The ``recipe:`` of a model of this family; a value and its ``_end`` are joined by half a cosine over a training.

    Published (Huang et al. 2024): width 768 for FFHQ at 256 pixels, batches of 256 to 512, and all the rest as here.
    The default width is an eighth of it, for a few thousand slices.

    Attributes:
        width: channels of the features up to 32 pixels, a multiple of 8.
        latent: length of a latent.
        blocks_per_level: residual blocks at every resolution, of each network.
        group_channels: channels of a group of the 3 x 3 convolutions.
        spread: ``none`` is published; ``groups`` or ``whole`` tell the critic how much the images of a batch differ.
        gamma: weight of R1 + R2, halved; None for :func:`gamma_of_size`.
        gamma_end: None for a tenth of ``gamma``.
        penalty_every: updates of which one carries the penalty, that many times stronger; 1 is published.
        learning_rate: of both networks, at the start.
        learning_rate_end: at the end.
        beta1: decay of Adam's mean.
        beta2: decay of Adam's square at the start.
        beta2_end: at the end.
    """

    width: int = 96
    latent: int = 64
    blocks_per_level: int = 2
    group_channels: int = 16
    spread: str = "none"
    gamma: float | None = None
    gamma_end: float | None = None
    penalty_every: int = 1
    learning_rate: float = 2e-4
    learning_rate_end: float = 5e-5
    beta1: float = 0.0
    beta2: float = 0.9
    beta2_end: float = 0.99

    def gamma_at(self, progress: float, *, size: int) -> float:
        """Return the weight of the penalties when a share ``progress`` of the training is done."""
        start = gamma_of_size(size) if self.gamma is None else self.gamma
        end = _GAMMA_SHRINKS_TO * start if self.gamma_end is None else self.gamma_end
        return along_cosine(start, end, progress=progress)

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate of both networks."""
        return along_cosine(self.learning_rate, self.learning_rate_end, progress=progress)

    def betas_at(self, progress: float) -> tuple[float, float]:
        """Return Adam's decays."""
        return float(self.beta1), along_cosine(self.beta2, self.beta2_end, progress=progress)


def along_cosine(start: float, end: float, *, progress: float) -> float:
    """Return a value on the half cosine from ``start`` (progress 0) to ``end`` (1)."""
    return float(end + (start - end) * (1 + cos(pi * progress)) / 2)


def gamma_of_size(size: int) -> float:
    """Return the penalties' weight at the start of a training of images of ``size`` pixels a side.

    Between the published sizes, 32, 64 and 256, its logarithm is linear in that of the size; beyond them it stays.
    """
    for (small, low), (large, high) in pairwise(_PUBLISHED_GAMMA):
        if size <= large:
            share = max(0.0, log(size / small) / log(large / small))
            return low * (high / low) ** share
    return _PUBLISHED_GAMMA[-1][1]
