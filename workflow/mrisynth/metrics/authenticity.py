"""Authenticity: the share of samples that are not suspiciously close to one training scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.quantiles import Z_95

SMALLEST = 6
"""Training participants that authenticity needs."""


@dataclass(frozen=True)
class Authenticity:
    """The share of authentic samples and its 95 % interval."""

    value: float
    low: float
    high: float


def authenticity(
    to_train: np.ndarray,
    among_train: np.ndarray,
    *,
    participants: Sequence[str],
    generator: np.random.Generator,
    replicates: int = 200,
) -> Authenticity:
    """Return the share of samples that lie further from their nearest training scan than that scan from its own.

    A sample is authentic when its distance to the nearest training scan t is larger than that of t to the nearest
    training scan of another participant. (The published form allows a second scan of the same person, which would
    hide copies of persons with several scans.) Alaa et al. 2022 (arXiv 2102.08921), section 3.2. Read it beside the
    value of held-out scans: copies lower it, and so do samples that are all close to the mean; noise raises it to 1.

    The interval is a delete-half jackknife over samples and training participants; it is rather too wide.

    Args:
        to_train: [samples, training scans], distances.
        among_train: [training scans, training scans], distances.
        participants: of each training scan.
        generator: of the halves.
        replicates: halves behind the interval.

    Raises:
        MrisynthError: fewer than two samples, or fewer than :data:`SMALLEST` training participants.
    """
    names, place = np.unique(np.asarray(participants, dtype=np.str_), return_inverse=True)
    if len(names) < SMALLEST or len(to_train) < 2:
        raise MrisynthError(
            f"Authenticity needs 2 samples and {SMALLEST} training participants or more, found {len(to_train)} "
            f"samples and {len(names)} participants."
        )
    apart = np.where(place[:, None] == place[None], np.inf, among_train)
    value = _share(to_train, apart)
    found = []
    for _ in range(replicates):
        samples = generator.permutation(len(to_train))[: len(to_train) // 2]
        scans = np.flatnonzero(np.isin(place, generator.permutation(len(names))[: len(names) // 2]))
        found.append(_share(to_train[np.ix_(samples, scans)], apart[np.ix_(scans, scans)]))
    shrunk = (value * len(to_train) + 2) / (len(to_train) + 4)  # never 0 or 1, so that the error is never 0
    error = max(float(np.std(found, ddof=1)), float(np.sqrt(shrunk * (1 - shrunk) / len(to_train))))
    low, high = np.clip((value - Z_95 * error, value + Z_95 * error), 0.0, 1.0)
    return Authenticity(value, float(low), float(high))


def _share(to_train: np.ndarray, apart: np.ndarray) -> float:
    nearest = to_train.argmin(axis=1)
    return float((to_train[np.arange(len(to_train)), nearest] > apart.min(axis=1)[nearest]).mean())
