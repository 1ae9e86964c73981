"""The interval of a share of independent cases."""

from __future__ import annotations

import numpy as np
from scipy import stats

from mrisynth.metrics.quantiles import Z_95


def share_interval(found: int, cases: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of Clopper and Pearson (1934), which covers at least as often as that.

    No cases give missing ends.
    """
    if cases == 0:
        return np.nan, np.nan
    low = float(stats.beta.ppf(0.025, found, cases - found + 1)) if found else 0.0
    high = float(stats.beta.ppf(0.975, found + 1, cases - found)) if found < cases else 1.0
    return low, high


def wilson_interval(found: int, cases: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of Wilson (1927), which covers as often as that on average.

    It is narrower than :func:`share_interval`, and never leaves 0 to 1. No cases give missing ends.
    """
    if cases == 0:
        return np.nan, np.nan
    share, weight = found / cases, Z_95**2 / cases
    middle = (share + weight / 2.0) / (1.0 + weight)
    reach = Z_95 / (1.0 + weight) * np.sqrt(share * (1.0 - share) / cases + weight / (4.0 * cases))
    return max(float(middle - reach), 0.0), min(float(middle + reach), 1.0)
