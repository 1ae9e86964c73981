"""The figure of region covariates: how they are spread, by sex and over age, and the two sides against each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrisynth.covariate_tables import correlation, covariates_in
from mrisynth.reporting.histograms import Histogram, draw_histograms, shared_edges
from mrisynth.reporting.style import CONTROL, MUTED, PALETTE, REAL, empty_panel, house_style, new_figure, save

_BINS = 24
_FEWEST = 10  # scans of a group that has a histogram of its own, beside others
_SIDES = ("_left_ml", "_right_ml")
_LOOKS = {"f": (PALETTE[1], "women"), "m": (PALETTE[0], "men")}
_UNKNOWN = (CONTROL, "sex unknown")


def covariates_figure(table: pd.DataFrame, path: str | Path, *, title: str = "") -> None:
    """Draw every covariate as histograms by sex and over age, one row each, then left against right.

    Marks above the histograms are the means. Lines over age are least squares, over all scans; r is Pearson's.

    Args:
        table: of :func:`mrisynth.covariate_tables.covariate_table`, with ``sex`` (``f``, ``m``) and ``age`` in years
            where they are known, and at least one covariate.
        path: PNG, SVG or PDF.
        title: one line above.
    """
    with house_style():
        save(covariates_panels(table, title=title), path)


def covariates_panels(table: pd.DataFrame, *, title: str) -> Figure:
    """Return the figure; arguments as :func:`covariates_figure`."""
    names = covariates_in(table)
    pairs = [(name, name.replace(*_SIDES)) for name in names if name.replace(*_SIDES) in set(names) - {name}]
    figure = new_figure(8.4, 0.4 + 2.5 * (len(names) + (len(pairs) + 1) // 2))
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    panels = figure.subplots(len(names) + (len(pairs) + 1) // 2, 2, squeeze=False, width_ratios=(1, 1.2))
    groups = _groups(table)
    for (spread, over_age), name in zip(panels, names, strict=False):
        _spread(spread, table, name, groups)
        _over_age(over_age, table, name, groups)
    below = panels[len(names) :].ravel()
    for axes, pair in zip(below, pairs, strict=False):
        _sides(axes, table, *pair, groups)
    for axes in below[len(pairs) :]:
        axes.set_axis_off()
    return figure


def _groups(table: pd.DataFrame) -> list[tuple[pd.Series, str, str]]:
    """Return rows, colour and words of each sex that occurs."""
    sex = table["sex"].astype("object") if "sex" in table else pd.Series(None, index=table.index, dtype="object")
    found = [(sex == value, *look) for value, look in _LOOKS.items()]
    found.append((~sex.isin(list(_LOOKS)), *_UNKNOWN))
    return [group for group in found if group[0].any()]


def _words(name: str) -> str:
    return name.removesuffix("_ml").replace("_", " ")


def _spread(axes: Axes, table: pd.DataFrame, name: str, groups: list[tuple[pd.Series, str, str]]) -> None:
    values = table[name].dropna()
    lacking = len(table) - len(values)
    axes.set_title(_words(name) + (f" ({lacking} of {len(table)} not measured)" if lacking else ""), fontsize=9)
    if values.empty:
        empty_panel(axes, "not measured in any scan")
        return
    shown = []
    for rows, colour, words in groups:
        mine = table.loc[rows, name].dropna().to_numpy(dtype=np.float64)
        if len(mine):
            mean = float(mine.mean())
            legend = f"{words}: mean {mean:.4g} mL (n {len(mine)})"
            shown.append(Histogram(mine, colour, legend, mean, float("nan"), float("nan")))
    large = [group for group in shown if len(group.values) >= _FEWEST]
    draw_histograms(axes, large or shown, shared_edges(values.to_numpy(dtype=np.float64), _BINS, least=0.5))
    axes.set_xlabel("mL of template space")


def _over_age(axes: Axes, table: pd.DataFrame, name: str, groups: list[tuple[pd.Series, str, str]]) -> None:
    if "age" not in table or not (both := table["age"].notna() & table[name].notna()).any():
        empty_panel(axes, "no age is known of a scan that was measured")
        return
    _scatter(axes, table, "age", name, groups)
    r = correlation(table["age"], table[name])
    axes.set_title(f"over age: r = {r:.2f} (n {int(both.sum())})" if np.isfinite(r) else "over age", fontsize=9)
    if np.isfinite(r):
        ages, values = (table.loc[both, column].to_numpy(dtype=np.float64) for column in ("age", name))
        slope, level = np.polyfit(ages, values, 1)
        ends = np.array([ages.min(), ages.max()])
        axes.plot(ends, slope * ends + level, color=REAL, linewidth=1.2)
    axes.set(xlabel="age in years", ylabel="mL")


def _sides(axes: Axes, table: pd.DataFrame, left: str, right: str, groups: list[tuple[pd.Series, str, str]]) -> None:
    seen = table[[left, right]].dropna().to_numpy(dtype=np.float64)
    if not len(seen):
        empty_panel(axes, "no scan has both sides")
        return
    _scatter(axes, table, left, right, groups)
    ends = [seen.min(), seen.max()]
    axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
    r = correlation(table[left], table[right])
    both = _words(left).removesuffix(" left")
    of_pair = f": r = {r:.2f} (n {len(seen)})" if np.isfinite(r) else ""
    axes.set_title(f"{both}, right against left{of_pair}", fontsize=9)
    axes.set(xlabel=f"{_words(left)}, mL", ylabel="right, mL")
    axes.legend(loc="lower right", handletextpad=0.1)


def _scatter(axes: Axes, table: pd.DataFrame, across: str, up: str, groups: list[tuple[pd.Series, str, str]]) -> None:
    size = 14.0 if len(table) < 1000 else 4.0
    for rows, colour, words in groups:
        axes.scatter(
            table.loc[rows, across], table.loc[rows, up], s=size, color=colour, alpha=0.6, linewidths=0, label=words
        )
