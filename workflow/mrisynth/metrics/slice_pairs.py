"""Pairs of slices drawn by chance: never a slice with itself, no pair twice, none of one person where that matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_ENUMERATED = 4  # so many times the wanted pairs are listed rather than drawn until enough differ


def pairs_within(groups: Sequence[str] | np.ndarray, *, pairs: int, generator: np.random.Generator) -> np.ndarray:
    """Return distinct pairs of rows of two different groups, int64 [p, 2]: ``pairs`` of them, or all there are.

    Every such pair is as likely as another. The smaller row stands first.

    Args:
        groups: [n], the participant of each slice; a number of its own for each lets every two slices be a pair.
        pairs: how many are wanted.
        generator: the draws.
    """
    _, inverse, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")  # slices of a group stand together
    count, size = len(order), sizes[inverse[order]]
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    others = count - size  # of each slice, those of other groups
    total = int(others.sum()) // 2

    def partner(first: np.ndarray, number: np.ndarray) -> np.ndarray:
        return np.where(number < start[first], number, number + size[first])

    def coded(first: np.ndarray, number: np.ndarray) -> np.ndarray:
        ends = np.sort(np.stack([order[first], order[partner(first, number)]]), axis=0)
        return ends[0] * count + ends[1]

    if total <= _ENUMERATED * pairs:
        first = np.repeat(np.arange(count), others)
        number = np.arange(len(first)) - np.repeat(np.cumsum(others) - others, others)
        chosen = generator.permutation(np.unique(coded(first, number)))[:pairs]
    else:
        bounds = np.cumsum(others)

        def draw(wanted: int) -> np.ndarray:
            places = generator.integers(0, bounds[-1], wanted)
            first = np.searchsorted(bounds, places, side="right")
            return coded(first, places - (bounds[first] - others[first]))

        chosen = _distinct(draw, wanted=pairs)
    chosen = np.sort(chosen)
    return np.stack([chosen // max(count, 1), chosen % max(count, 1)], axis=1)


def pairs_between(first: int, second: int, *, pairs: int, generator: np.random.Generator) -> np.ndarray:
    """Return distinct pairs of a row below ``first`` and one below ``second``, int64 [p, 2]: ``pairs``, or all."""
    total = first * second
    chosen = np.sort(generator.choice(total, min(pairs, total), replace=False)) if total else np.array([], np.int64)
    return np.stack([chosen // max(second, 1), chosen % max(second, 1)], axis=1).astype(np.int64)


def _distinct(draw: Callable[[int], np.ndarray], *, wanted: int) -> np.ndarray:
    """Return the first so many different numbers of a stream of draws."""
    found = np.array([], dtype=np.int64)
    while len(found) < wanted:
        found = np.concatenate([found, draw(2 * wanted)])
        _, first = np.unique(found, return_index=True)
        found = found[np.sort(first)]
    return found[:wanted]
