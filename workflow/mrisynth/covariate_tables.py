"""Covariates of scans: the scans table with what was measured of the scans beside it, and its summary."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError

_ENDING = "_ml"
_ABOUT = ("scan", "reason", "numbering")


def covariate_table(scans: pd.DataFrame, regions: pd.DataFrame | None) -> pd.DataFrame:
    """Return the scans table with the region covariates of every scan as further columns.

    Args:
        scans: the scans table, one row a scan, with the column ``scan``.
        regions: ``covariates/regions.tsv``: ``scan``, ``reason`` and one column ``{structure}_ml`` a covariate; None
            where nothing was measured.

    Returns:
        The rows of ``scans`` in their order and with their columns, then the covariates as float64 in mL, NaN where a
        scan was not measured or its row has a reason.

    Raises:
        MrisynthError: a column of both has the same name, or a scan was measured twice.
    """
    if regions is None:
        return scans.copy()
    names = [name for name in regions if name not in _ABOUT]
    if clashing := sorted(set(names) & set(scans)):
        raise MrisynthError(
            f"The scans table has a column {clashing[0]} of its own, and covariates.regions measures one of that name; "
            "rename the column, or take covariates.regions out."
        )
    known = regions.set_index(regions["scan"].astype(str))
    if len(twice := known.index[known.index.duplicated()]):
        raise MrisynthError(f"covariates/regions.tsv has {twice[0]} twice; delete the file and measure again.")
    values = known[names].astype("float64")
    values[(known["reason"].fillna("") != "").to_numpy()] = np.nan
    of_scans = values.reindex(scans["scan"].astype(str)).set_axis(scans.index)
    return pd.concat([scans, of_scans], axis=1)


def covariates_in(table: pd.DataFrame) -> list[str]:
    """Return the names of the region covariates that a table of :func:`covariate_table` has."""
    return [name for name in table if name.endswith(_ENDING)]


def summarised(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return what there is of each covariate, one row a covariate.

    Columns: ``covariate``, ``scans`` (that have it), ``missing``, ``min``, ``median``, ``max``, ``mean`` and ``sd`` in
    its unit, ``r_age`` (Pearson, over scans that have both) and ``scans_with_age``; NaN where too few are known.

    Args:
        table: of :func:`covariate_table`, with ``age`` in years where it is known.
        names: of the covariates, columns of ``table``.
    """
    ages = table["age"].astype("float64") if "age" in table else pd.Series(np.nan, index=table.index)
    rows = []
    for name in names:
        values = table[name].astype("float64")
        seen = values.dropna()
        row = {"covariate": name, "scans": len(seen), "missing": int(values.isna().sum())}
        row |= {key: getattr(seen, key)() for key in ("min", "median", "max", "mean")} | {"sd": seen.std()}
        both = values.notna() & ages.notna()
        rows.append(row | {"r_age": correlation(values, ages), "scans_with_age": int(both.sum())})
    figures = ["min", "median", "max", "mean", "sd", "r_age"]
    return pd.DataFrame(rows).round(dict.fromkeys(figures, 4))


def correlation(one: pd.Series, other: pd.Series) -> float:
    """Return Pearson's r over the rows that have both values; NaN for fewer than three, or if one does not vary."""
    both = pd.DataFrame({"one": one, "other": other}).astype("float64").dropna()
    if len(both) < 3 or (both.nunique() < 2).any():
        return float("nan")
    return float(np.corrcoef(both["one"], both["other"])[0, 1])
