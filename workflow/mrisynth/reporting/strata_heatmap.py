"""The figure of the strata prediction score: covariates in rows, models in columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from mrisynth.reporting.style import INK, MUTED, PALETTE, PAPER, empty_panel, house_style, new_figure, save, wrapped

RANGES = {"standardised_mse": (0.0, 1.5), "standardised_mae": (0.0, 1.5), "corr": (0.0, 1.0)}
"""Measure -> range of its colours, as in the original."""

_WORDS = {
    "standardised_mse": "mean squared error\n(standard deviations squared)",
    "standardised_mae": "mean absolute error\n(standard deviations)",
    "corr": "Pearson's r",
}
_SHARES = LinearSegmentedColormap.from_list("strata", [PAPER, PALETTE[0]])
_DARK = 0.6  # share of the range from which letters are white


def strata_heatmap(table: pd.DataFrame, path: str | Path, *, models: Sequence[str], title: str = "") -> None:
    """Draw the weighted means over strata, one panel a measure of :data:`RANGES`, with their intervals.

    Dark is bad in errors and good in r; a number beyond the range has the colour of its end. A model whose fakes were
    never asked for a covariate has no number there.

    Args:
        table: summaries of :func:`mrisynth.metrics.strata_scores.score_strata` one below the other, with ``dataset``
            and ``model`` as further columns.
        path: PNG, SVG or PDF.
        models: names of the columns, left to right.
        title: one line above.
    """
    with house_style():
        save(heatmap_panels(table, models=models, title=title), path)


def heatmap_panels(table: pd.DataFrame, *, models: Sequence[str], title: str) -> Figure:
    """Return the figure; arguments as :func:`strata_heatmap`."""
    rows = list(dict.fromkeys(zip(table["dataset"], table["covariate"], strict=True)))
    several = len({dataset for dataset, _ in rows}) > 1
    width = 1.6 + 3 * (0.95 * len(models) + 0.35)
    figure = new_figure(max(width, 6.0), 0.52 * max(len(rows), 1) + 1.7)
    if title:
        figure.suptitle(
            wrapped(title, width=int(12 * max(width, 6.0))), x=0.01, ha="left", fontsize=10, fontweight="bold"
        )
    panels = figure.subplots(1, len(RANGES), sharey=True)
    if not rows:
        for axes in panels:
            empty_panel(axes, "")
        empty_panel(panels[1], "no stratum has enough real images")
        return figure
    names = [wrapped(f"{dataset}: {name}" if several else name, width=24) for dataset, name in rows]
    indexed = table.set_index(["measure", "dataset", "covariate", "model"])
    for axes, (measure, ends) in zip(panels, RANGES.items(), strict=True):
        _panel(axes, indexed, measure, ends, rows, models)
        bar = figure.colorbar(axes.images[0], ax=axes, orientation="horizontal", aspect=26, pad=0.03, shrink=0.9)
        bar.outline.set_visible(False)
        bar.set_ticks([ends[0], ends[1] / 2, ends[1]])
        bar.ax.tick_params(labelsize=7, length=0)
    panels[0].set_yticks(range(len(rows)), names, color=INK)
    return figure


def _panel(
    axes: Axes, table: pd.DataFrame, measure: str, ends: tuple[float, float], rows: Sequence[tuple[str, str]],
    models: Sequence[str],
) -> None:  # fmt: skip
    values = np.full((len(rows), len(models)), np.nan)
    for place in np.ndindex(values.shape):
        key = (measure, *rows[place[0]], models[place[1]])
        if key not in table.index:
            axes.text(place[1], place[0], "-", ha="center", va="center", color=MUTED)
            continue
        row = table.loc[[key]].iloc[0]
        values[place] = row["weighted"]
        _number(axes, place, row, ends)
    axes.imshow(values, cmap=_SHARES, vmin=ends[0], vmax=ends[1], aspect="auto")
    axes.set_title(_WORDS[measure], fontsize=9)
    axes.set_xticks(range(len(models)), [wrapped(name, width=11) for name in models], fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _number(axes: Axes, place: tuple[int, ...], row: pd.Series, ends: tuple[float, float]) -> None:
    if not np.isfinite(row["weighted"]):
        axes.text(place[1], place[0], "n/a", ha="center", va="center", color=MUTED)
        return
    dark = (row["weighted"] - ends[0]) / (ends[1] - ends[0]) > _DARK
    span = f"\n{row['low']:.2f} to {row['high']:.2f}" if np.isfinite(row["low"]) else ""
    colour = PAPER if dark else INK
    axes.text(place[1], place[0] - 0.14 * bool(span), f"{row['weighted']:.2f}", ha="center", va="center", color=colour)
    if span:
        axes.text(place[1], place[0] + 0.24, span.strip(), ha="center", va="center", color=colour, fontsize=6)
