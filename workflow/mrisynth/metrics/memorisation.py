"""Whether samples lie closer to the scans that a model was trained on than to scans that it never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.quantiles import Z_95

SMALLEST = 4
"""Participants of each side, and samples, that a ratio needs."""

_TAIL = 25.0  # nearest neighbours beyond this many expected places have a share below exp(-25)


@dataclass(frozen=True)
class NearestRatio:
    """A ratio of distances with its 95 % interval, and how often chance alone makes it as small.

    Attributes:
        value: mean distance to the nearest training participant over that to the nearest held-out one; 1 is
            expected, below 1 samples lie closer to what was trained on. Missing where all are copies of held-out scans.
        low, high: ends of the 95 % interval.
        p_value: share of exchanges of participants with a ratio as small, one-sided; missing without exchanges, and
            where all samples are copies of scans of both sides, so that there is no ratio.
    """

    value: float
    low: float
    high: float
    p_value: float


def nearest_ratio(
    to_train: np.ndarray,
    to_held_out: np.ndarray,
    *,
    generator: np.random.Generator,
    permutations: int = 999,
    replicates: int = 200,
) -> NearestRatio:
    """Return how much nearer samples lie to training than to held-out participants, at equal numbers of both.

    More participants have a nearer one among them, so the larger side counts as k participants drawn from it, k the
    number of the smaller side. The mean over all such draws is exact: the j-th nearest of n is the nearest of k
    drawn with probability C(n - 1 - j, k - 1) / C(n, k), j from 0. The test exchanges the participants of both sides
    by chance: were the samples made without the training scans, no exchange would matter. The interval is a
    delete-half jackknife of the logarithm over participants of each side and samples.

    The idea is that of the distance to the closest record, which by itself says little about privacy; read it with
    the membership attack.

    Args:
        to_train: [samples, participants], distance to the nearest scan of each training participant.
        to_held_out: [samples, participants] likewise.
        generator: of the exchanges and halves.
        permutations: exchanges; 0 for no test.
        replicates: halves behind the interval.

    Raises:
        MrisynthError: fewer than :data:`SMALLEST` samples, or participants of a side.
    """
    smallest = min(len(to_train), to_train.shape[1], to_held_out.shape[1])
    if smallest < SMALLEST:
        raise MrisynthError(
            f"A ratio of nearest distances needs {SMALLEST} samples, training and held-out participants or more, "
            f"found {len(to_train)}, {to_train.shape[1]} and {to_held_out.shape[1]}."
        )
    pool = np.concatenate([to_train, to_held_out], axis=1)
    from_train = np.arange(pool.shape[1]) < to_train.shape[1]
    size = min(from_train.sum(), (~from_train).sum())
    nearest = _Nearest(pool, size=int(size))
    value = nearest.log_ratio(from_train)
    error = _error(to_train, to_held_out, generator=generator, replicates=replicates)
    chance = np.array([nearest.log_ratio(generator.permutation(from_train)) for _ in range(permutations)])
    tested = permutations and not np.isnan(value)
    p_value = (1 + (chance <= value + 1e-12).sum()) / (1 + permutations) if tested else np.nan
    low, high = (float(np.exp(value + side * Z_95 * error)) for side in (-1, 1))
    if not np.isfinite(value):  # a side at distance 0: an end of the scale, which halves cannot surround
        low = high = np.nan
    return NearestRatio(float(np.exp(value)) if value < np.inf else np.nan, low, high, float(p_value))


class _Nearest:
    """Distances [samples, participants], sorted once: the mean nearest of k of any part of the participants."""

    def __init__(self, pool: np.ndarray, *, size: int) -> None:
        count = pool.shape[1]
        kept = min(count, int(np.ceil(_TAIL * count / size)))
        self._order = np.argsort(pool, axis=1)[:, :kept]
        self._distances = np.take_along_axis(pool, self._order, axis=1)
        self._size = size

    def log_ratio(self, from_train: np.ndarray) -> float:
        """Return the logarithm of the ratio where ``from_train`` [participants] says who was trained on."""
        train, held_out = (self._mean(side) for side in (from_train, ~from_train))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(train) - np.log(held_out)
        return float(ratio)

    def _mean(self, side: np.ndarray) -> float:
        chosen = side[self._order]
        rank = np.cumsum(chosen, axis=1) - 1
        shares = _shares(int(side.sum()), self._size)[np.maximum(rank, 0)] * chosen
        return float((shares * self._distances).sum() / shares.sum())


def _shares(count: int, size: int) -> np.ndarray:
    """Return for each place how often it is the nearest of ``size`` drawn from ``count``; the shares sum to 1."""
    places = np.arange(count - 1)
    left = np.maximum(count - places - size, 0) / (count - 1 - places)
    return size / count * np.concatenate([[1.0], np.cumprod(left)])


def _error(to_train: np.ndarray, to_held_out: np.ndarray, *, generator: np.random.Generator, replicates: int) -> float:
    """Return the standard error of the log ratio: its spread over halves of samples and of both sides."""
    sides = (to_train, to_held_out)
    size = min(side.shape[1] // 2 for side in sides)
    found = []
    for _ in range(replicates):
        samples = generator.permutation(len(to_train))[: len(to_train) // 2]
        halves = [side[np.ix_(samples, generator.permutation(side.shape[1])[: side.shape[1] // 2])] for side in sides]
        from_train = np.arange(sum(half.shape[1] for half in halves)) < halves[0].shape[1]
        found.append(_Nearest(np.concatenate(halves, axis=1), size=size).log_ratio(from_train))
    finite = np.array(found)[np.isfinite(found)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else np.nan
