"""The kernel distance between two sets of features, without bias."""

from __future__ import annotations

import numpy as np

from mrisynth.metrics.features import check_pair


def kernel_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the unbiased squared maximum mean discrepancy of two sets of features under a cubic kernel (KID).

    The kernel is k(x, y) = (x.y / d + 1)^3, and the mean of k over all pairs of two different rows of one set, the
    same over the other, minus twice its mean over all pairs across, is the distance. No row is paired with itself,
    so that its mean over draws of one distribution is 0 at any number of rows, also where n and m differ. Every
    block of the Gram matrix is computed once, in float64. Binkowski et al. 2018 (arXiv 1801.01401), section 4, with
    the estimator of Gretton et al. 2012, lemma 6.

    Args:
        real: [n, d], n >= 2, finite.
        synthetic: [m, d], m >= 2, finite.

    Returns:
        The distance, about 0 for sets of one distribution and then as often below 0 as above; it has no unit but
        that of the features, so that values of different features cannot be compared.

    Raises:
        MrisynthError: fewer than two rows, different widths, or a value that is not finite.
    """
    check_pair(real, synthetic, rows=2)
    real, synthetic = real.astype(np.float64), synthetic.astype(np.float64)
    return _mean_of_pairs(real) + _mean_of_pairs(synthetic) - 2.0 * float(_kernel(real, synthetic).mean())


def _mean_of_pairs(features: np.ndarray) -> float:
    """Return the mean kernel of two different rows."""
    kernel, count = _kernel(features, features), len(features)
    np.fill_diagonal(kernel, 0.0)
    return float(kernel.sum() / (count * (count - 1)))


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one @ other.T / one.shape[1] + 1.0) ** 3
