"""Means over classes, such as balanced accuracy, with intervals that hold where nearly all are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.metrics.quantiles import Z_95
from mrisynth.seeds import numpy_generator


@dataclass(frozen=True)
class Estimate:
    """A value, and the normal distribution that its interval is cut from.

    Attributes:
        value: the value.
        centre: middle of the interval, before it is clipped.
        error: standard error; missing (NaN) where it cannot be told.
    """

    value: float
    centre: float
    error: float

    def ends(self, z: float = Z_95, *, lowest: float = -np.inf, highest: float = np.inf) -> tuple[float, float]:
        """Return both ends of the interval; they hold the value and stay within its bounds."""
        low, high = self.centre - z * self.error, self.centre + z * self.error
        if np.isnan(low):
            return low, high
        return max(min(low, self.value), lowest), min(max(high, self.value), highest)

    def widened(self, error: float) -> Estimate:
        """Return the estimate with an independent standard error added."""
        return Estimate(self.value, self.centre, float(np.hypot(self.error, error)))


def mean_over_classes(
    items: np.ndarray, classes: Sequence[str], *, groups: Sequence[str], extremes: tuple[float, float] | None = None
) -> Estimate:
    """Return the mean over classes of the means of their items, with its standard error over participants.

    Items of right (1) and wrong (0) give the balanced accuracy; differences of two of them the difference. Counts of
    right answers make the plain normal approximation too narrow near 0 and 1 (a perfect score would have no error at
    all), so that, with ``extremes``, 2 / k imagined participants of either extreme join each of k classes (Price and
    Bonett 2004, Comput. Stat. Data Anal. 45, 449, for one scan a participant; of several scans of one their mean counts
    as one answer, as if they all went the same way).

    Args:
        items: [n].
        classes: class of each; all equal for a plain mean.
        groups: participant of each.
        extremes: smallest and largest possible item; None for a plain normal approximation, as for errors in years.

    Returns:
        The estimate, missing (NaN) where there are no items.
    """
    if not len(items):
        return Estimate(*(float("nan"),) * 3)
    names = sorted(set(classes))
    value, centre, variance = 0.0, 0.0, 0.0
    for name in names:
        mine = [place for place, word in enumerate(classes) if word == name]
        people: dict[str, list[float]] = {}
        for place in mine:
            people.setdefault(groups[place], []).append(float(items[place]))
        means = np.array([np.mean(found) for found in people.values()])
        weights = np.ones(len(means))
        if extremes is not None:
            means, weights = np.append(means, extremes), np.append(weights, [2 / len(names)] * 2)
        count = weights.sum()
        middle = float(weights @ means / count)
        spread = float(weights @ (means - middle) ** 2)
        value += float(np.mean(items[mine])) / len(names)
        centre += middle / len(names)
        if extremes is not None:
            variance += spread / count**2 / len(names) ** 2
        elif len(people) > 1:
            variance += spread / (count * (count - 1)) / len(names) ** 2
        else:
            variance = float("nan")
    return Estimate(value, centre, float(np.sqrt(variance)))


def half_sample_estimate(
    statistic: Callable[[np.ndarray], float],
    classes: Sequence[str],
    *,
    groups: Sequence[str],
    seed: int,
    halves: int = 200,
) -> Estimate:
    """Return a statistic of rows with its standard error by the delete-half jackknife over participants.

    Each half holds half of the participants of every class, drawn without replacement; the spread of a smooth statistic
    over halves is its standard error over participants (Shao and Wu 1989, Ann. Stat. 17, 1176). Draws depend on the
    seed and the participants alone, so that statistics of the same rows are paired.

    Args:
        statistic: takes row numbers, int64 [m].
        classes: class of each row; a participant has that of the first row.
        groups: participant of each row.
        seed: seed of the halves.
        halves: how many are drawn.
    """
    value = float(statistic(np.arange(len(groups))))
    drawn = list(half_samples(classes, groups=groups, seed=seed, halves=halves, least=4))
    error = float(np.std([statistic(rows) for rows in drawn], ddof=1)) if drawn else float("nan")
    return Estimate(value, value, error)


def half_samples(
    classes: Sequence[str], *, groups: Sequence[str], seed: int, halves: int, least: int = 2
) -> Iterator[np.ndarray]:
    """Yield the rows of halves of the participants of every class, int64 sorted; none where a class has too few.

    Args:
        classes: class of each row; a participant has that of the first row.
        groups: participant of each row.
        seed: seed of the halves.
        halves: how many are drawn.
        least: fewest participants that a class must have.
    """
    rows: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        rows.setdefault(group, []).append(place)
    by_class: dict[str, list[str]] = {}
    for group, mine in rows.items():
        by_class.setdefault(classes[mine[0]], []).append(group)
    if min(len(people) for people in by_class.values()) < least:
        return
    for number in range(halves):
        generator = numpy_generator(seed, "half", number)
        kept = [
            place
            for name in sorted(by_class)
            for person in generator.permutation(len(by_class[name]))[: len(by_class[name]) // 2]
            for place in rows[by_class[name][person]]
        ]
        yield np.sort(np.array(kept, dtype=np.int64))
