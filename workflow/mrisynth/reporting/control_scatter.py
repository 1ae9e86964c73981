"""The figure of control: requested against measured, one panel a covariate, one colour a source."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrisynth.metrics.control import ControlValues
from mrisynth.metrics.participant_draws import ALL
from mrisynth.reporting.style import MUTED, REAL, colours_of, empty_panel, house_style, new_figure, save, wrapped

_ACROSS = 4
_MOST_DOTS = 1500  # a source and panel; more hide one another
_JITTER = 0.08
_JITTERED = {"continuous": (0, 0), "binary": (1, 0), "categorical": (1, 1)}  # across and up; probabilities stay


def control_scatter(
    values: ControlValues,
    summary: pd.DataFrame,
    path: str | Path,
    *,
    measured_by: str,
    units: Mapping[str, str] | None = None,
    title: str = "",
) -> None:
    """Draw what was measured in each fake over what was asked for, with r and the line where both are the same.

    Of binary and categorical covariates dots are spread a little around each value, and their accuracy stands above.
    The ceiling beneath is the same of real images: their measured against their true values.

    Args:
        values: as given to :func:`mrisynth.metrics.control.score_control`.
        summary: of what it returned.
        path: PNG, SVG or PDF.
        measured_by: in words, such as ``a regressor trained on real images``.
        units: covariate -> its unit.
        title: one line above.
    """
    with house_style():
        save(control_panels(values, summary, measured_by=measured_by, units=units or {}, title=title), path)


def nothing_measured(path: str | Path, *, title: str) -> None:
    """Draw the figure of a study in which nothing could be measured this way."""
    with house_style():
        figure = new_figure(4.0, 1.4)
        figure.suptitle(wrapped(title, width=44), x=0.01, ha="left", fontsize=10, fontweight="bold")
        empty_panel(figure.subplots(), "no structure could be measured")
        save(figure, path)


def control_panels(
    values: ControlValues, summary: pd.DataFrame, *, measured_by: str, units: Mapping[str, str], title: str
) -> Figure:
    """Return the figure; arguments as :func:`control_scatter`."""
    count = len(values.names)
    down = max(ceil(count / _ACROSS), 1)
    across = max(ceil(count / down), 1)
    figure = new_figure(max(2.75 * across, 4.0), 3.1 * down + 0.6)
    if title:
        figure.suptitle(wrapped(title, width=36 * across), x=0.01, ha="left", fontsize=10, fontweight="bold")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    colours = colours_of(list(dict.fromkeys(values.sources)))
    for column, axes in enumerate(panels[:count]):
        _panel(axes, values, summary, column, colours)
        unit = units.get(values.names[column], "")
        axes.set_xlabel("asked for" + (f" ({unit})" if unit else ""))
    for axes in panels[count:]:
        axes.set_axis_off()
    figure.supylabel(f"measured by {measured_by}", fontsize=9, color=MUTED)
    if len(colours) > 1:
        handles = [
            axes_line
            for name, colour in colours.items()
            for axes_line in panels[0].plot([], [], "o", color=colour, markersize=4, label=name)
        ]
        figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 5))
    return figure


def _panel(
    axes: Axes, values: ControlValues, summary: pd.DataFrame, column: int, colours: Mapping[str, str]
) -> None:  # fmt: skip
    asked, found = values.requested[:, column], values.measured[:, column]
    known = np.isfinite(asked) & np.isfinite(found)
    discrete = values.kinds[column] != "continuous"
    axes.set_title("\n".join([values.names[column], *_words(summary, values, column)]), fontsize=9, fontweight="normal")
    if not known.any():
        empty_panel(axes, "nothing was asked for\nor measured")
        return
    generator, where = np.random.default_rng(column), np.asarray(values.sources)
    for source, colour in colours.items():
        rows = np.flatnonzero(known & (where == source))
        rows = generator.permutation(rows)[:_MOST_DOTS]
        spread = _JITTER * generator.uniform(-1, 1, (2, len(rows))) * np.array(_JITTERED[values.kinds[column]])[:, None]
        size = 7 if len(rows) < 400 else 3
        axes.scatter(asked[rows] + spread[0], found[rows] + spread[1], s=size, color=colour, alpha=0.5, linewidths=0)
    ends = [float(end(asked[known])) for end in (np.min, np.max)]
    axes.axline((ends[0], ends[0]), slope=1.0, color=REAL, linewidth=1.0, linestyle="--", zorder=0.5)
    if discrete:
        levels = np.unique(np.rint(np.concatenate([asked[known], found[known]])))
        axes.set_xticks(levels)
        axes.set_yticks(levels)


def _words(summary: pd.DataFrame, values: ControlValues, column: int) -> list[str]:
    measure = "r" if values.kinds[column] == "continuous" else "balanced_accuracy"
    mine = summary[
        (summary["covariate"] == values.names[column]) & (summary["measure"] == measure) & (summary["source"] == ALL)
    ].set_index("comparison")
    name = measure.replace("_", " ")
    lines = []
    for comparison, words in (("requested", name), ("ceiling", "real images")):
        row = mine.loc[comparison] if comparison in mine.index else None
        if row is None or not np.isfinite(row["value"]):
            lines.append(f"{words} n/a")
            continue
        span = f" ({row['low']:.2f} to {row['high']:.2f})" if np.isfinite(row["low"]) else ""
        lines.append(f"{words} {row['value']:.2f}{span}")
    return lines
