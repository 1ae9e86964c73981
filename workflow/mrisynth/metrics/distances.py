"""Which rows of two sets of features lie in whose nearest-neighbour balls: all distances of small sets."""

from __future__ import annotations

from typing import Protocol

import numpy as np

BORDER = 1.0 + 1e-9
"""A ball includes its border, and what rounding puts beside it: squared radii are multiplied by this."""

_ROUNDING = 1e-12  # relative to the squared lengths


class Distances(Protocol):
    """Distances within and between two sets of rows, of which subsets can be asked; side 0 is real, 1 synthetic."""

    def squared_radii(self, side: int, rows: np.ndarray, *, k: int) -> np.ndarray:
        """Return the squared distance [b] of each of these b rows of a set to its k-th nearest other one of them.

        A row is not its own neighbour, but its twin is. The unit may be any, the same in all methods.
        """
        ...

    def counts(
        self, side: int, squared_radii: np.ndarray, rows: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how many rows of the other set each ball holds, and how many balls hold each row of the other set.

        Args:
            side: the set of the centres.
            squared_radii: [b], for these b rows of that set.
            rows: of the real and of the synthetic set.
        """
        ...

    def weights_within(
        self, side: int, squared_radii: np.ndarray, rows: np.ndarray, *, weights: np.ndarray
    ) -> np.ndarray:
        """Return the weights of the balls of other rows of the same set that hold each of these rows, added up."""
        ...


class DenseDistances:
    """All squared distances of two small sets, float64; see :class:`Distances`."""

    def __init__(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        origin = real.mean(axis=0, dtype=np.float64)  # distances do not change, rounding gets smaller
        real, synthetic = real - origin, synthetic - origin
        self._within = [squared_distances(real, real), squared_distances(synthetic, synthetic)]
        for distances in self._within:
            np.fill_diagonal(distances, -1.0)  # below all others, also those of twins
        self._across = squared_distances(real, synthetic)

    def squared_radii(self, side: int, rows: np.ndarray, *, k: int) -> np.ndarray:
        """See :class:`Distances`."""
        return np.partition(_block(self._within[side], rows, rows), k, axis=1)[:, k]

    def counts(
        self, side: int, squared_radii: np.ndarray, rows: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Distances`."""
        across = _block(self._across, *rows)
        inside = (across if side == 0 else across.T) <= BORDER * squared_radii[:, None]
        return inside.sum(axis=1), inside.sum(axis=0)

    def weights_within(
        self, side: int, squared_radii: np.ndarray, rows: np.ndarray, *, weights: np.ndarray
    ) -> np.ndarray:
        """See :class:`Distances`."""
        inside = _block(self._within[side], rows, rows) <= BORDER * squared_radii[:, None]
        np.fill_diagonal(inside, False)
        return weights @ inside


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return squared Euclidean distances [n, m] of float64 rows [n, d] and [m, d]; those of twins are exactly 0."""
    squares = np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", others, others)[None]
    distances = squares - 2.0 * (rows @ others.T)
    return np.where(distances > _ROUNDING * squares, distances, 0.0)


def _block(distances: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return distances[np.ix_(rows, columns)]
