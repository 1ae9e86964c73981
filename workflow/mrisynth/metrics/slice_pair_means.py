"""Means and spreads over pairs of slices, by kind of pair and class, and how they move with each slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mrisynth.metrics.comparison import Value

KINDS = ("real_real", "real_fake", "fake_fake")
"""Which sets the slices of a pair are of."""

NAME = "slice_ssim"
"""How the names of the numbers begin."""


class PairSimilarities:
    """Means and spreads of the similarity of pairs, and how far synthetic pairs are from real ones: a Comparison.

    Args:
        table: one row a pair: ``kind``, ``label``, ``one`` and ``other`` (rows of the sets), ``ssim``.
        classes: the labels; each has pairs of every kind.
        counts: slices of the real and of the synthetic set.

    Attributes:
        values: names and bounds of the numbers: for all classes together, each alike, and, where there are several,
            for each of them the means and the standard deviations of :data:`KINDS` and the gap between the first mean
            and the last.
        half_weights: none of the variance is by halves.
    """

    smallest = 4

    def __init__(self, table: pd.DataFrame, classes: Sequence[str], counts: tuple[int, int]) -> None:
        self._counts, self._parts = counts, [{kind: _Kind(table, kind, label) for kind in KINDS} for label in classes]
        groups = [("", self._parts)]
        if len(classes) > 1:
            groups += [(f"_{label}", [part]) for label, part in zip(classes, self._parts, strict=True)]
        self._groups = [parts for _, parts in groups]
        self.values: list[Value] = []
        for ending, _ in groups:
            names = [*KINDS, *(f"{kind}_sd" for kind in KINDS), "gap"]
            lows = [-1.0] * 3 + [0.0] * 4
            self.values += [
                Value(f"{NAME}_{name}{ending}", "lower", low, 1.0 if low else None)
                for name, low in zip(names, lows, strict=True)
            ]
        self.half_weights = (0.0,) * len(self.values)

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return the numbers of the pairs of which both slices are among these rows, missing where there are none."""
        kept = self._kept(real_rows, synthetic_rows)
        return np.array([number for parts in self._groups for number in _moments(parts, kept)[0]])

    def influences(
        self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how the numbers move with each slice: a pair moves with either of its two."""
        kept = self._kept(real_rows, synthetic_rows)
        columns = [column for parts in self._groups for column in _moments(parts, kept, influences=True)[1]]
        real, fake = (np.stack([column[side] for column in columns], axis=1) for side in ("real", "fake"))
        return real[kept["real"]], fake[kept["fake"]]

    def _kept(self, real_rows: np.ndarray | None, synthetic_rows: np.ndarray | None) -> dict[str, np.ndarray]:
        kept = {}
        for side, count, rows in zip(("real", "fake"), self._counts, (real_rows, synthetic_rows), strict=True):
            kept[side] = np.full(count, rows is None)
            if rows is not None:
                kept[side][rows] = True
        return kept


class _Kind:
    """The pairs of one kind and class: their ends and similarities."""

    def __init__(self, table: pd.DataFrame, kind: str, label: str) -> None:
        mine = table[(table["kind"] == kind) & (table["label"] == label)]
        self.sides = kind.split("_")
        self.ends = [mine[end].to_numpy() for end in ("one", "other")]
        self.similarities = mine["ssim"].to_numpy()

    def among(self, kept: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the pairs of which both slices are kept, as bool [p]."""
        return kept[self.sides[0]][self.ends[0]] & kept[self.sides[1]][self.ends[1]]

    def spread(self, numbers: np.ndarray, among: np.ndarray, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
        """Return the sum of the numbers of its pairs for each slice of both sets."""
        found = {side: np.zeros(count) for side, count in counts.items()}
        for side, ends in zip(self.sides, self.ends, strict=True):
            np.add.at(found[side], ends[among], numbers)
        return found


def _moments(
    parts: Sequence[Mapping[str, _Kind]], kept: Mapping[str, np.ndarray], *, influences: bool = False
) -> tuple[list[float], list[dict[str, np.ndarray]]]:
    """Return means, spreads and gap of some classes, each class alike, and how they move with each slice."""
    counts = {side: len(mask) for side, mask in kept.items()}
    means, spreads, moved_means, moved_spreads = [], [], [], []
    for kind in KINDS:
        chosen = [(part[kind], part[kind].among(kept)) for part in parts]
        values = [one.similarities[among] for one, among in chosen]
        if min(map(len, values)) == 0:
            means.append(np.nan)
            spreads.append(np.nan)
            continue
        mean = float(np.mean([found.mean() for found in values]))
        squares = [(found - mean) ** 2 for found in values]
        spread = float(np.sqrt(np.mean([found.mean() for found in squares])))
        means.append(mean)
        spreads.append(spread)
        if influences:
            for moved, numbers, scale in ((moved_means, values, 1.0), (moved_spreads, squares, 2 * spread or 1.0)):
                shares = [
                    one.spread((own - own.mean()) / (scale * len(own) * len(parts)), among, counts)
                    for (one, among), own in zip(chosen, numbers, strict=True)
                ]
                moved.append({side: np.sum([share[side] for share in shares], axis=0) for side in counts})
    gap = means[2] - means[0]
    numbers = [*means, *spreads, abs(gap)]
    if not influences:
        return numbers, []
    moved_gap = {side: np.sign(gap) * (moved_means[2][side] - moved_means[0][side]) for side in counts}
    return numbers, [*moved_means, *moved_spreads, moved_gap]
