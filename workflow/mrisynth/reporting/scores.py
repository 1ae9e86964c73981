"""The figure of the scores: every value with its interval, beside its floor and its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import AsinhLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from mrisynth.reporting.board import row_label
from mrisynth.reporting.catalogue import MAIN, in_order, metric_title, number, words
from mrisynth.reporting.intervals_figure import Axis, column_axis
from mrisynth.reporting.style import (
    ALARM,
    CONTROL,
    FLOOR,
    FLOOR_LINE,
    INK,
    colours_of,
    empty_panel,
    features_label,
    house_style,
    new_figure,
    save,
    wrapped,
)

_LOOKS = {
    "test": {"marker": "o", "markersize": 6, "markeredgewidth": 1.2, "zorder": 4},
    "train": {"marker": "D", "markersize": 4.5, "markeredgewidth": 1.2, "zorder": 3},
    "all": {"marker": "s", "markersize": 5, "markeredgewidth": 1.2, "zorder": 4},
    "untrained": {"marker": "^", "markersize": 5.5, "markeredgewidth": 1.0, "zorder": 2},
}
_BESIDE = {"test": -0.15, "train": 0.15, "all": 0.0}
"""Where marks against test, training and all scans stand beside the middle of their line, which they share."""

_NUMBERS, _FLOORS = ["value", "low", "high"], ["floor_low", "floor_high"]


def score_figure(
    scores: pd.DataFrame,
    path: str | Path | Sequence[Path],
    *,
    replicates: Mapping[str, Sequence[str]] | None = None,
    metrics: Sequence[str] = MAIN,
) -> None:
    """Draw each metric as a panel, one line per model and control, with the floor as a band.

    Filled circles are scored against test scans, open diamonds against training scans, squares within all scans or
    samples (how well classes are told apart), each with its 95 % interval; grey triangles are the same model's
    untrained generator (against test scans). The band is the 5th to 95th percentile of the score of real scans against
    real scans at the same numbers, its line the mean; it stands on each line apart where models have floors of their
    own, such as those of conditions. An axis holds the models and the floor; what lies beyond stands as an arrow at its
    end. Replicates of a model share its line: a mark for each seed, small and pale, and a bar from the least to the
    largest with a tick at their mean.

    Args:
        scores: of :func:`mrisynth.metrics.summary.collect`; one row of panels per feature space and view, those of
            low-resolution outputs left out.
        path: the file, or files in several forms: PNG, SVG, PDF by their ending.
        replicates: name of a model -> names of its replicates, itself among them.
        metrics: the values to draw.
    """
    base_of = {name: base for base, names in (replicates or {}).items() for name in names}
    full = ~scores["view"].astype(str).str.endswith(" low")
    scores = scores[full & scores["metric"].isin(list(metrics))]
    scores = scores.assign(line=scores["model"].map(lambda name: base_of.get(name, name)))
    spaces = list(scores.groupby(["features", "features_trained", "view"], sort=False))
    with house_style():
        figure = new_figure(11.0, max(1, len(spaces)) * (0.27 * max(1, scores["line"].nunique()) + 1.25))
        rows = figure.subfigures(max(1, len(spaces)), 1, squeeze=False)[:, 0]
        if not spaces:
            empty_panel(rows[0].subplots(), "no score to draw")
        for row, ((features, trained, view), part) in zip(rows, spaces, strict=False):
            label = f"{features if trained else features_label(str(features), trained=False)}, size {view}"
            colour = INK if trained else ALARM
            row.suptitle(f"Scores in {label}", x=0.01, ha="left", fontsize=11, fontweight="bold", color=colour)
            shown = in_order(part["metric"])
            panels = row.subplots(1, len(shown), squeeze=False, sharey=True)[0]
            for axes, metric in zip(panels, shown, strict=True):
                _panel(axes, part, metric)
            row.legend(handles=_legend(part), loc="outside lower center", ncols=6, handletextpad=0.3, columnspacing=1.4)
        for file in [path] if isinstance(path, str | Path) else path:
            save(figure, file)


def _panel(axes: Axes, scores: pd.DataFrame, metric: str) -> None:
    models = scores.loc[scores["source"] == "model", "line"].drop_duplicates().tolist()
    controls = scores.loc[scores["source"] == "control", "line"].drop_duplicates().tolist()
    places = {name: place for place, name in enumerate([*models, *controls])}
    found = scores[(scores["metric"] == metric) & scores["value"].notna()]
    better = scores.loc[scores["metric"] == metric, "better"].iloc[0]
    axes.set_title(wrapped(metric_title(metric, better), width=18), fontsize=9.5)
    axes.set_yticks(list(places.values()), [_line_label(scores, name) for name in places])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="x")
    if found.empty:
        empty_panel(axes, "too few scans")
        return
    axis = _scale(axes, found, metric)
    _floors(axes, found, places)
    _marks(axes, found, places, colours_of(models) | dict.fromkeys(controls, CONTROL), axis)


def _floors(axes: Axes, found: pd.DataFrame, places: Mapping[str, int]) -> None:
    """Draw the floor against test scans (others where there are none): once, or on each line where lines differ."""
    test = found[found["reference"] == "test"]
    shown = test if len(test) else found
    models = shown[shown["source"] == "model"]
    known = (models if len(models) else shown).dropna(subset=["floor"])
    if known["floor"].nunique() == 1:
        axes.axvspan(*known[_FLOORS].iloc[0], color=FLOOR, zorder=0)
        axes.axvline(known["floor"].iloc[0], color=FLOOR_LINE, linewidth=1.2, zorder=1)
        return
    for row in known.drop_duplicates("line").itertuples():
        heights = [places[row.line] - 0.5, places[row.line] + 0.5]
        axes.fill_betweenx(heights, row.floor_low, row.floor_high, color=FLOOR, linewidth=0, zorder=0)
        axes.plot([row.floor] * 2, heights, color=FLOOR_LINE, linewidth=1.2, zorder=1)


def _line_label(scores: pd.DataFrame, line: str) -> str:
    mine = scores[scores["line"] == line]
    seeds = mine.loc[mine["source"] == "model", "model"].nunique()
    label = row_label(line, "control" if not seeds else "model")
    return wrapped(label if seeds < 2 else f"{line} ({seeds} seeds)", width=34)


def _marks(axes: Axes, found: pd.DataFrame, places: Mapping[str, int], colours: Mapping[str, str], axis: Axis) -> None:
    for (line, source, reference), part in found.groupby(["line", "source", "reference"], sort=False):
        if line not in places or (source == "untrained" and reference == "train"):
            continue
        look = _LOOKS["untrained" if source == "untrained" else reference]
        colour = CONTROL if source == "untrained" else colours[line]
        face = "white" if reference == "train" else colour
        height = places[line] + (0.0 if source == "untrained" else _BESIDE[reference])
        seeds = source == "model" and len(part) > 1
        if seeds:
            _bar(axes, part["value"].min(), part["value"].max(), height, colour)
            axes.plot(part["value"].mean(), height, color=colour, marker="|", markersize=12, markeredgewidth=1.8)
            look = look | {"markersize": 0.7 * look["markersize"], "alpha": 0.55}
        elif source != "untrained":
            _bar(axes, part["low"].iloc[0], part["high"].iloc[0], height, colour)
        for value in part["value"]:
            _mark(axes, float(value), height, axis, color=colour, markerfacecolor=face, **look)


def _mark(axes: Axes, value: float, height: float, axis: Axis, **look: object) -> None:
    """Draw a mark, or an arrow in its colour at the end of the axis that it lies beyond."""
    place = axis.place(value)
    if not 0 <= place <= 1:
        look |= {"marker": ">" if place > 1 else "<", "markersize": 5}
        value = axis.high if place > 1 else axis.low
    axes.plot(value, height, linestyle="none", clip_on=False, **look)


def _bar(axes: Axes, low: float, high: float, height: float, colour: str) -> None:
    axes.plot([low, high], [height] * 2, color=colour, linewidth=1.4, zorder=2.5, solid_capstyle="butt")


def _scale(axes: Axes, found: pd.DataFrame, metric: str) -> Axis:
    """Set the axis of a panel around models and floors; a logarithmic one holds everything."""
    logarithmic = words(metric).scale == "log" and found["value"].min() > 0
    kept = found if logarithmic or "model" not in set(found["source"]) else found[found["source"] == "model"]
    axis = column_axis(metric, kept[_NUMBERS].to_numpy().ravel(), floors=kept[_FLOORS].to_numpy().ravel())
    if axis.scale == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(3))
    elif axis.scale == "log":
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=4))
    else:
        axes.set_xscale("asinh", linear_width=axis.width)
        axes.xaxis.set_major_locator(AsinhLocator(axis.width, numticks=4))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, metric)))
    axes.tick_params(axis="x", labelsize=7.5)
    axes.set_xlim(axis.low, axis.high)
    if words(metric).ends is not None:
        axes.set_xlim(-0.03, 1.03)
        axes.set_xticks([0, 0.5, 1])
    return axis


def _tick(value: float, metric: str) -> str:
    return f"{value:,.10g}" if abs(value) < 1e6 else number(value, metric=metric)


def _legend(scores: pd.DataFrame) -> list[Artist]:
    grey = {"color": CONTROL, "linestyle": "none"}
    ink = {"color": INK, "linestyle": "none"}
    known = {
        "test": Line2D([], [], label="against test scans", **ink, **_LOOKS["test"]),
        "train": Line2D([], [], label="against training scans", markerfacecolor="white", **ink, **_LOOKS["train"]),
        "all": Line2D([], [], label="of all scans or samples", **ink, **_LOOKS["all"]),
        "untrained": Line2D([], [], label="untrained generator", **grey, **_LOOKS["untrained"]),
    }
    there = {*scores["reference"], *scores["source"]}
    return [
        *(handle for name, handle in known.items() if name in there),
        Line2D([], [], label="95 % interval", color=INK, linewidth=1.4),
        Line2D([], [], label="real against real: mean", color=FLOOR_LINE),
        Patch(label="5th to 95th percentile", facecolor=FLOOR),
    ]
