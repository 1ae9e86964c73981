"""The figure of the feature map: clusters of real scans, their density, and where the samples fall in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from mrisynth.reporting.density import box_of, density_of
from mrisynth.reporting.style import (
    ALARM,
    INK,
    MUTED,
    REAL,
    colours_of,
    empty_panel,
    features_label,
    house_style,
    new_figure,
    save,
    wrapped,
)

Box = tuple[float, float, float, float]
_LAND = LinearSegmentedColormap.from_list("land", ["#eef1f4", "#9fabb7"])
_MOST_GROUPS = 8
_ACROSS = 4


def umap_figure(
    clusters: pd.DataFrame,
    projections: pd.DataFrame,
    path: str | Path,
    *,
    features: str,
    trained: bool,
    told: Mapping[str, str] | None = None,
    note: str = "",
) -> None:
    """Draw the map: real scans by cluster, their density with the samples over it, and both for each group.

    Filled points are training scans, to which the map was fitted; open ones are validation and test scans, put into
    the map afterwards like the samples. Shades hold 20 to 95 % of the density of the real scans. Groups are what the
    samples were told or, when they were told nothing, their clusters; the first eight have a panel of their own. Axes
    have no unit and distances across empty space mean little.

    Args:
        clusters: of a round of clusters: scan, split, cluster, cluster_name, umap_x, umap_y.
        projections: of the samples: id, condition, cluster_name, umap_x, umap_y; may be empty.
        path: the PNG.
        features: name of the features.
        trained: false puts UNTRAINED into the title.
        told: condition of the real scans in words, of those that have one.
        note: on the clusters, a line under the title.
    """
    column, groups = sample_groups(projections)
    real = real_groups(clusters, column, told)
    names = group_names(real, groups)
    shown = names[:_MOST_GROUPS] if len(names) > 1 else []
    rows = ceil(len(shown) / _ACROSS)
    box = box_of(_places(clusters), _places(projections))
    with house_style():
        figure = new_figure(9.6, 4.8 + 2.7 * rows)
        title = f"UMAP of {features_label(features, trained=trained)}" + (f"\nClusters: {note}" if note else "")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK if trained else ALARM)
        parts = figure.subfigures(2 if rows else 1, 1, height_ratios=[4.5, 2.7 * rows] if rows else None, squeeze=False)
        left, right = parts[0, 0].subplots(1, 2)
        _clusters(left, clusters, box)
        _samples(right, clusters, projections, box, groups=groups, names=names)
        panels = parts[1, 0].subplots(rows, _ACROSS, squeeze=False).ravel() if rows else []
        for axes, (name, colour) in zip(panels, colours_of(shown).items(), strict=False):
            _group(axes, clusters[real == name], projections[groups == name], box, name=name, colour=colour)
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        save(figure, path)


def sample_groups(projections: pd.DataFrame) -> tuple[str, pd.Series]:
    """Return what groups the samples, and the group of each: what they were told if it differs, else their cluster.

    Returns:
        ``condition`` or ``cluster``; and a name for each sample.
    """
    if projections["condition"].nunique() > 1:
        return "condition", projections["condition"].fillna("n/a").astype(str)
    return "cluster", projections["cluster_name"].astype(str)


def real_groups(clusters: pd.DataFrame, column: str, told: Mapping[str, str] | None) -> pd.Series:
    """Return the group of each real scan by the same column."""
    if column == "condition":
        return pd.Series([str((told or {}).get(scan, "n/a")) for scan in clusters["scan"]], index=clusters.index)
    return clusters["cluster_name"].astype(str)


def group_names(real: pd.Series, groups: pd.Series) -> list[str]:
    """Return the names of all groups; numbers in them count as numbers, a missing value stands last."""

    def place(name: str) -> tuple[bool, list[tuple[bool, int, str]]]:
        parts = re.split(r"(\d+)", name)
        return name == "n/a", [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]

    return sorted({*real, *groups}, key=place)


def density_and_points(axes: Axes, real: np.ndarray, box: Box) -> None:
    """Shade the density of real scans [n, 2]; few scans are drawn as points."""
    axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[])
    density = density_of(real, box=box)
    if density is None:
        axes.scatter(real[:, 0], real[:, 1], s=26, color=REAL, alpha=0.35, linewidths=0)
        return
    levels = [*density.levels, float(density.values.max()) * (1 + 1e-9)]
    axes.contourf(density.x, density.y, density.values, levels=levels, cmap=_LAND)
    axes.contour(density.x, density.y, density.values, levels=levels[:1], colors=[MUTED], linewidths=0.6)


def _clusters(axes: Axes, clusters: pd.DataFrame, box: Box) -> None:
    axes.set_title("real scans, by cluster")
    axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
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


def _samples(
    axes: Axes, clusters: pd.DataFrame, projections: pd.DataFrame, box: Box, *, groups: pd.Series, names: Sequence[str]
) -> None:
    axes.set_title("density of real scans, and samples")
    if projections.empty:
        empty_panel(axes, "no samples were put into this map")
        return
    density_and_points(axes, _places(clusters), box)
    axes.set_xlabel("UMAP 1")
    for name, colour in colours_of(names).items():
        part = projections[groups == name]
        label = f"{name} ({len(part)})"
        axes.scatter(part["umap_x"], part["umap_y"], s=15, color=colour, alpha=0.8, linewidths=0, label=label)
    _legend(axes)


def _group(axes: Axes, real: pd.DataFrame, samples: pd.DataFrame, box: Box, *, name: str, colour: str) -> None:
    density_and_points(axes, _places(real), box)
    axes.scatter(samples["umap_x"], samples["umap_y"], s=12, color=colour, alpha=0.8, linewidths=0)
    axes.set_title(f"{wrapped(name, width=20)}\n{len(real)} real, {len(samples)} samples", fontsize=8)


def _places(table: pd.DataFrame) -> np.ndarray:
    return table[["umap_x", "umap_y"]].to_numpy(dtype=np.float64)


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=3, handletextpad=0.2, columnspacing=1.0)
