"""Intervals of metrics of two sets of features, by halves of the scans and of the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.comparison import Comparison, SmoothComparison, Value
from mrisynth.metrics.quantiles import t_95
from mrisynth.seeds import numpy_generator

_EVALUATIONS = 20  # behind a value that is a mean over parts of n rows
_LEFT_OUT = 0.15  # of a part; more rows than that are worth one part more
_MOST_PARTS = 24  # of a replicate
_LEAST_SHARE = 1 / math.sqrt(3)  # of an error by halves, where pairs of rows decide all

_Rows = tuple[np.ndarray, np.ndarray] | tuple[None, None]


@dataclass(frozen=True)
class Interval:
    """Values of a metric with their 95 % intervals.

    Attributes:
        value: [values], of all rows, or the mean over parts of n rows a set.
        low, high: [values], missing (NaN) where half of a set is too small for the metric.
        replicates: [replicates, values], the value plus the scaled deviation of each draw of halves, so that their
            standard deviation is the standard error; not clipped to the bounds. Empty where the interval is missing.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    replicates: np.ndarray

    def numbers(self, column: int) -> dict[str, float]:
        """Return ``value``, ``low`` and ``high`` of one value."""
        return {name: float(getattr(self, name)[column]) for name in ("value", "low", "high")}

    def gap(self, column: int) -> str:
        """Return a sentence where there is a value without an interval, else nothing."""
        if np.isnan(self.value[column]) or not np.isnan(self.low[column]):
            return ""
        return "No interval: half of the scans are too few for this score."


