"""Participants drawn with replacement, so that an interval knows that the scans of one person are no new evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit, logit

from mrisynth.metrics.quantiles import t_95
from mrisynth.metrics.shares import share_interval
from mrisynth.seeds import numpy_generator

LEAST_PARTICIPANTS = 4
"""Participants of a class below which resampling says nothing of what others of it would be like."""


def fewest_participants(labels: np.ndarray, groups: Sequence[str]) -> int:
    """Return the number of participants of the class that has the fewest; 0 without rows.

    Args:
        labels: int64 [n], the class of each row.
        groups: the participant of each row.
    """
    people: dict[int, set[str]] = {}
    for label, group in zip(labels.tolist(), groups, strict=True):
        people.setdefault(label, set()).add(group)
    return min(map(len, people.values()), default=0)


def resampled_weights(labels: np.ndarray, groups: Sequence[str], *, seed: int, replicates: int) -> Iterator[np.ndarray]:
    """Yield how often each row stands in a resample of the participants, float64 [n].

    As many participants as there are, are drawn with replacement among those with the same classes, so that every
    resample has every class; all rows of a participant come together. Draws depend on the seed and on who is of which
    class, not on the order of the rows: statistics of the same participants are paired.

    Args:
        labels: int64 [n], the class of each row; a participant may have several.
        groups: the participant of each row.
        seed: of the draws.
        replicates: how many.
    """
    names, person = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    classes: list[set[int]] = [set() for _ in names]
    for label, number in zip(labels.tolist(), person.tolist(), strict=True):
        classes[number].add(label)
    strata: dict[tuple[int, ...], list[int]] = {}
    for number, own in enumerate(classes):
        strata.setdefault(tuple(sorted(own)), []).append(number)
    members = [np.array(strata[key]) for key in sorted(strata)]
    for replicate in range(replicates):
        generator = numpy_generator(seed, "resampled participants", replicate)
        counts = np.zeros(len(names))
        for stratum in members:
            drawn = generator.integers(0, len(stratum), len(stratum))
            counts[stratum] = np.bincount(drawn, minlength=len(stratum))
        yield counts[person]


def resampled_ends(value: float, resampled: np.ndarray, *, participants: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a value between 0 and 1, from its resampled values.

    The standard error is the spread of the resampled values, made up for what drawing so few participants underrates
    it; the interval is symmetric in log(value / (1 - value)), where it cannot leave 0 to 1 (percentiles held areas
    near 1 too rarely: 88 % of simulations against 97 %). Nothing moves a value of 0 or 1; its interval is the exact one
    (Clopper and Pearson) of none or all of the participants.

    Args:
        value: of all rows.
        resampled: [replicates].
        participants: of the class that has the fewest; 2 or more.
    """
    if not 0.0 < value < 1.0:
        return share_interval(participants if value else 0, participants)
    error = float(np.std(resampled, ddof=1)) * math.sqrt(participants / (participants - 1))
    reach = t_95(2 * (participants - 1)) * error / (value * (1.0 - value))
    middle = float(logit(value))
    return float(expit(middle - reach)), float(expit(middle + reach))
