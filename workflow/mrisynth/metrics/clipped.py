"""Density and coverage of a set of synthetic features, and their clipped forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import betaln, gammaln

from mrisynth.metrics.features import normalised_influences
from mrisynth.metrics.neighbours import NeighbourComparison


@dataclass(frozen=True)
class DensityCoverage:
    """Four shares of good samples; higher is better.

    Attributes:
        density: how many real balls hold a sample, in units of what a real scan finds; 0 or more, about 1 for
            samples of the real distribution and above 1 for those that crowd where real rows are dense.
        coverage: share of the real rows with a sample in their ball, in [0, 1].
        clipped_density, clipped_coverage: the share of samples of the real distribution, the others being far from
            it, that would give this fidelity and this coverage, in [0, 1].
    """

    density: float
    coverage: float
    clipped_density: float
    clipped_coverage: float


def density_coverage(real: np.ndarray, synthetic: np.ndarray, *, k: int = 5) -> DensityCoverage:
    """Return density, coverage and their clipped forms.

    Each real row carries a ball that reaches to its k-th nearest other real row (Euclidean, the border included).
    Density is the mean number of balls that hold a sample, divided by k; coverage the share of balls that hold one.
    Naeem et al. 2020 (arXiv 2002.09797), equations 3 and 4.

    For the clipped density no ball is larger than the median one and no sample counts for more than 1 (k balls); the
    mean is divided by the same of the real rows, each in the balls of the others, and cut at 1. For the clipped
    coverage no ball counts for more than 1 (k samples); the mean is read on the curve of its expectation when g of
    the m samples are of the real distribution, which is that of min(J, k) / k with J beta-binomial (g; k, n - k),
    whatever the distribution, and g / m is returned. Salvy et al. 2026 (arXiv 2507.01761), written from the
    definitions; between two g the curve is read linearly.

    Args:
        real: [n, d], finite.
        synthetic: [m, d], finite.
        k: neighbours, fewer than the rows of either set.

    Raises:
        MrisynthError: a set has k rows or fewer, the widths differ, or a value is not finite.
    """
    return DensityCoverage(*map(float, DensityCoverageComparison(real, synthetic, k=k)()))


class DensityCoverageComparison(NeighbourComparison):
    """Density, coverage and clipped forms of two sets and of their subsets.

    A comparison of :mod:`mrisynth.metrics.comparison`.
    """

    half_weights = (0.5, 1.0, 1.0, 1.0)

    def __call__(self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None) -> np.ndarray:
        """Return the four numbers of :class:`DensityCoverage` of these rows of each set, more than k; None for all."""
        rows, k = self._rows(real_rows, synthetic_rows, needed=self.smallest), self._k
        radii = self._distances.squared_radii(0, rows[0], k=k)
        held, balls = self._distances.counts(0, radii, rows)
        return np.array(
            [
                balls.mean() / k,
                (held > 0).mean(),
                self._clipped_density(radii, rows),
                share_of_good_samples(np.minimum(held, k).mean() / k, n=len(rows[0]), m=len(rows[1]), k=k),
            ]
        )

    def influences(
        self, real_rows: np.ndarray | None = None, synthetic_rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how density moves with each row, [n, 4] and [m, 4]; 0 for the other three, which move in steps.

        Without a real row its ball is gone, and the balls that held it reach to the next neighbour. The variance by
        these (delete-one jackknife) was up to twice too large in trials, that by halves, whose balls are wider, down
        to half of it: their mean is taken.
        """
        rows, k = self._rows(real_rows, synthetic_rows, needed=self.smallest + 1), self._k
        radii, next_radii = (self._distances.squared_radii(0, rows[0], k=reach) for reach in (k, k + 1))
        held, balls = self._distances.counts(0, radii, rows)
        gained = self._distances.counts(0, next_radii, rows)[0] - held
        without = (self._distances.weights_within(0, radii, rows[0], weights=gained) - held) / (k * len(rows[1]))
        real, synthetic = (np.zeros((len(chosen), 4)) for chosen in rows)
        real[:, :1] = normalised_influences((len(rows[0]) - 1.0) * (without.mean() - without))
        synthetic[:, :1] = normalised_influences(balls / k)
        return real, synthetic

    def _clipped_density(self, radii: np.ndarray, rows: tuple[np.ndarray, np.ndarray]) -> float:
        smaller, k = np.minimum(radii, np.median(radii)), self._k
        _, balls = self._distances.counts(0, smaller, rows)
        among_themselves = self._distances.weights_within(0, smaller, rows[0], weights=np.ones(len(rows[0])))
        real = np.minimum(among_themselves, k).mean() / k
        return min(float(np.minimum(balls, k).mean() / k / real), 1.0)


def share_of_good_samples(coverage: float, *, n: int, m: int, k: int) -> float:
    """Return which share of m samples, drawn as the n real rows were, has this clipped coverage on average.

    Args:
        coverage: mean over the real rows of min(samples in the ball, k) / k, in [0, 1].
        n: real rows, more than k.
        m: samples.
        k: neighbours.
    """
    curve = _expected_coverage(n, m, k)
    return float(np.interp(coverage, curve, np.arange(m + 1) / m))


@lru_cache(maxsize=64)
def _expected_coverage(n: int, m: int, k: int) -> np.ndarray:
    """Return the expected clipped coverage [m + 1] for 0 to m good samples, rising from 0."""
    good = np.arange(m + 1)[:, None]
    fewer = np.arange(k)[None]
    others = np.maximum(good - fewer, 0)  # more in the ball than there are: made impossible below
    ways = gammaln(good + 1) - gammaln(fewer + 1) - gammaln(others + 1)
    log_probability = ways + betaln(fewer + k, others + n - k) - betaln(k, n - k)
    probability = np.where(fewer <= good, np.exp(log_probability), 0.0)
    return 1.0 - ((k - fewer) * probability).sum(axis=1) / k