def interval(
    comparison: Comparison,
    *,
    real_groups: Sequence[str] | np.ndarray,
    synthetic_count: int,
    metric_values: Sequence[Value],
    seed: int,
    entity: str,
    replicates: int = 200,
    n: int | None = None,
) -> Interval:
    """Return the values of a comparison and 95 % intervals of their expectation at these numbers of rows.

    Delete-half jackknife (Shao and Wu 1989): a replicate is the metric of half of the scans and half of the samples,
    drawn without replacement, as a row drawn twice is its own neighbour and bends every metric. Halves vary too much
    in what pairs of rows decide (thrice the variance where single rows decide nothing, as with KID of two draws of one
    distribution). Where a comparison knows its influences, their squares give the variance (infinitesimal jackknife:
    twice at worst) or a part of it, and the replicates are scaled to it. Ends are by Student's t with as many degrees
    of freedom as the fewer of participants and samples, less one; those of a share of 0 or 1 reach at least as far as
    the exact ones (Clopper and Pearson) of none or all of the rows.

    Args:
        comparison: the prepared sets.
        real_groups: [real rows], the participant of each; the scans of one are drawn together.
        synthetic_count: samples in the comparison.
        metric_values: what the numbers of the comparison are; their bounds clip the interval.
        seed: the study's seed.
        entity: what is compared with; halves of the scans depend on (seed, entity, replicate) alone, so that two
            models with one entity share them, see :func:`mrisynth.metrics.pairs.paired_difference`.
        replicates: draws of halves.
        n: rows a set at which the metric is wanted; None for all rows. A larger set is cut into parts of n rows by
            chance, and values and replicates are means over the parts.

    Raises:
        MrisynthError: a set has fewer than n rows, or the comparison refuses whole sets.
    """
    groups = np.asarray(real_groups)
    counts = (len(groups), synthetic_count)
    sizes = counts if n is None else (n, n)
    if min(counts[0] - sizes[0], counts[1] - sizes[1]) < 0:
        raise MrisynthError(f"A metric at {n} rows a set needs so many, found {counts[0]} scans, {counts[1]} samples.")
    draws = _Draws(groups, synthetic_count, seed=seed, entity=entity)
    whole = list(draws.whole(sizes))
    value = np.mean([comparison(*rows) for rows in whole], axis=0)
    halves = (sizes[0] // 2, sizes[1] // 2)
    if min(halves) < comparison.smallest or len(draws.members) < 2 or replicates < 2:
        missing = np.full(len(value), np.nan)
        return Interval(value, missing, missing.copy(), np.empty((0, len(value))))
    deviations = _halves(comparison, draws, halves, replicates=replicates)
    if isinstance(comparison, SmoothComparison):
        deviations *= _smooth_share(comparison, draws, whole, deviations.std(axis=0, ddof=1))
    fewer = min(len(draws.members), draws.counts[1])
    reach = t_95(fewer - 1) * deviations.std(axis=0, ddof=1)
    low, high = _ends(value, reach, metric_values, rows=fewer)
    return Interval(value, low, high, value + deviations)


class _Draws:
    """Rows of both sets, drawn without replacement; those of one participant stay together."""

    def __init__(self, groups: np.ndarray, synthetic_count: int, *, seed: int, entity: str) -> None:
        _, inverse = np.unique(groups, return_inverse=True)
        self.members = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
        self.counts = (len(groups), synthetic_count)
        self._seed, self._entity = seed, entity

    def whole(self, sizes: tuple[int, int]) -> Iterator[_Rows]:
        """Yield parts of ``sizes`` rows of the whole sets, once or some twenty times; (None, None) for all rows."""
        if sizes == self.counts:
            yield None, None
            return
        for number in range(math.ceil(_EVALUATIONS / _parts(self.counts, sizes))):
            yield from self.parts("part", number, sizes, self.counts)

    def parts(self, stage: str, number: int, sizes: tuple[int, int], counts: tuple[int, int]) -> Iterator[_Rows]:
        """Yield parts of ``sizes`` rows that together hold ``counts`` rows drawn of each set, but for a few."""
        generator = numpy_generator(self._seed, f"{stage} of the scans", self._entity, number)
        real = np.concatenate([self.members[group] for group in generator.permutation(len(self.members))])
        generator = numpy_generator(self._seed, f"{stage} of the samples", self._entity, number)
        synthetic = generator.permutation(self.counts[1])
        for part in range(_parts(counts, sizes)):
            yield _part(real[: counts[0]], part, sizes[0]), _part(synthetic[: counts[1]], part, sizes[1])


def _halves(comparison: Comparison, draws: _Draws, halves: tuple[int, int], *, replicates: int) -> np.ndarray:
    """Return deviations [replicates, values] whose standard deviation is the delete-half standard error."""
    counts = (draws.counts[0] // 2, draws.counts[1] // 2)
    values = np.array(
        [
            np.mean([comparison(*rows) for rows in draws.parts("half", number, halves, counts)], axis=0)
            for number in range(replicates)
        ]
    )
    scale = max(math.sqrt(half / (count - half)) for half, count in zip(counts, draws.counts, strict=True))
    return scale * (values - values.mean(axis=0))


def _smooth_share(
    comparison: SmoothComparison, draws: _Draws, whole: Sequence[_Rows], half_error: np.ndarray
) -> np.ndarray:
    """Return the standard error with influences in units [values] of that by halves, at least 1 / sqrt(3)."""
    totals = [np.zeros((count, len(half_error))) for count in draws.counts]
    for rows in whole:
        for total, chosen, influences in zip(totals, rows, comparison.influences(*rows), strict=True):
            total[slice(None) if chosen is None else chosen] += influences / len(whole)
    by_participant = np.array([totals[0][rows].sum(axis=0) for rows in draws.members])
    variance = (by_participant**2).sum(axis=0) + (totals[1] ** 2).sum(axis=0)
    weights = np.array(comparison.half_weights)
    error = np.sqrt(weights * half_error**2 + (1.0 - weights) * variance)
    share = np.divide(error, half_error, where=half_error > 0, out=np.ones_like(error))
    return np.maximum(share, _LEAST_SHARE)


def _parts(counts: tuple[int, int], sizes: tuple[int, int]) -> int:
    real, synthetic = (_windows(count, size) for count, size in zip(counts, sizes, strict=True))
    every = math.lcm(real, synthetic)
    return every if every <= _MOST_PARTS else max(real, synthetic)


def _windows(count: int, size: int) -> int:
    return math.ceil(count / size - _LEFT_OUT)


def _part(rows: np.ndarray, number: int, size: int) -> np.ndarray:
    """Return a part of the rows; where they are no multiple of its size, parts overlap as little as can be."""
    parts = _windows(len(rows), size)
    start = round(number % parts * len(rows) / parts)
    return np.sort(np.roll(rows, -start)[:size])


def _ends(value: np.ndarray, reach: np.ndarray, values: Sequence[Value], *, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends within the bounds; for a share of 0 or 1 at least those of none or all of so many rows."""
    lowest = np.array([-np.inf if one.lowest is None else one.lowest for one in values])
    highest = np.array([np.inf if one.highest is None else one.highest for one in values])
    share = 1.0 - 0.025 ** (1.0 / rows)
    unseen = np.where(np.isfinite(highest - lowest), share * (highest - lowest), 0.0)
    low = np.where(value >= highest, np.minimum(value - reach, highest - unseen), value - reach)
    high = np.where(value <= lowest, np.maximum(value + reach, lowest + unseen), value + reach)
    return np.clip(low, lowest, highest), np.clip(high, lowest, highest)
