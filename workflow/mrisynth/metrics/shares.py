"""The interval of a share of independent cases."""

from __future__ import annotations

import numpy as np
from scipy import stats


def share_interval(found: int, cases: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the interval of Clopper and Pearson (1934), at least as wide as its level says.

    No cases give missing ends.
    """
    if cases == 0:
        return np.nan, np.nan
    tail = (1.0 - level) / 2
    low = float(stats.beta.ppf(tail, found, cases - found + 1)) if found else 0.0
    high = float(stats.beta.ppf(1.0 - tail, found + 1, cases - found)) if found < cases else 1.0
    return low, high
