"""Which rows of two large sets of features lie in whose nearest-neighbour balls, in blocks and as in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mrisynth.metrics.distances import BORDER, squared_distances

_BLOCK_ROWS = 256
_LARGEST_KEPT = 2**25  # distances between two sets, 128 MiB
_PAIRS = 4096  # whose differences are held at once
_MOST_DOUBTFUL = 1 / 64  # of a block; above, the whole block is computed again


class ScreenedDistances:
    """Squared distances in blocks, float32 first; see :class:`mrisynth.metrics.distances.Distances`.

    Only distances that come so near a border that float32 cannot tell their side are computed again, from the
    differences in float64: counts are those of float64. Up to some 5800 rows a set the float32 distances are kept,
    above they are made anew, so that memory grows with n, not with n squared.

    Args:
        real: [n, d], finite.
        synthetic: [m, d], finite.
    """

    def __init__(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        self._sets = (real, synthetic)
        self._origin = real.mean(axis=0, dtype=np.float64)  # distances do not change, rounding gets smaller
        lengths = [np.concatenate([_squares(rows - self._origin) for rows in _pieces(both)]) for both in self._sets]
        self._scale = float(np.mean(np.concatenate(lengths))) or 1.0  # lengths about 1: no overflow
        self._squares = [(squares / self._scale).astype(np.float32) for squares in lengths]
        self._single = [self._rounded(features) for features in self._sets]
        self._unsure = float(np.finfo(np.float32).eps) * (2 + real.shape[1] / 32)  # of sums of d float32 products
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def squared_radii(self, side: int, rows: np.ndarray, *, k: int) -> np.ndarray:
        """See :class:`mrisynth.metrics.distances.Distances`."""
        radii = np.empty(len(rows))
        for part, distances in self._blocks(side, rows, side, rows):
            near = np.partition(distances, k - 1, axis=1)[:, k - 1]
            slack = 2.0 * self._slack(side, rows[part], near)
            at, column = _places(distances <= (near + slack)[:, None])
            sure = distances[at, column] < (near - slack)[at]
            ranks = k - np.bincount(at[sure], minlength=len(near))  # from 1, among those that are not sure
            at, column = at[~sure], column[~sure]
            exact = self._exact((side, rows[part]), (side, rows), at, column)
            order = np.lexsort((exact, at))
            first = np.searchsorted(at, np.arange(len(near)))
            radii[part] = exact[order][first + ranks - 1]
        return radii

    def counts(
        self, side: int, squared_radii: np.ndarray, rows: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`mrisynth.metrics.distances.Distances`."""
        found = [np.zeros(len(chosen), dtype=np.int64) for chosen in rows]
        limits = BORDER * squared_radii
        slack = self._slack(side, rows[side], limits)
        for part, distances in self._blocks(0, rows[0], 1, rows[1]):
            of_block = (part, (slice(None), None)) if side == 0 else (slice(None), (None, slice(None)))
            near, wide = (values[of_block[0]][of_block[1]] for values in (limits, slack))
            at, column = self._inside(distances, near, wide, (0, rows[0][part]), (1, rows[1]))
            found[0][part] = np.bincount(at, minlength=len(distances))
            found[1] += np.bincount(column, minlength=len(rows[1]))
        return found[side], found[1 - side]

    def weights_within(
        self, side: int, squared_radii: np.ndarray, rows: np.ndarray, *, weights: np.ndarray
    ) -> np.ndarray:
        """See :class:`mrisynth.metrics.distances.Distances`."""
        totals = np.zeros(len(rows))
        limits = BORDER * squared_radii
        slack = self._slack(side, rows, limits)
        for part, distances in self._blocks(side, rows, side, rows):
            near, wide = limits[part, None], slack[part, None]
            at, column = self._inside(distances, near, wide, (side, rows[part]), (side, rows))
            totals += np.bincount(column, weights[part][at], minlength=len(rows))
        return totals

    def _inside(
        self,
        distances: np.ndarray,
        limits: np.ndarray,
        slack: np.ndarray,
        ones: tuple[int, np.ndarray],
        others: tuple[int, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the distances [ones, others] that are within their limits, which broadcast to them."""
        at, column = _places(distances <= (limits + slack).astype(np.float32))
        borders = np.broadcast_to(limits, distances.shape)[at, column]
        doubtful = distances[at, column] >= borders - np.broadcast_to(slack, distances.shape)[at, column]
        exact = self._exact(ones, others, at[doubtful], column[doubtful])
        inside = ~doubtful
        inside[doubtful] = exact <= borders[doubtful]
        return at[inside], column[inside]

    def _exact(
        self, ones: tuple[int, np.ndarray], others: tuple[int, np.ndarray], at: np.ndarray, column: np.ndarray
    ) -> np.ndarray:
        """Return the distances of pairs of rows, ``at`` of the ones and ``column`` of the others, in float64."""
        one, other = self._sets[ones[0]], self._sets[others[0]]
        if len(at) > _MOST_DOUBTFUL * len(ones[1]) * len(others[1]):  # as within a set of near twins
            found = squared_distances(one[ones[1]] - self._origin, other[others[1]] - self._origin)
            return found[at, column] / self._scale
        values = np.empty(len(at))
        for start in range(0, len(at), _PAIRS):
            part = slice(start, start + _PAIRS)
            values[part] = _squares(one[ones[1][at[part]]].astype(np.float64) - other[others[1][column[part]]])
        return values / self._scale

    def _slack(self, side: int, rows: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """Return the error that float32 distances of these rows may have where they are about ``squared``."""
        squares = self._squares[side][rows]
        return self._unsure * (squares + (np.sqrt(squares) + np.sqrt(np.maximum(squared, 0.0))) ** 2)

    def _blocks(
        self, side: int, rows: np.ndarray, other: int, other_rows: np.ndarray
    ) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield float32 distances [block, other rows] with the places of the block; of a row to itself infinite."""
        every = len(other_rows) == len(self._sets[other]) and bool((np.diff(other_rows) == 1).all())
        for start in range(0, len(rows), _BLOCK_ROWS):
            chosen = rows[start : start + _BLOCK_ROWS]
            kept = self._whole(side, other)
            distances = self._made(side, chosen, other) if kept is None else kept[chosen]
            yield slice(start, start + len(chosen)), distances if every else distances[:, other_rows]

    def _whole(self, side: int, other: int) -> np.ndarray | None:
        if max(map(len, self._sets)) ** 2 > _LARGEST_KEPT:
            return None
        if (side, other) not in self._kept:
            self._kept[side, other] = self._made(side, np.arange(len(self._sets[side])), other)
        return self._kept[side, other]

    def _made(self, side: int, rows: np.ndarray, other: int) -> np.ndarray:
        ones = self._single[side] if len(rows) == len(self._single[side]) else self._single[side][rows]
        distances = ones @ self._single[other].T
        for block, squares in zip(_pieces(distances), _pieces(self._squares[side][rows]), strict=True):
            np.multiply(block, -2.0, out=block)
            np.add(block, self._squares[other], out=block)
            np.add(block, squares[:, None], out=block)
        if side == other:
            distances[np.arange(len(rows)), rows] = np.inf
        return distances

    def _rounded(self, features: np.ndarray) -> np.ndarray:
        single = np.empty(features.shape, dtype=np.float32)
        for to, rows in zip(_pieces(single), _pieces(features), strict=True):
            to[...] = (rows - self._origin) / np.sqrt(self._scale)
        return single


def _pieces(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + _BLOCK_ROWS] for start in range(0, len(rows), _BLOCK_ROWS))


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def _places(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of what is true; faster than np.nonzero where that is little."""
    found = np.divmod(np.flatnonzero(chosen), chosen.shape[1])
    return found[0], found[1]
