"""The figure of the losses of all models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from mrisynth.reporting.style import PALETTE, empty_panel, house_style, new_figure, save

_COUNTERS = ("step", "images_seen", "seconds", "skipped")
_GROUPS = {"generator": "generator", "critic": "critics", "": "penalties and classes"}
_WINDOWS = 30


def loss_curves(curves: Mapping[str, Sequence[pd.DataFrame]], path: str | Path) -> None:
    """Draw the losses of each model against the training images shown, one row of panels a model.

    Thin lines are the recorded values, thick ones a running mean over a thirtieth of the training; a dotted line
    marks where one chunk ended and the next resumed.

    Args:
        curves: model -> tables of its chunks in order, with ``images_seen`` and one column per loss.
        path: the PNG.
    """
    with house_style():
        figure = new_figure(9.6, 1.75 * len(curves) + 0.2)
        grid = figure.subplots(len(curves), len(_GROUPS), squeeze=False)
        for panels, (model, chunks) in zip(grid, curves.items(), strict=True):
            table = pd.concat(chunks, ignore_index=True)
            seams = [chunk["images_seen"].iloc[-1] for chunk in chunks[:-1] if len(chunk)]
            for axes, (prefix, words) in zip(panels, _GROUPS.items(), strict=True):
                _panel(axes, table, _columns(table, prefix), seams=seams)
                axes.set_title(f"{model}: {words}" if axes is panels[0] else words)
        for axes in grid[-1]:
            axes.set_xlabel("training images shown")
        save(figure, path)


def _columns(table: pd.DataFrame, prefix: str) -> list[str]:
    losses = [name for name in table.columns if name not in _COUNTERS]
    named = [group for group in _GROUPS if group]
    if prefix:
        return [name for name in losses if name.startswith(prefix)]
    return [name for name in losses if not name.startswith(tuple(named))]


def _panel(axes: Axes, table: pd.DataFrame, columns: list[str], *, seams: list[float]) -> None:
    columns = [name for name in columns if table[name].notna().any()]
    if not columns:
        empty_panel(axes, "no such loss")
        return
    window = max(1, len(table) // _WINDOWS)
    for colour, name in zip(PALETTE, columns, strict=False):
        smooth = table[name].rolling(window, center=True, min_periods=1).mean()
        axes.plot(table["images_seen"], table[name], color=colour, linewidth=0.6, alpha=0.3)
        axes.plot(table["images_seen"], smooth, color=colour, linewidth=1.5, label=name)
    for seam in seams:
        axes.axvline(seam, color="#9aa5b1", linewidth=0.8, linestyle=":")
    _limit(axes, table[columns].to_numpy())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.locator_params(axis="x", nbins=5)
    axes.legend(loc="best", handlelength=1.2, borderaxespad=0.2)


def _limit(axes: Axes, values: np.ndarray) -> None:
    """Keep a few wild values from flattening the rest; what lies outside the panel is cut, not dropped."""
    low, high = np.nanpercentile(values, [1, 99])
    margin = 0.12 * max(high - low, 1e-6)
    axes.set_ylim(low - margin, high + margin)
