"""The figure of the area of a structure in slices: real and synthetic side by side, class by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrisynth.metrics.slice_area_scores import SOURCES, SliceAreas
from mrisynth.reporting.histograms import Histogram, draw_histograms, shared_edges
from mrisynth.reporting.style import colours_of, empty_panel, house_style, new_figure, save

WORDS = {"real": "real test slices", "synthetic": "synthetic slices"}
"""Source -> what the figure calls it."""

_BINS = 30


def areas_figure(found: SliceAreas, path: str | Path, *, title: str = "") -> None:
    """Draw the distribution of the area of a structure, one panel a source, one colour a class.

    Areas are histograms of slices, each of area one, on one axis for both panels. Marks above are the means with their
    95 % intervals. Above each panel stands the standardised difference of the first two classes with its interval.

    Args:
        found: of :func:`mrisynth.metrics.slice_area_scores.score_slice_areas`.
        path: PNG, SVG or PDF.
        title: one line above.
    """
    with house_style():
        save(areas_panels(found, title=title), path)


def areas_panels(found: SliceAreas, *, title: str) -> Figure:
    """Return the figure; arguments as :func:`areas_figure`."""
    figure = new_figure(7.4, 3.6)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    panels = figure.subplots(1, len(SOURCES), sharex=True)
    seen = found.areas[np.isfinite(found.areas["area_mm2"])]
    edges = shared_edges(seen["area_mm2"].to_numpy(), _BINS, least=0.5) if len(seen) else np.array([0.0, 1.0])
    labels = found.summary.loc[found.summary["kind"] == "area", "label"].drop_duplicates().tolist()
    for axes, source in zip(panels, SOURCES, strict=True):
        mine = seen[seen["source"] == source]
        if mine.empty:
            empty_panel(axes, f"no area could be measured in {WORDS[source]}")
            continue
        rows = found.summary[found.summary["source"] == source]
        _panel(axes, mine, rows[rows["kind"] == "area"].set_index("label"), labels, edges)
        axes.set_title(_title(source, rows[rows["kind"] == "difference"]), fontsize=9)
        axes.set_xlabel("area in mm²")
        axes.tick_params(labelbottom=True)
    return figure


def _title(source: str, differences: pd.DataFrame) -> str:
    if differences.empty:
        return WORDS[source]
    row = differences.iloc[0]
    span = f" ({row['d_low']:.2f} to {row['d_high']:.2f})" if np.isfinite(row["d_low"]) else ""
    d = f"{row['d']:.2f}{span}" if np.isfinite(row["d"]) else "n/a"
    return f"{WORDS[source]}\n{row['label']} minus {row['against']}: d = {d}"


def _panel(axes: Axes, slices: pd.DataFrame, rows: pd.DataFrame, labels: list[str], edges: np.ndarray) -> None:
    colours, groups = colours_of(labels), []
    for label in labels:
        values, row = slices.loc[slices["label"] == label, "area_mm2"].to_numpy(), rows.loc[label]
        spread = f"sd {row['sd_mm2']:.3g}, " if np.isfinite(row["sd_mm2"]) else ""
        words = f"{label}: {row['mean_mm2']:.4g} mm² ({spread}n {len(values)})"
        groups.append(Histogram(values, colours[label], words, row["mean_mm2"], row["low"], row["high"]))
    draw_histograms(axes, groups, edges)
