"""The kernel distance between two sets of features, without bias."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.features import all_rows, check_pair, check_subset, normalised_influences
from mrisynth.seeds import numpy_generator

LARGEST_KEPT = 4096
"""Rows of a set up to which the kernels of all pairs are kept (three times 128 MiB); above, they are made in blocks."""

_BLOCK_ROWS = 1024
_SIDES = ((0, 0), (1, 1), (0, 1))


def kernel_distance(
    real: np.ndarray, synthetic: np.ndarray, *, subsets: int | None = None, size: int = 1000, seed: int = 0
) -> float:
    """Return the unbiased squared maximum mean discrepancy of two sets of features under a cubic kernel (KID).

    The kernel is k(x, y) = (x.y / d + 1)^3, and the mean of k over all pairs of two different rows of one set, the
    same over the other, minus twice its mean over all pairs across, is the distance. No row is paired with itself,
    so that its mean over draws of one distribution is 0 at any number of rows, also where n and m differ; a row that
    stands in both sets, equal to the last bit, is not paired with itself across them either. Every block of the Gram
    matrix is computed once, in float64. Binkowski et al. 2018 (arXiv 1801.01401), section 4, with the estimator of
    Gretton et al. 2012, lemma 6.

    Args:
        real: [n, d], n >= 2, finite.
        synthetic: [m, d], m >= 2, finite.
        subsets: None for all rows; else the mean over so many random subsets, 100 in the paper: an estimate of the
            same with more noise.
        size: rows of each set in a subset, all where a set has fewer.
        seed: of the subsets.

    Returns:
        The distance, about 0 for sets of one distribution and then as often below 0 as above; it has no unit but
        that of the features, so that values of different features cannot be compared.

    Raises:
        MrisynthError: fewer than two rows, different widths, a value that is not finite, or no subset.
    """
    comparison = KernelComparison(real, synthetic)
    if subsets is None:
        return float(comparison()[0])
    if subsets < 1 or size < comparison.smallest:
        raise MrisynthError(f"KID by subsets needs 1 or more of 2 rows or more, found {subsets} of {size}.")
    values = []
    for number in range(subsets):
        generator = numpy_generator(seed, "kid subset", number)
        rows = [generator.permutation(len(features))[:size] for features in (real, synthetic)]
        values.append(comparison(*rows)[0])
    return float(np.mean(values))


class KernelComparison:
    """The kernel distance of two sets and of their subsets; a comparison of :mod:`mrisynth.metrics.comparison`.

    The kernels of all pairs are computed once; a subset adds up a part of them. Both sets as :func:`kernel_distance`
    takes them.
    """

    smallest = 2
    half_weights = (0.0,)

    def __init__(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        check_pair(real, synthetic, rows=self.smallest)
        self._sets = (real.astype(np.float64), synthetic.astype(np.float64))
        self._twins = _twins(*self._sets)
        self._kept: dict[tuple[int, int], np.ndarray] = {}
        if max(len(real), len(synthetic)) <= LARGEST_KEPT:
            self._kept = {sides: np.vstack([block for _, block in self._blocks(*sides)]) for sides in _SIDES}

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return the distance [1] of these rows of each set, two or more; None for all."""
        rows = all_rows((len(self._sets[0]), len(self._sets[1])), real_rows, synthetic_rows)
        check_subset(rows, rows_needed=self.smallest)
        weights = self._weights(rows)
        sums = [
            sum(weights[one][part] @ block @ weights[other] for part, block in self._blocks(one, other))
            for one, other in _SIDES
        ]
        n, m = len(rows[0]), len(rows[1])
        shared = int((weights[0] * (self._twins >= 0) * weights[1][self._twins]).sum())
        across = sums[2] / (n * m - shared)
        return np.array([sums[0] / (n * (n - 1)) + sums[1] / (m * (m - 1)) - 2.0 * across])

    def influences(
        self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how the distance of these rows moves with each of them, [n, 1] and [m, 1]; see FrechetComparison."""
        rows = all_rows((len(self._sets[0]), len(self._sets[1])), real_rows, synthetic_rows)
        weights = self._weights(rows)
        beyond = [np.zeros(len(features)) for features in self._sets]
        for part, block in self._blocks(0, 1):
            beyond[0][part] = block @ weights[1]
            beyond[1] += weights[0][part] @ block
        partners = [np.full(len(features), float(len(rows[1 - side]))) for side, features in enumerate(self._sets)]
        pairs = np.flatnonzero(self._twins >= 0)
        partners[0][pairs] -= weights[1][self._twins[pairs]]
        partners[1][self._twins[pairs]] -= weights[0][pairs]
        found = []
        for side in (0, 1):
            within = np.concatenate([block @ weights[side] for _, block in self._blocks(side, side)])
            moved = 2.0 * (within / (len(rows[side]) - 1) - beyond[side] / partners[side])
            found.append(normalised_influences(moved[rows[side]]))
        return found[0], found[1]

    def _weights(self, rows: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        chosen = np.zeros(len(self._sets[0])), np.zeros(len(self._sets[1]))
        chosen[0][rows[0]], chosen[1][rows[1]] = 1.0, 1.0
        return chosen

    def _blocks(self, one: int, other: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield kernels [block, rows of the other set], 0 where a row would be paired with itself."""
        if (one, other) in self._kept:
            yield slice(None), self._kept[one, other]
            return
        features, others = self._sets[one], self._sets[other]
        partners = np.arange(len(features)) if one == other else self._twins
        for start in range(0, len(features), _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            base = features[part] @ others.T / features.shape[1] + 1.0
            block = base * base * base  # a power is many times slower
            places = np.flatnonzero(partners[part] >= 0)
            block[places, partners[part][places]] = 0.0
            yield part, block


def _twins(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    """Return for each real row the synthetic row that equals it, each at most once, or -1."""
    places: dict[bytes, list[int]] = {}
    for number in range(len(synthetic) - 1, -1, -1):
        places.setdefault((synthetic[number] + 0.0).tobytes(), []).append(number)
    found = [places.get((row + 0.0).tobytes()) for row in real]
    return np.array([numbers.pop() if numbers else -1 for numbers in found])
