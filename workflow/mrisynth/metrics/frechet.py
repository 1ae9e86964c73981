"""The Fréchet distance between two sets of features, without a matrix square root."""

from __future__ import annotations

import numpy as np

from mrisynth.metrics.features import check_pair

_BLOCK_ROWS = 4096


def frechet_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the squared Fréchet distance between the normal distributions fitted to two sets of features.

    With covariances written as S = F^T F, the trace of sqrt(S1 S2) is the sum of the singular values of F1 F2^T
    (the nuclear norm). A set of n < d rows is its own factor, F = (X - mean) / sqrt(n - 1), so that no d x d matrix
    appears; a larger set is reduced to one by its streamed float64 covariance and its eigenvalues. The value is
    never complex and needs no small constant added. Heusel et al. 2017 (arXiv 1706.08500), equation 6.

    Args:
        real: [n, d], n >= 2, finite.
        synthetic: [m, d], m >= 2, finite.

    Returns:
        The distance, 0 for equal sets; it is biased upwards for few rows: read it beside a floor at equal n.

    Raises:
        MrisynthError: fewer than two rows, different widths, or a value that is not finite.
    """
    check_pair(real, synthetic, rows=2)
    real_mean, synthetic_mean = real.mean(axis=0, dtype=np.float64), synthetic.mean(axis=0, dtype=np.float64)
    real_factor = _covariance_factor(real, real_mean)
    synthetic_factor = _covariance_factor(synthetic, synthetic_mean)
    shift = float(np.sum((real_mean - synthetic_mean) ** 2))
    spreads = float(np.sum(real_factor**2) + np.sum(synthetic_factor**2))
    shared = float(np.linalg.svd(real_factor @ synthetic_factor.T, compute_uv=False).sum())
    return max(shift + spreads - 2.0 * shared, 0.0)


def _covariance_factor(features: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return F [r, d] with F^T F the covariance (divided by n - 1) and r the smaller of n and d."""
    count, width = features.shape
    if count < width:
        return (features - mean) / np.sqrt(count - 1)
    covariance = np.zeros((width, width))
    for start in range(0, count, _BLOCK_ROWS):
        centred = features[start : start + _BLOCK_ROWS] - mean
        covariance += centred.T @ centred
    eigenvalues, eigenvectors = np.linalg.eigh(covariance / (count - 1))
    return np.sqrt(np.clip(eigenvalues, 0.0, None))[:, None] * eigenvectors.T
