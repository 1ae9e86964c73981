"""The figure of distances between halves: of real scans, of samples, and of one with the other, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from mrisynth.metrics.halves import KINDS
from mrisynth.metrics.self_distance import ALL, DISTANCES
from mrisynth.reporting.board import REFERENCES
from mrisynth.reporting.catalogue import number, words
from mrisynth.reporting.style import (
    ALARM,
    INK,
    MUTED,
    PALETTE,
    REAL,
    empty_panel,
    features_label,
    house_style,
    new_figure,
    save,
    wrapped,
)

WORDS = {
    "real_real": "two halves of the real scans",
    "real_fake": "a half of the real scans, a half of the samples",
    "fake_fake": "two halves of the samples",
}
"""Kind of a comparison -> what the figure calls it."""

_LOOKS = dict(zip(KINDS, ((REAL, "s"), (PALETTE[4], "D"), (PALETTE[0], "o")), strict=True))
_STEP = 0.2  # between the marks of one class, of 1 between classes
_FAR = 10.0  # times the largest value of halves of scans: beyond it an axis is linear around 0 only
_LARGE = 1e6


def self_distance_figure(
    summary: pd.DataFrame, path: str | Path, *, title: str = "", untrained: Sequence[str] = ()
) -> None:
    """Draw the distances between halves: a row of panels for each feature space, a line for each class.

    Marks are means over the halvings, bars their 5th to 95th percentile. Samples as varied as real scans have their
    mark of two halves where that of the real scans is; those that repeat themselves have it left of there. Of the
    kernel distance only the length of the bars says so. What is shown is against test scans, or against training scans
    where no half of test scans is large enough.

    Args:
        summary: of :func:`mrisynth.metrics.self_distance.score_self_distance`.
        path: PNG, SVG or PDF.
        title: one line above.
        untrained: feature spaces of networks that were never trained.
    """
    with house_style():
        save(self_distance_panels(summary, title=title, untrained=untrained), path)


def self_distance_panels(summary: pd.DataFrame, *, title: str, untrained: Sequence[str] = ()) -> Figure:
    """Return the figure; arguments as :func:`self_distance_figure`."""
    spaces = list(dict.fromkeys(summary["features"]))
    labels = list(dict.fromkeys(summary["label"]))
    figure = new_figure(9.0, len(spaces) * (0.5 * len(labels) + 1.15) + 0.75)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    figure.legend(handles=_legend(), loc="outside lower center", ncols=4, handletextpad=0.3, columnspacing=1.4)
    panels = figure.subplots(len(spaces), len(DISTANCES), squeeze=False, sharey="row")
    for row, features in zip(panels, spaces, strict=True):
        shown = _shown(summary[summary["features"] == features])
        for axes, distance in zip(row, DISTANCES, strict=True):
            of_reference = REFERENCES[shown["reference"].iloc[0]]
            name = features_label(features, trained=features not in untrained)
            colour = ALARM if features in untrained else INK
            axes.set_title(f"{words(distance).title}, {of_reference}, {name}", fontsize=8.5, color=colour, loc="left")
            _panel(axes, shown[shown["distance"] == distance], labels)
    return figure


def _shown(mine: pd.DataFrame) -> pd.DataFrame:
    """Return the values of one feature space against test scans, or training scans where those have none."""
    known = mine[mine["mean"].notna()]
    reference = next((name for name in REFERENCES if (known["reference"] == name).any()), "test")
    return mine[mine["reference"] == reference]


def _panel(axes: Axes, found: pd.DataFrame, labels: Sequence[str]) -> None:
    if found["mean"].isna().all():
        empty_panel(axes, "too few scans or samples")
        return
    for place, label in enumerate(labels):
        rows = found[found["label"] == label].set_index("kind")
        if rows["mean"].isna().all():
            axes.text(0.02, place, "too few", color=MUTED, va="center", transform=axes.get_yaxis_transform())
            continue
        for step, kind in enumerate(KINDS):
            row, (colour, marker) = rows.loc[kind], _LOOKS[kind]
            height = place + _STEP * (step - 1)
            axes.plot([row["low"], row["high"]], [height] * 2, color=colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot(row["mean"], height, color=colour, marker=marker, markersize=5, linestyle="none")
    axes.set_yticks(range(len(labels)), [_label(found, label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="y")
    _scale(axes, found)


def _scale(axes: Axes, found: pd.DataFrame) -> None:
    """Keep the halves of scans readable where samples are many times as far from them, or from one another."""
    ends = found[["low", "high"]].abs().max(axis=1)
    within = float(ends[found["kind"] == "real_real"].max())
    if within > 0 and ends.max() > _FAR * within:
        axes.set_xscale("asinh", linear_width=within)
        powers = [10.0**power for power in range(ceil(log10(within)), floor(log10(ends.max())) + 1)]
        axes.xaxis.set_major_locator(FixedLocator([0.0, *sorted(powers[:: -max(1, ceil(len(powers) / 3))])]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    if (found["distance"] == "fid").all():
        axes.set_xlim(left=0)


def _tick(value: float) -> str:
    return f"{value:,.10g}" if abs(value) < _LARGE else number(value, metric="kid")


def _label(found: pd.DataFrame, label: str) -> str:
    counts = found.loc[found["label"] == label, "n"]
    return f"{wrapped('all' if label == ALL else label, width=22)}\n{counts.iloc[0]} in a half"


def _legend() -> list[Line2D]:
    marks = [
        Line2D([], [], color=colour, marker=marker, markersize=5, linestyle="none", label=WORDS[kind])
        for kind, (colour, marker) in _LOOKS.items()
    ]
    return [*marks, Line2D([], [], color=INK, linewidth=2.2, label="5th to 95th percentile")]
