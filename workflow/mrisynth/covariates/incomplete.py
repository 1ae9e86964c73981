"""One Gaussian fitted to rows of which parts are unknown."""

from __future__ import annotations

import numpy as np

_STEPS = 100
_CLOSE = 1e-6


def gaussian_of_incomplete(values: np.ndarray, *, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean [d] and covariance [d, d] by expectation maximisation (Dempster, Laird and Rubin 1977).

    The start is the mean and variance of each column alone, so that columns never known together stay independent
    but for what they share with others.

    Args:
        values: [n, d], NaN where unknown; each column with at least one value.
        ridge: added to the variances.
    """
    if not values.shape[1]:
        return np.zeros(0), np.zeros((0, 0))
    known = ~np.isnan(values)
    rows = known.any(axis=1)
    values, known = values[rows], known[rows]
    mean = np.nanmean(values, axis=0)
    covariance = np.diag(np.nanvar(values, axis=0) + ridge)
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    for _ in range(_STEPS if not known.all() else 1):
        filled, doubt = values.copy(), np.zeros_like(covariance)
        for number, x in enumerate(patterns):
            members, y = np.flatnonzero(which.ravel() == number), ~x
            slope = np.linalg.solve(covariance[np.ix_(x, x)], covariance[np.ix_(x, y)])
            filled[np.ix_(members, y)] = mean[y] + (values[np.ix_(members, x)] - mean[x]) @ slope
            doubt[np.ix_(y, y)] += len(members) * (covariance[np.ix_(y, y)] - covariance[np.ix_(y, x)] @ slope)
        before, mean = mean, filled.mean(axis=0)
        last = covariance
        covariance = ((filled - mean).T @ (filled - mean) + doubt) / len(values) + ridge * np.eye(len(mean))
        if max(np.abs(mean - before).max(), np.abs(covariance - last).max()) < _CLOSE:
            break
    return mean, covariance
