"""The interval of a share of independent cases."""

from __future__ import annotations

import numpy as np
from scipy import stats


def share_interval(found: int, cases: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of Clopper and Pearson (1934), which covers at least as often as that.

    No cases give missing ends.
    """
    if cases == 0:
        return np.nan, np.nan
    low = float(stats.beta.ppf(0.025, found, cases - found + 1)) if found else 0.0
    high = float(stats.beta.ppf(0.975, found + 1, cases - found)) if found < cases else 1.0
    return low, high
