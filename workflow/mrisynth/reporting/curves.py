"""The figure of the losses and the health of all models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from mrisynth.reporting.style import ALARM, PALETTE, empty_panel, house_style, new_figure, save
from mrisynth.training.health import COLLAPSED_BELOW

_COUNTERS = (
    "step",
    "images_seen",
    "seconds",
    "waited_seconds",
    "skipped",
    "rollbacks",
    "images_per_second",
    "memory_gb",
)
_HEALTH = ("right_", "diversity", "augmentation")
_GROUPS = {"generator": ("generator",), "critics": ("critic",)}
_REST = "penalties and classes"
_HEALTH_WORDS = "health"
_WINDOWS = 30


def loss_curves(curves: Mapping[str, Sequence[pd.DataFrame]], path: str | Path) -> None:
    """Draw the losses of each model against the training images shown, one row of panels a model.

    Thin lines are the recorded values, thick ones a running mean over a thirtieth of the training; a dotted line
    marks where one chunk ended and the next resumed. The last panel shows the share of real-synthetic pairs that each
    critic ranks right, the diversity of the fixed samples beside the limit of a collapse, and the strength of the
    augmentation; it is left out where no model has them.

    Args:
        curves: model -> tables of its chunks in order, with ``images_seen``, one column per loss, and at will
            ``right_*``, ``diversity`` and ``augmentation``.
        path: the PNG.
    """
    tables = {model: pd.concat(chunks, ignore_index=True) for model, chunks in curves.items()}
    groups = {model: _grouped(table) for model, table in tables.items()}
    shown = [words for words in (*_GROUPS, _REST, _HEALTH_WORDS) if any(found[words] for found in groups.values())]
    with house_style():
        figure = new_figure(max(9.6, 3.1 * len(shown)), 1.75 * len(curves) + 0.2)
        grid = figure.subplots(len(curves), max(1, len(shown)), squeeze=False)
        for panels, (model, chunks) in zip(grid, curves.items(), strict=True):
            seams = [chunk["images_seen"].iloc[-1] for chunk in chunks[:-1] if len(chunk)]
            for axes, words in zip(panels, shown, strict=False):
                draw = _health_panel if words == _HEALTH_WORDS else _panel
                axes.set_title(f"{model}: {words}" if axes is panels[0] else words)
                if groups[model][words]:
                    draw(axes, tables[model], groups[model][words])
                    _frame(axes, seams)
                else:
                    empty_panel(axes, "not recorded")
        for axes in grid[-1]:
            axes.set_xlabel("training images shown")
        save(figure, path)


def _grouped(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the columns of each group of panels that hold a value."""
    known = [name for name in table.columns if name not in _COUNTERS and table[name].notna().any()]
    if "augmentation" in known and not table["augmentation"].any():
        known.remove("augmentation")  # never on
    prefixes = _GROUPS | {_HEALTH_WORDS: _HEALTH}
    found = {words: [name for name in known if name.startswith(starts)] for words, starts in prefixes.items()}
    taken = {name for columns in found.values() for name in columns}
    return found | {_REST: [name for name in known if name not in taken]}


def _panel(axes: Axes, table: pd.DataFrame, columns: list[str]) -> None:
    window = max(1, len(table) // _WINDOWS)
    for colour, name in zip(cycle(PALETTE), columns, strict=False):
        smooth = table[name].rolling(window, center=True, min_periods=1).mean()
        axes.plot(table["images_seen"], table[name], color=colour, linewidth=0.6, alpha=0.3)
        axes.plot(table["images_seen"], smooth, color=colour, linewidth=1.5, label=name)
    _limit(axes, table[columns].to_numpy())
    axes.legend(loc="best", handlelength=1.2, borderaxespad=0.2)


def _health_panel(axes: Axes, table: pd.DataFrame, columns: list[str]) -> None:
    window = max(1, len(table) // _WINDOWS)
    top = 1.0
    for colour, name in zip(cycle(PALETTE), columns, strict=False):
        known = table[table[name].notna()]
        look = {"color": colour, "label": name}
        if name == "diversity":
            axes.plot(known["images_seen"], known[name], linewidth=1.2, marker="o", markersize=3, **look)
            top = max(top, float(known[name].iloc[len(known) // 4 :].max()))  # samples begin as noise, far above 1
            axes.axhline(COLLAPSED_BELOW, color=ALARM, linewidth=0.8, linestyle="--")
            axes.text(
                table["images_seen"].iloc[-1],
                COLLAPSED_BELOW,
                "collapsed",
                color=ALARM,
                fontsize=7,
                ha="right",
                va="bottom",
            )
        else:
            smooth = known[name].rolling(window, center=True, min_periods=1).mean()
            axes.plot(known["images_seen"], smooth, linewidth=1.5, **look)
    axes.set_ylim(-0.42, 1.08 * top)
    axes.set_yticks([0, 0.5, 1])
    axes.legend(loc="lower center", ncols=3, handlelength=1.0, borderaxespad=0.2, columnspacing=0.8, fontsize=7)


def _frame(axes: Axes, seams: list[float]) -> None:
    for seam in seams:
        axes.axvline(seam, color="#9aa5b1", linewidth=0.8, linestyle=":")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.locator_params(axis="x", nbins=5)


def _limit(axes: Axes, values: np.ndarray) -> None:
    """Keep a few wild values from flattening the rest; what lies outside the panel is cut, not dropped."""
    low, high = np.nanpercentile(values, [1, 99])
    margin = 0.12 * max(high - low, 1e-6)
    axes.set_ylim(low - margin, high + margin)
