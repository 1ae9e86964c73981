"""The figure of a matching: ages of cases and controls before and after, and the differences that are left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mrisynth.cohorts.group_balance import BALANCED_BELOW, Groups
from mrisynth.cohorts.matching import Matching
from mrisynth.reporting.style import FLOOR, MUTED, PALETTE, REAL, empty_panel, house_style, new_figure, save, wrapped

_BINS = 14


def matching_figure(
    matching: Matching, balance: pd.DataFrame, path: str | Path, *, names: tuple[str, str], title: str = ""
) -> None:
    """Draw histograms of the ages before and after matching and a love plot of the standardised differences.

    Args:
        matching: of :func:`mrisynth.cohorts.matching.match_participants`.
        balance: :meth:`mrisynth.cohorts.matching.Matching.balance`, with ``when`` before and after.
        path: PNG, SVG or PDF.
        names: words for cases and controls.
        title: one line above.
    """
    levels = _levels(balance)
    with house_style():
        figure = new_figure(9.6, max(2.6, 1.2 + 0.24 * len(levels)))
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        before, after, love = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
        edges = _edges(matching.eligible)
        for axes, words, groups in ((before, "before", matching.eligible), (after, "after", matching.matched)):
            axes.set_title(f"Ages {words} matching")
            if len(groups.one):
                _histogram(axes, groups, edges, names)
            else:
                empty_panel(axes, "nobody is matched")
        _love(love, balance, levels)
        save(figure, path)


def _edges(groups: Groups) -> np.ndarray:
    ages = np.concatenate([table["age"].to_numpy(dtype=np.float64) for table in (groups.one, groups.other)])
    low, high = float(ages.min()), float(ages.max())
    return np.linspace(low, max(high, low + 1), _BINS + 1)


def _histogram(axes: Axes, groups: Groups, edges: np.ndarray, names: tuple[str, str]) -> None:
    tables = (groups.one, groups.other)
    for table, name, colour in zip(tables, names, PALETTE, strict=False):
        label = f"{name} ({len(table)})"
        axes.hist(table["age"], bins=edges, color=colour, alpha=0.25)
        axes.hist(table["age"], bins=edges, histtype="step", color=colour, linewidth=1.4, label=label)
    axes.set_xlabel("age in years")
    axes.set_ylabel("participants")
    axes.set_ylim(top=1.45 * axes.get_ylim()[1])  # room for the legend
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper right", handlelength=1.2)


def _levels(balance: pd.DataFrame) -> list[tuple[str, str]]:
    """Return what to show: of two levels the first, since the other mirrors it; of words no lone level."""
    found = list(dict.fromkeys(zip(balance["variable"], balance["level"], strict=True)))
    counts = pd.Series([variable for variable, _ in found]).value_counts()
    seen: set[str] = set()
    shown = []
    for variable, level in found:
        lone = counts[variable] == 1 and level != "mean"
        if not lone and (counts[variable] != 2 or variable not in seen):
            shown.append((variable, level))
        seen.add(variable)
    return shown


def _love(axes: Axes, balance: pd.DataFrame, levels: list[tuple[str, str]]) -> None:
    axes.set_title(f"Standardised differences (band: {BALANCED_BELOW:g})")
    axes.axvspan(-BALANCED_BELOW, BALANCED_BELOW, color=FLOOR, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    looks = {
        "before": {"s": 52, "facecolors": "white", "edgecolors": REAL},
        "after": {"s": 20, "color": REAL},
    }
    places = {level: -number for number, level in enumerate(levels)}
    for when, look in looks.items():
        part = balance[(balance["when"] == when) & balance["smd"].notna()]
        keys = zip(part["variable"], part["level"], part["smd"], strict=True)
        shown = [(smd, places[variable, level]) for variable, level, smd in keys if (variable, level) in places]
        axes.scatter([smd for smd, _ in shown], [row for _, row in shown], zorder=3, label=when, **look)
    words = [variable if level == "mean" else f"{variable}: {level}" for variable, level in levels]
    axes.set_yticks([places[level] for level in levels], [wrapped(word, width=18) for word in words])
    axes.set_ylim(-len(levels) + 0.4, 0.6)
    reach = float(np.nanmax(np.abs([*balance["smd"], 0.3])))
    axes.set_xlim(-1.1 * reach, 1.1 * reach)
    axes.set_xlabel("(cases - controls) / spread before matching")
    axes.legend(loc="best")
