"""A membership attack: who was trained on, guessed from how close the samples come to each real scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mrisynth.errors import MrisynthError
from mrisynth.metrics.quantiles import Z_95
from mrisynth.metrics.shares import share_interval

SMALLEST = 2
"""Members and non-members that the area needs."""

NON_MEMBERS_OF_A_RATE = 100
"""Non-members that a rate at 1 % false positives needs: with fewer, 1 % is less than one person."""

FALSE_POSITIVES = 0.01
"""Of that rate; also what chance finds."""


@dataclass(frozen=True)
class Guess:
    """A score of an attack and its 95 % interval."""

    value: float
    low: float
    high: float


def membership_auc(members: np.ndarray, non_members: np.ndarray) -> Guess:
    """Return the area under the curve of an attack: 0.5 is guessing, 1 tells every member.

    It is the chance that a member scores higher than a non-member (half of a tie counts). The interval is that of
    DeLong, DeLong and Clarke-Pearson 1988 on the logit scale, which keeps it inside 0 to 1; where one side lies wholly
    above the other it reaches to what as many cases without one exception allow.

    Args:
        members: [n], one score a participant who was trained on, higher = more like the samples.
        non_members: [m], one score a participant who was not.

    Raises:
        MrisynthError: fewer than :data:`SMALLEST` of either.
    """
    if min(len(members), len(non_members)) < SMALLEST:
        raise MrisynthError(
            f"A membership attack needs {SMALLEST} members and non-members or more, found {len(members)} and "
            f"{len(non_members)}."
        )
    together = stats.rankdata(np.concatenate([members, non_members]))
    above = (together[: len(members)] - stats.rankdata(members)) / len(non_members)  # share of non-members below
    below = 1.0 - (together[len(members) :] - stats.rankdata(non_members)) / len(members)
    value = float(above.mean())
    variance = above.var(ddof=1) / len(members) + below.var(ddof=1) / len(non_members)
    edge = 0.025 ** (1.0 / min(len(members), len(non_members)))
    if value in (0.0, 1.0):
        return Guess(value, *((0.0, 1.0 - edge) if value == 0.0 else (edge, 1.0)))
    logit, error = np.log(value / (1.0 - value)), np.sqrt(variance) / (value * (1.0 - value))
    low, high = (float(1.0 / (1.0 + np.exp(-(logit + side * Z_95 * error)))) for side in (-1, 1))
    return Guess(value, low, high)


def members_found(members: np.ndarray, non_members: np.ndarray) -> Guess:
    """Return the share of members that score above all but 1 % of the non-members.

    An attack that tells few members, but those for sure, has an area near 0.5 and yet harms them (Carlini et al. 2022,
    arXiv 2112.03570). Chance finds 1 %. The interval is that of the share of members; it takes the limit as known.

    Args:
        members, non_members: as in :func:`membership_auc`.

    Raises:
        MrisynthError: no members, or fewer than :data:`NON_MEMBERS_OF_A_RATE` non-members.
    """
    if not len(members):
        raise MrisynthError("A rate at 1 % false positives needs members, found none.")
    if len(non_members) < NON_MEMBERS_OF_A_RATE:
        raise MrisynthError(
            f"A rate at 1 % false positives needs {NON_MEMBERS_OF_A_RATE} non-members, found {len(non_members)}."
        )
    passing = int(np.floor(FALSE_POSITIVES * len(non_members)))
    limit = np.sort(non_members)[::-1][passing]
    found = int((members > limit).sum())
    return Guess(found / len(members), *share_interval(found, len(members)))
