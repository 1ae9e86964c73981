"""Distances between halves of sets: two halves of real scans, two of samples, and one of each, at one number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.metrics.comparison import metric
from mrisynth.metrics.features import standardised
from mrisynth.seeds import numpy_generator

KINDS = ("real_real", "real_fake", "fake_fake")
"""What is compared: two disjoint halves of the real scans, one of them with one of the samples, two of the samples."""


def size_of_halves(participants: Sequence[str], samples: int) -> int:
    """Return how many participants, and as many samples, make a half."""
    return min(len(set(participants)), samples) // 2


def halving_distances(
    name: str, real: np.ndarray, fake: np.ndarray, *, participants: Sequence[str], training: np.ndarray, seed: int,
    entity: str, draws: int,
) -> np.ndarray:  # fmt: skip
    """Return the distance of each kind in each of some random halvings, all halves of one number of rows.

    A half of the real rows holds one row, drawn by chance, of each of its participants, who are in no other half: rows
    of one person are alike, and would make halves of people farther apart than halves of samples are, or, parted,
    nearer. Halves of real rows depend on (seed, entity, draw) alone, so that all models are seen beside the same.

    The Fréchet distance of two halves is about proportional to the variance of the rows, over their number. The kernel
    distance has no such bias: over all halvings of one set its mean is 0, however alike the rows are, and only its
    spread says how much they vary. It is measured in standard deviations of the training scans, and as its cubic kernel
    grows with the distance from their mean, samples that are compared with samples are moved to the mean of the real
    rows first. (Moving both does not change a Fréchet distance.)

    Args:
        name: ``fid`` or ``kid``.
        real: [n, d], finite, of one split.
        fake: [m, d], finite.
        participants: [n], the person of each real row.
        training: [t, d], training scans, the scale of ``kid``; with t of 0 features stay as they are.
        seed: the study's seed.
        entity: what the real rows are.
        draws: halvings.

    Returns:
        [draws, kinds], float64, kinds as in :data:`KINDS`; [0, kinds] where a half would have too few rows.
    """
    chosen = metric(name)
    n = size_of_halves(participants, len(fake))
    if n < chosen.smallest:
        return np.empty((0, len(KINDS)))
    if name == "kid" and len(training):
        real, fake = standardised(real, training), standardised(fake, training)
    moved = fake.astype(np.float64) + (real.mean(axis=0, dtype=np.float64) - fake.mean(axis=0, dtype=np.float64))
    people = np.unique(np.asarray(participants), return_inverse=True)[1]
    found = []
    for draw in range(draws):
        scans = _halves(people, n, numpy_generator(seed, "halves of the scans", entity, draw))
        samples = _halves(np.arange(len(fake)), n, numpy_generator(seed, "halves of the samples", entity, draw))
        halves = (
            (real[scans[0]], real[scans[1]]),
            (real[scans[0]], fake[samples[0]]),
            (moved[samples[0]], moved[samples[1]]),
        )
        found.append([chosen.between(*pair)()[0] for pair in halves])
    return np.array(found, dtype=np.float64)


def _halves(people: np.ndarray, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of two halves of n people each, one row of each person."""
    order = generator.permutation(len(people))
    first = np.unique(people[order], return_index=True)[1]
    rows = generator.permutation(order[first])
    return rows[:n], rows[n : 2 * n]
