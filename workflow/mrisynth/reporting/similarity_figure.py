"""The figure of the similarity of slices: pairs of real ones, of synthetic ones and of both, class by class."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrisynth.metrics.slice_pair_means import KINDS
from mrisynth.metrics.slice_similarity import SliceSimilarity
from mrisynth.reporting.histograms import Histogram, draw_histograms, shared_edges
from mrisynth.reporting.style import PALETTE, REAL, empty_panel, house_style, new_figure, save, wrapped

WORDS = {"real_real": "two real slices", "real_fake": "real and synthetic", "fake_fake": "two synthetic slices"}
"""Kind of a pair -> what the figure calls it."""

_COLOURS = dict(zip(KINDS, (REAL, PALETTE[4], PALETTE[0]), strict=True))
_BINS = 36
_ACROSS = 3


def similarity_figure(found: SliceSimilarity, path: str | Path, *, title: str = "") -> None:
    """Draw the distribution of the structural similarity of pairs of slices, one panel a class.

    Areas are histograms of pairs, each of area one, on one axis for all classes. Marks above are the means with their
    95 % intervals. Synthetic slices as varied as real ones have the distribution of the real ones.

    Args:
        found: of :func:`mrisynth.metrics.slice_similarity.score_slice_similarity`.
        path: PNG, SVG or PDF.
        title: one line above.
    """
    with house_style():
        save(similarity_panels(found, title=title), path)


def similarity_panels(found: SliceSimilarity, *, title: str) -> Figure:
    """Return the figure; arguments as :func:`similarity_figure`."""
    shown = found.summary[found.summary["label"] != "all"]
    labels = list(dict.fromkeys(shown["label"])) or ["all"]
    across = min(len(labels), _ACROSS)
    down = ceil(len(labels) / across)
    figure = new_figure(max(4.8, 3.4 * across), 2.9 * down + 0.6)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    panels = figure.subplots(down, across, sharex=True, squeeze=False).ravel()
    if found.pairs.empty:
        empty_panel(panels[0], "no class has pairs of slices of every kind")
        return figure
    edges = shared_edges(found.pairs["ssim"].to_numpy(), _BINS, least=0.01, within=(-1.0, 1.0))
    for axes, label in zip(panels, labels, strict=False):
        pairs = found.pairs[found.pairs["label"].isin([label])] if len(shown) else found.pairs
        _panel(axes, pairs, found.summary[found.summary["label"] == label], edges)
        axes.set_title("" if label == "all" else wrapped(label, width=26))
    for axes in panels[len(labels) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(labels) - across) : len(labels)]:
        axes.set_xlabel("structural similarity of a pair")
        axes.tick_params(labelbottom=True)
    return figure


def _panel(axes: Axes, pairs: pd.DataFrame, summary: pd.DataFrame, edges: np.ndarray) -> None:
    rows, groups = summary.set_index("kind"), []
    for kind in KINDS:
        values, row = pairs.loc[pairs["kind"] == kind, "ssim"].to_numpy(), rows.loc[kind]
        words = f"{WORDS[kind]}: {row['mean']:.3f} (sd {row['sd']:.3f})"
        groups.append(Histogram(values, _COLOURS[kind], words, row["mean"], row["low"], row["high"]))
    draw_histograms(axes, groups, edges)
