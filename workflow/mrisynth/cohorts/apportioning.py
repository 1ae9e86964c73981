"""Apportioning: whole numbers of participants for each stratum and split, as near their shares as whole numbers go."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor

import numpy as np

from mrisynth.seeds import derive_seed


def apportion(
    sizes: Mapping[str, int], *, test_fraction: float, validation_fraction: float, seed: int
) -> dict[str, tuple[int, int]]:
    """Return how many participants of each stratum are tested and validated on; the others are trained on.

    Every number, of the training split too, is the share of the stratum rounded up or down, and so is the number of
    every split in total: a controlled rounding of the table of shares (Cox 1987, J. Am. Stat. Assoc. 82, 520), which
    always exists here. Among all of them it is the cheapest one when rounding up costs each stratum and split a number
    of its own (a hash of the seed and its name). Costs that depend on nobody else keep the numbers of other strata
    where they are when one stratum grows: an optimum moves to the next along a path that enters each split once.

    Args:
        sizes: name of each stratum -> participants.
        test_fraction: share of the test split, 0 to 1.
        validation_fraction: share of the validation split; both together at most 1.
        seed: the study's seed.
    """
    if not sizes:
        return {}
    exact = [Fraction(str(test_fraction)), Fraction(str(validation_fraction))]
    shares = [*exact, 1 - sum(exact)]
    names = sorted(sizes)
    down = np.array([[floor(share * sizes[name]) for share in shares] for name in names], dtype=np.int64)
    uneven = np.array([[(share * sizes[name]).denominator > 1 for share in shares] for name in names], dtype=bool)
    costs = np.array([[derive_seed(seed, "apportion", name, split) / 2**63 for split in range(3)] for name in names])
    costs = np.where(uneven, costs, np.inf)
    spare = np.array([sizes[name] for name in names], dtype=np.int64) - down.sum(axis=1)
    up = _cheapest(costs, spare=spare, columns=_totals(sum(sizes.values()), exact) - down.sum(axis=0))
    counts = down + up
    return {name: (int(row[0]), int(row[1])) for name, row in zip(names, counts, strict=True)}


def _totals(participants: int, shares: list[Fraction]) -> np.ndarray:
    """Return the numbers of the three splits: their two boundaries are rounded, so each is off by less than one."""
    half = Fraction(1, 2)
    first, second = (floor(share * participants + half) for share in (shares[0], sum(shares)))
    return np.array([first, second - first, participants - second], dtype=np.int64)


def _cheapest(costs: np.ndarray, *, spare: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return which entries are rounded up, bool [stratum, split], with these sums of rows and columns, at least cost.

    Each stratum first takes its cheapest splits. Then entries are exchanged along the cheapest paths from splits that
    have too many to splits that have too few, which keeps the sum of costs least (successive shortest paths).
    """
    rank = np.argsort(np.argsort(costs, axis=1, kind="stable"), axis=1, kind="stable")
    up = rank < spare[:, None]
    while (excess := up.sum(axis=0) - columns).any():
        steps = {(one, other): _step(costs, up, one, other) for one in range(3) for other in range(3) if one != other}
        paths = []
        for start in np.flatnonzero(excess > 0):
            for end in np.flatnonzero(excess < 0):
                between = 3 - start - end
                paths += [[(start, end)], [(start, between), (between, end)]]
        best = min(paths, key=lambda path: sum(steps[step][0] for step in path))
        for one, other in best:
            row = steps[one, other][1]
            up[row, one], up[row, other] = False, True
    return up


def _step(costs: np.ndarray, up: np.ndarray, one: int, other: int) -> tuple[float, int]:
    """Return the least cost of taking an entry from one split to another, and the stratum that does it."""
    possible = up[:, one] & ~up[:, other] & np.isfinite(costs[:, other])
    if not possible.any():
        return float("inf"), -1
    price = np.where(
        possible, np.where(possible, costs[:, other], 0.0) - np.where(possible, costs[:, one], 0.0), np.inf
    )
    row = int(np.argmin(price))
    return float(price[row]), row
