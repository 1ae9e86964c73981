"""The figure of the scores: every value beside its floor and its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter

from mrisynth.reporting.board import metric_title
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
    "test": {"marker": "o", "markersize": 7, "markeredgewidth": 1.3, "zorder": 4},
    "train": {"marker": "D", "markersize": 5, "markeredgewidth": 1.3, "zorder": 3},
    "untrained": {"marker": "^", "markersize": 6, "markeredgewidth": 1.0, "zorder": 2},
}
_LOGARITHMIC = ("fid",)
_BESIDE = {"test": -0.14, "train": 0.14}
"""Where seeds against test and training scans stand beside the middle of their line, which they share."""


def score_figure(
    scores: pd.DataFrame, path: str | Path, *, replicates: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Draw each metric as a panel, one line per model and one for noise, with the floor as a band.

    Filled circles are scored against test scans, open diamonds against training scans, grey triangles are the same
    model's untrained generator (against test scans). The band is the 5th to 95th percentile of the score of real
    scans against real scans at the same numbers (test reference), its line the mean. Replicates of a model share its
    line: a mark for each seed, small and pale, and a bar from the least to the largest with a tick at their mean.

    Args:
        scores: of :func:`mrisynth.metrics.summary.collect`; one row of panels per feature space.
        path: the PNG.
        replicates: name of a model -> names of its replicates, itself among them.
    """
    base_of = {name: base for base, names in (replicates or {}).items() for name in names}
    scores = scores.assign(line=scores["model"].map(lambda name: base_of.get(name, name)))
    spaces = list(scores[["features", "features_trained"]].drop_duplicates().itertuples(index=False))
    metrics = list(dict.fromkeys(scores["metric"]))
    with house_style():
        figure = new_figure(9.6, len(spaces) * (0.3 * scores["line"].nunique() + 1.3))
        rows = figure.subfigures(len(spaces), 1, squeeze=False)[:, 0]
        for row, space in zip(rows, spaces, strict=True):
            trained = bool(space.features_trained)
            label = features_label(space.features, trained=trained)
            colour = INK if trained else ALARM
            row.suptitle(f"Scores in {label}", x=0.01, ha="left", fontsize=11, fontweight="bold", color=colour)
            panels = row.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
            here = scores[scores["features"] == space.features]
            for axes, metric in zip(panels, metrics, strict=True):
                _panel(axes, here, metric)
            row.legend(handles=_legend(), loc="outside lower center", ncols=5, handletextpad=0.3, columnspacing=1.4)
        save(figure, path)


def _panel(axes: Axes, scores: pd.DataFrame, metric: str) -> None:
    models = scores.loc[scores["source"] == "model", "line"].drop_duplicates().tolist()
    places = {name: place for place, name in enumerate([*models, *({"noise"} & set(scores["model"]))])}
    values = scores[(scores["metric"] == metric) & scores["value"].notna()]
    axes.set_title(metric_title(metric))
    axes.set_yticks(list(places.values()), [_line_label(scores, name) for name in places])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="x")
    if values.empty:
        empty_panel(axes, "too few scans")
        return
    _scale(axes, values, metric)
    test = values[values["reference"] == "test"]
    floor = (test if len(test) else values).iloc[0]
    axes.axvspan(floor.floor_low, floor.floor_high, color=FLOOR, zorder=0)
    axes.axvline(floor.floor, color=FLOOR_LINE, linewidth=1.2, zorder=1)
    _marks(axes, values, places, colours_of(models) | {"noise": CONTROL})


def _line_label(scores: pd.DataFrame, line: str) -> str:
    seeds = scores.loc[(scores["line"] == line) & (scores["source"] == "model"), "model"].nunique()
    return wrapped(line if seeds < 2 else f"{line} ({seeds} seeds)", width=26)


def _marks(axes: Axes, values: pd.DataFrame, places: Mapping[str, int], colours: Mapping[str, str]) -> None:
    for (line, source, reference), part in values.groupby(["line", "source", "reference"], sort=False):
        if source == "untrained" and reference == "train":
            continue
        look = _LOOKS["untrained" if source == "untrained" else reference]
        colour = CONTROL if source == "untrained" else colours[line]
        face = "white" if reference == "train" else colour
        seeds = source == "model" and len(part) > 1
        if seeds:
            _seed_bar(axes, part["value"], places[line] + _BESIDE[reference], colour)
            look = look | {"markersize": 0.7 * look["markersize"], "alpha": 0.55}
        heights = [places[line] + (_BESIDE[reference] if seeds else 0.0)] * len(part)
        axes.plot(part["value"], heights, color=colour, markerfacecolor=face, linestyle="none", **look)


def _seed_bar(axes: Axes, values: pd.Series, height: float, colour: str) -> None:
    axes.plot([values.min(), values.max()], [height] * 2, color=colour, linewidth=1.4, zorder=2.5)
    axes.plot(values.mean(), height, color=colour, marker="|", markersize=12, markeredgewidth=1.8, zorder=5)


def _scale(axes: Axes, values: pd.DataFrame, metric: str) -> None:
    everything = np.concatenate([values[name].to_numpy() for name in ("value", "floor_low", "floor_high")])
    if metric in _LOGARITHMIC and np.nanmin(everything) > 0:
        axes.set_xscale("log")
        axes.set_xlim(np.nanmin(everything) / 1.6, np.nanmax(everything) * 1.6)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(-0.05, 1.05)
        axes.set_xticks([0, 0.5, 1])


def _legend() -> list[Artist]:
    grey = {"color": CONTROL, "linestyle": "none"}
    ink = {"color": INK, "linestyle": "none"}
    return [
        Line2D([], [], label="against test scans", **ink, **_LOOKS["test"]),
        Line2D([], [], label="against training scans", markerfacecolor="white", **ink, **_LOOKS["train"]),
        Line2D([], [], label="untrained generator", **grey, **_LOOKS["untrained"]),
        Line2D([], [], label="real against real: mean", color=FLOOR_LINE),
        Patch(label="5th to 95th percentile", facecolor=FLOOR),
    ]
