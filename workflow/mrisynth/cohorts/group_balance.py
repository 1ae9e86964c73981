"""Balance between two groups: standardised mean differences and p-values of age, sex and whatever else is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mrisynth.cohorts.splits import SPLITS
from mrisynth.errors import MrisynthError

BALANCED_BELOW = 0.1
"""Absolute standardised difference below which a variable is commonly called balanced (Austin 2009)."""


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Two groups of participants that are compared.

    Attributes:
        one, other: one row a participant.
        weights: of the rows of ``other`` in means and shares, as in k:1 matching; None for equal ones.
    """

    one: pd.DataFrame
    other: pd.DataFrame
    weights: np.ndarray | None = None


def compare_groups(
    groups: Groups, variables: Sequence[str] = ("age", "sex"), *, spread_of: Groups | None = None
) -> pd.DataFrame:
    """Compare two groups in each variable.

    Args:
        groups: who is compared.
        variables: columns of both; numbers are compared by their mean, words by the share of every level. A missing
            value counts nowhere.
        spread_of: groups whose spread the differences are divided by, such as those before matching, so that a
            difference before and after is in one unit (Stuart 2010); None for ``groups``.

    Returns:
        One row a variable, or level of a variable: ``variable``, ``level`` (``mean`` for numbers), ``one`` and
        ``other`` (counts of participants with a value; for a level those who have it), ``one_value`` and
        ``other_value`` (mean or share), ``one_sd`` and ``other_sd`` (numbers only), ``smd`` (difference of the values
        over the root of the mean variance), ``welch_p`` and ``mann_whitney_p`` (numbers), ``chi_squared_p`` (words,
        without continuity correction) and ``fisher_p`` (two levels only). P-values are two-sided, of unweighted
        participants taken as independent; missing where a group is too small.

    Raises:
        MrisynthError: a column is missing.
    """
    spread = spread_of or groups
    rows: list[dict[str, object]] = []
    for variable in variables:
        for table in (groups.one, groups.other, spread.one, spread.other):
            if variable not in table:
                raise MrisynthError(
                    f"The participants have no column {variable}; they have {', '.join(map(str, table.columns))}."
                )
        numeric = pd.api.types.is_numeric_dtype(groups.one[variable])
        rows.extend((_number if numeric else _words)(variable, groups, spread))
    return pd.DataFrame(rows)


def split_balance(participants: pd.DataFrame, variables: Sequence[str] = ("age", "sex", "diagnosis")) -> pd.DataFrame:
    """Compare the validation and the test split with the training split: SMD and p-values of each variable.

    :func:`mrisynth.cohorts.splits.balance_table` shows all values of all splits; this adds the tests by which the
    published split is judged (age and sex at p > 0.05).

    Args:
        participants: one row a participant, with ``split``; variables that it lacks are passed over.

    Returns:
        The rows of :func:`compare_groups` with ``split`` in front; a split of nobody has none.
    """
    known = [name for name in variables if name in participants]
    parts = {split: participants[participants["split"] == split] for split in SPLITS}
    tables = [
        compare_groups(Groups(one=part, other=parts["train"]), known).assign(split=split)
        for split, part in parts.items()
        if split != "train" and len(part) and known
    ]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"split": []})
    return table[["split", *[name for name in table.columns if name != "split"]]]


def _number(variable: str, groups: Groups, spread: Groups) -> Iterator[dict[str, object]]:
    one, other = (table[variable].astype("float64") for table in (groups.one, groups.other))
    weights = np.ones(len(other)) if groups.weights is None else groups.weights
    kept = other.notna().to_numpy()
    one, other, weights = one.dropna().to_numpy(), other[kept].to_numpy(), weights[kept]
    value = float(np.average(other, weights=weights)) if len(other) else np.nan
    mean = float(one.mean()) if len(one) else np.nan
    variances = [table[variable].astype("float64").var() for table in (spread.one, spread.other)]
    enough = len(one) > 1 and len(other) > 1 and (np.ptp(one) > 0 or np.ptp(other) > 0)
    yield _row(variable, "mean", (len(one), len(other)), (mean, value), variances) | {
        "one_sd": float(np.std(one, ddof=1)) if len(one) > 1 else np.nan,
        "other_sd": float(np.std(other, ddof=1)) if len(other) > 1 else np.nan,
        "welch_p": float(stats.ttest_ind(one, other, equal_var=False).pvalue) if enough else np.nan,
        "mann_whitney_p": float(stats.mannwhitneyu(one, other).pvalue) if enough else np.nan,
        "chi_squared_p": np.nan,
        "fisher_p": np.nan,
    }


def _words(variable: str, groups: Groups, spread: Groups) -> Iterator[dict[str, object]]:
    one, other, before, after = (
        table[variable].astype("object") for table in (groups.one, groups.other, spread.one, spread.other)
    )
    weights = np.ones(len(other)) if groups.weights is None else groups.weights
    kept = other.notna().to_numpy()
    one, other, weights = one.dropna(), other[kept], weights[kept]
    levels = sorted({str(level) for level in (*one, *other)})
    table = np.array([[int((values.map(str) == level).sum()) for level in levels] for values in (one, other)])
    p_values = _p_of_table(table)
    for number, level in enumerate(levels):
        own = (other.map(str) == level).to_numpy()
        share = float((one.map(str) == level).mean()) if len(one) else np.nan
        value = float(np.average(own, weights=weights)) if len(other) else np.nan
        shares = [(values.dropna().map(str) == level).mean() for values in (before, after)]
        variances = [part * (1 - part) for part in shares]
        counts = (int(table[0, number]), int(table[1, number]))
        missing = dict.fromkeys(("one_sd", "other_sd", "welch_p", "mann_whitney_p"), np.nan)
        yield _row(variable, level, counts, (share, value), variances) | missing | p_values


def _row(
    variable: str, level: str, counts: tuple[int, int], values: tuple[float, float], variances: Sequence[float]
) -> dict[str, object]:
    difference, root = values[0] - values[1], float(np.sqrt(np.mean(variances)))
    smd = 0.0 if difference == 0 else difference / root if root > 0 else np.nan
    return {
        "variable": variable, "level": level, "one": counts[0], "other": counts[1],
        "one_value": values[0], "other_value": values[1], "smd": smd,
    }  # fmt: skip


def _p_of_table(table: np.ndarray) -> dict[str, float]:
    """Return the p-values of a table of counts [2 groups, levels]."""
    missing = {"chi_squared_p": np.nan, "fisher_p": np.nan}
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return missing
    found = missing | {"chi_squared_p": float(stats.chi2_contingency(table, correction=False).pvalue)}
    return found | ({"fisher_p": float(stats.fisher_exact(table).pvalue)} if table.shape[1] == 2 else {})
