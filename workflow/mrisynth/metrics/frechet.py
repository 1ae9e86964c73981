"""The Fréchet distance between two sets of features, without a matrix square root."""

from __future__ import annotations

import numpy as np

from mrisynth.metrics.features import check_pair, normalised_influences, taken

_BLOCK_ROWS = 4096
_SHOWS = 1e-10  # of the sum; the bound on rounding is a thousand times larger than any rounding that was seen
_LARGEST_GRAM = 2**26  # entries, 512 MiB


def frechet_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the squared Fréchet distance between the normal distributions fitted to two sets of features.

    With covariances written as S = F^T F, the trace of sqrt(S1 S2) is the sum of the singular values of F1 F2^T
    (the nuclear norm). A set of n < d rows is its own factor, F = (X - mean) / sqrt(n - 1), so that no d x d matrix
    appears; larger sets are reduced to one by their streamed float64 covariances. The value is never complex and
    needs no small constant added. Heusel et al. 2017 (arXiv 1706.08500), equation 6.

    Args:
        real: [n, d], n >= 2, finite.
        synthetic: [m, d], m >= 2, finite.

    Returns:
        The distance, 0 for equal sets; it is biased upwards for few rows: read it beside a floor at equal n.

    Raises:
        MrisynthError: fewer than two rows, different widths, or a value that is not finite.
    """
    return float(FrechetComparison(real, synthetic)()[0])


class FrechetComparison:
    """The Fréchet distance of two sets and of their subsets; a comparison of :mod:`mrisynth.metrics.comparison`.

    While either set has fewer rows than features, the inner products across the sets are computed once: those of a
    subset are a part of them, centred anew. Both sets as :func:`frechet_distance` takes them.
    """

    smallest = 2
    half_weights = (0.0,)

    def __init__(self, real: np.ndarray, synthetic: np.ndarray) -> None:
        check_pair(real, synthetic, rows=self.smallest)
        self._real, self._synthetic, self._across = real, synthetic, None
        n, m, width = len(real), len(synthetic), real.shape[1]
        if min(n, m) < width and n * m <= _LARGEST_GRAM:
            origin = real.mean(axis=0, dtype=np.float64)  # distances do not change, rounding gets smaller
            self._real, self._synthetic = real - origin, synthetic - origin
            self._across = self._real @ self._synthetic.T

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return the distance [1] of these rows of each set, two or more; None for all."""
        real, synthetic = taken(self._real, real_rows), taken(self._synthetic, synthetic_rows)
        check_pair(real, synthetic, rows=self.smallest)
        means = [features.mean(axis=0, dtype=np.float64) for features in (real, synthetic)]
        shift = float(np.sum((means[0] - means[1]) ** 2))
        if self._across is None:
            factors = [_factor(features, mean) for features, mean in zip((real, synthetic), means, strict=True)]
            spreads = sum(float(np.sum(factor**2)) for factor in factors)
            shared = _nuclear_norm(factors[0] @ factors[1].T)
        else:
            spreads = sum(
                (float(np.vdot(features, features)) - len(features) * float(mean @ mean)) / (len(features) - 1)
                for features, mean in zip((real, synthetic), means, strict=True)
            )
            across = taken(taken(self._across, real_rows), synthetic_rows, axis=1)
            across = across - across.mean(axis=0) - across.mean(axis=1)[:, None] + across.mean()
            shared = _nuclear_norm(across, null=1) / np.sqrt((len(real) - 1) * (len(synthetic) - 1))
        return np.array([max(shift + spreads - 2.0 * shared, 0.0)])

    def influences(
        self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how the distance of these rows moves with each of them, [n, 1] and [m, 1].

        The derivative by the weight of a row, over the number of rows: a sum of squares is a variance (infinitesimal
        jackknife, Efron 1982). The trace of sqrt(S1 S2) moves with row x of the first set as x^T M x / 2, M the map
        that carries S1 to S2.
        """
        sets = [taken(self._real, real_rows), taken(self._synthetic, synthetic_rows)]
        means = [features.mean(axis=0, dtype=np.float64) for features in sets]
        centred = [features - mean for features, mean in zip(sets, means, strict=True)]
        places, factors = zip(*map(np.linalg.qr, centred), strict=True)
        left, shared, right = np.linalg.svd(factors[0] @ factors[1].T, full_matrices=False)
        shared /= np.sqrt((len(sets[0]) - 1) * (len(sets[1]) - 1))
        found = []
        for side, vectors in enumerate((left, right.T)):
            count = len(sets[side])
            shift = 2.0 * centred[side] @ (means[side] - means[1 - side])
            spread = count / (count - 1) * np.einsum("ij,ij->i", centred[side], centred[side])
            mapped = count * ((places[side] @ vectors) ** 2 @ shared)
            found.append(normalised_influences(shift + spread - mapped))
        return found[0], found[1]


def _nuclear_norm(matrix: np.ndarray, *, null: int = 0) -> float:
    """Return the sum of the singular values, of which so many are known to be 0 (one where rows are centred).

    The eigenvalues of the matrix times itself cost half of its singular values and do as well, unless some are so small
    beside the largest that rounding would show in the sum.
    """
    small = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    squares = np.linalg.eigvalsh(small @ small.T)
    values = np.sqrt(np.maximum(squares[null:], np.finfo(float).tiny))
    rounding = np.finfo(float).eps * squares[-1] * np.sum(1.0 / values)
    if rounding <= _SHOWS * values.sum():
        return float(values.sum())
    return float(np.linalg.svd(matrix, compute_uv=False).sum())


def _factor(features: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return F [r, d] with F^T F the covariance (divided by n - 1) and r the smaller of n and d."""
    count, width = features.shape
    if count < width:
        return (features - mean) / np.sqrt(count - 1)
    covariance = np.zeros((width, width))
    for start in range(0, count, _BLOCK_ROWS):
        centred = features[start : start + _BLOCK_ROWS] - mean
        covariance += centred.T @ centred
    covariance /= count - 1
    try:
        return np.linalg.cholesky(covariance).T
    except np.linalg.LinAlgError:  # singular: features that are constant or depend on each other
        eigenvalues, eigenvectors = np.linalg.eigh(covariance)
        return np.sqrt(np.clip(eigenvalues, 0.0, None))[:, None] * eigenvectors.T
