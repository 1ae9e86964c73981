"""The figure of the comparison: the same clusters in other maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D

from mrisynth.reporting.density import box_of
from mrisynth.reporting.maps import density_and_points
from mrisynth.reporting.style import ALARM, INK, colours_of, features_label, house_style, new_figure, save


def comparison_figure(
    table: pd.DataFrame, path: str | Path, *, agreement: Mapping[str, float], features: str, trained: bool
) -> None:
    """Draw the scans by cluster in every map, and under it the density of the scans with the samples over it.

    Args:
        table: of :func:`mrisynth.clusters.comparison.comparison_table`.
        path: the PNG.
        agreement: map -> adjusted Rand index between the clusters and those found in that map.
        features: name of the features.
        trained: false puts UNTRAINED into the title.
    """
    maps = table["map"].drop_duplicates().tolist()
    with house_style():
        figure = new_figure(3.4 * len(maps), 6.8)
        title = f"Clusters of {features_label(features, trained=trained)} in other maps"
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK if trained else ALARM)
        named = table[table["source"] == "real"].sort_values("cluster")["cluster_name"].drop_duplicates()
        colours = colours_of(named.tolist())
        spots = [
            Line2D([], [], color=colour, marker="o", linestyle="none", label=name) for name, colour in colours.items()
        ]
        figure.legend(handles=spots, loc="outside lower center", ncols=6, handletextpad=0.2)
        panels = figure.subplots(2, len(maps), squeeze=False)
        for (above, below), name in zip(panels.T, maps, strict=True):
            rows = table[table["map"] == name]
            real, samples = rows[rows["source"] == "real"], rows[rows["source"] != "real"]
            places = real[["x", "y"]].to_numpy()
            box = box_of(places, samples[["x", "y"]].to_numpy())
            above.set_title(f"{name}\nadjusted Rand index {agreement[name]:.2f}", fontsize=9)
            above.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[])
            above.scatter(real["x"], real["y"], s=14, c=real["cluster_name"].map(colours), alpha=0.85, linewidths=0)
            density_and_points(below, places, box)
            below.set_title(f"{len(real)} real (density), {len(samples)} samples", fontsize=8)
            marked = samples["cluster_name"].map(colours).fillna(INK)
            below.scatter(samples["x"], samples["y"], s=10, c=marked, alpha=0.8, linewidths=0)
        save(figure, path)
