"""The figure of the feature map: clusters of real scans, and where the samples fall."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from mrisynth.metrics.scoring import CONTROLS
from mrisynth.reporting.style import (
    ALARM,
    CONTROL,
    INK,
    MUTED,
    PALETTE,
    REAL,
    colours_of,
    empty_panel,
    features_label,
    house_style,
    new_figure,
    save,
)


def umap_figure(
    clusters: pd.DataFrame, projections: pd.DataFrame, path: str | Path, *, features: str, trained: bool
) -> None:
    """Draw the UMAP twice: real scans by cluster, and real scans with the synthetic volumes put into the same map.

    Filled points are training scans, to which the map was fitted; open ones are validation and test scans, put into
    the map afterwards like the samples. Axes have no unit and distances across empty space mean little.

    Args:
        clusters: of :func:`mrisynth.clustering.cluster_table`.
        projections: source, umap_x, umap_y of the synthetic volumes; may be empty.
        path: the PNG.
        features: name of the features.
        trained: false puts UNTRAINED into the title.
    """
    with house_style():
        figure = new_figure(9.6, 4.5)
        figure.suptitle(
            f"UMAP of {features_label(features, trained=trained)}", x=0.01, ha="left", fontsize=11,
            fontweight="bold", color=INK if trained else ALARM,
        )  # fmt: skip
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        _clusters(left, clusters)
        _samples(right, clusters, projections)
        for axes in (left, right):
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlabel("UMAP 1")
        left.set_ylabel("UMAP 2")
        save(figure, path)


def _clusters(axes: Axes, clusters: pd.DataFrame) -> None:
    axes.set_title("real scans, by cluster")
    names = clusters.sort_values("cluster")["cluster_name"].drop_duplicates().tolist()
    for name, colour in colours_of(names).items():
        members = clusters[clusters["cluster_name"] == name]
        for train in (True, False):
            part = members[(members["split"] == "train") == train]
            axes.scatter(
                part["umap_x"], part["umap_y"], s=26, linewidths=1.1, edgecolors=colour,
                facecolors=colour if train else "none", alpha=0.85,
                label=f"{name} ({len(members)})" if train else None,
            )  # fmt: skip
    axes.scatter([], [], s=26, facecolors="none", edgecolors=MUTED, label="open: not trained on")
    _legend(axes)


def _samples(axes: Axes, clusters: pd.DataFrame, projections: pd.DataFrame) -> None:
    axes.set_title("real scans and samples")
    axes.scatter(
        clusters["umap_x"], clusters["umap_y"], s=26, color=REAL, alpha=0.3, linewidths=0,
        label=f"real ({len(clusters)})",
    )  # fmt: skip
    if projections.empty:
        empty_panel(axes, "no samples were put into this map")
        return
    looks = {"untrained": (CONTROL, "^"), "noise": (INK, "x")}
    names = projections["source"].drop_duplicates().tolist()
    models = [name for name in names if _kind(name) not in CONTROLS]
    looks |= {name: (PALETTE[position % len(PALETTE)], "o") for position, name in enumerate(models)}
    for name in [*(name for name in names if name not in models), *models]:
        part = projections[projections["source"] == name]
        colour, marker = looks[_kind(name)]
        axes.scatter(
            part["umap_x"], part["umap_y"], s=18, color=colour, marker=marker, alpha=0.75, linewidths=1.0,
            label=f"{_kind(name)} ({len(part)})",
        )  # fmt: skip
    _legend(axes)


def _kind(source: str) -> str:
    """Return ``untrained`` or ``noise`` for the controls of a model, the name itself for a model."""
    last = source.rsplit(".", maxsplit=1)[-1]
    return last if last in CONTROLS else source


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=3, handletextpad=0.2, columnspacing=1.0)
