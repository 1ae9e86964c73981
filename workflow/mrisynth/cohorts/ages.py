"""Ages: cut into thirds, so that a condition can have them as classes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

TERCILES = ("low", "middle", "high")


def age_tercile_bounds_years(ages: Iterable[float | None]) -> tuple[float, float]:
    """Return the ages that end the low and the middle third (both inclusive), in years; NaN without any age."""
    present = pd.Series(ages, dtype="float64").dropna().to_numpy()
    if not len(present):
        return float("nan"), float("nan")
    lower, upper = np.quantile(present, [1 / 3, 2 / 3])
    return float(lower), float(upper)


def terciles(ages: pd.Series, bounds_years: tuple[float, float]) -> pd.Series:
    """Return the third of each age (years) as ``low``, ``middle``, ``high``; missing where the age is."""
    years = ages.astype("float64").to_numpy()
    words = np.array(TERCILES, dtype=object)[np.searchsorted(np.array(bounds_years), years, side="left").clip(max=2)]
    return pd.Series(np.where(np.isnan(years), None, words), index=ages.index, dtype="str")
