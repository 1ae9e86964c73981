"""From how similar strangers are to the training scans to the similarity that only a copy reaches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.errors import MrisynthError

SMALLEST = 10
"""Held-out participants from which a limit can be set."""

_FALSE_ALARM = 0.01  # half of the 2 % that are promised: the limit itself is an estimate
_FOLDS = 5


def copy_limit(strangers: np.ndarray, *, participants: Sequence[str]) -> float:
    """Return the similarity above which a volume counts as a copy, so that about one stranger in a hundred would.

    The similarity of a stranger to the closest of many training scans is a maximum, so a Gumbel distribution is fitted
    to its Fisher transform, by the median and the distance between quartiles: a relative of a training participant
    among the held-out scans does not move it. The spread is taken one standard error larger, which widens the limit
    where the held-out scans are few.

    Args:
        strangers: [n], similarity of each held-out scan to its closest training scan, below 1.
        participants: of each; the number of participants counts as the number of scans.

    Raises:
        MrisynthError: fewer than :data:`SMALLEST` participants.
    """
    count = len(set(participants))
    if count < SMALLEST:
        raise MrisynthError(
            f"The copy detector needs {SMALLEST} held-out participants (validation and test) to know how similar "
            f"strangers are, found {count}."
        )
    low, middle, high = np.quantile(np.arctanh(np.clip(strangers, -0.999999, 0.999999)), (0.25, 0.5, 0.75))
    spread = (high - low) / (np.log(np.log(4.0)) - np.log(np.log(4.0 / 3.0)))
    spread *= 1.0 + 1.2 / np.sqrt(count)  # 1.2 / sqrt(n): relative error of the distance between quartiles
    mode = middle + spread * np.log(np.log(2.0))
    return float(np.tanh(mode - spread * np.log(-np.log1p(-_FALSE_ALARM))))


def false_alarms(
    strangers: np.ndarray, *, participants: Sequence[str], generator: np.random.Generator
) -> np.ndarray | None:
    """Return which held-out scans would be taken for copies by a limit set without them (cross-fitting).

    Args:
        strangers: as in :func:`copy_limit`.
        participants: of each; the scans of one stand in one fold.
        generator: of the folds.

    Returns:
        bool [n]; None where the participants outside a fold are too few for a limit.
    """
    names, place = np.unique(np.asarray(participants, dtype=np.str_), return_inverse=True)
    fold_of = generator.permutation(len(names)) % _FOLDS
    flagged = np.zeros(len(strangers), dtype=bool)
    for fold in range(_FOLDS):
        inside = fold_of[place] == fold
        if len(set(place[~inside])) < SMALLEST:
            return None
        limit = copy_limit(strangers[~inside], participants=[names[one] for one in place[~inside]])
        flagged[inside] = strangers[inside] > limit
    return flagged
