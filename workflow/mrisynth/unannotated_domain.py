"""Which scans are of the domain whose masks count as unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mrisynth.errors import MrisynthError


def unannotated(scans: pd.DataFrame, where: Mapping[str, Sequence[object]]) -> set[str]:
    """Return the scans whose masks count as unknown: those with one of the values in every column that is named.

    Args:
        scans: the scans table.
        where: column -> values; empty for none.

    Raises:
        MrisynthError: there is no such column, or no scan is so.
    """
    if not where:
        return set()
    hidden = pd.Series(data=True, index=scans.index)
    for column, values in where.items():
        if column not in scans:
            raise MrisynthError(f"masks.unannotated names {column}; the scans table has {', '.join(scans)}.")
        hidden &= scans[column].astype("object").isin(list(values))
    if not hidden.any():
        found = {column: sorted(map(str, scans[column].dropna().unique()))[:8] for column in where}
        raise MrisynthError(f"masks.unannotated: no scan is so; the scans have {found}.")
    return set(scans.loc[hidden, "scan"])
