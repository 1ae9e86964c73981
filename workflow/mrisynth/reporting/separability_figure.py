"""The figure of separability: maps of deep features and of raw pixels, by class, with what a linear probe reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrisynth.metrics.classification import Measure
from mrisynth.reporting.density import box_of
from mrisynth.reporting.style import ALARM, INK, MUTED, colours_of, house_style, new_figure, save


@dataclass(frozen=True, kw_only=True)
class MappedSpace:
    """One feature space with the maps of both sets.

    Attributes:
        name: such as ``inception features`` or ``raw pixels``.
        trained: false for a network of random weights, which the figure says.
        maps: method -> places of real ones [n, 2] and of samples [m, 2], such as those of
            :func:`mrisynth.clusters.joint_maps.joint_maps`; a panel each.
        real_labels: int64 [n], the class of each real slice; below 0 where it is missing.
        sample_labels: int64 [m], likewise of samples.
        real, samples: the area under the ROC curve of a linear probe in each set, of
            :func:`mrisynth.metrics.separability.separability`.
    """

    name: str
    trained: bool = True
    maps: Mapping[str, tuple[np.ndarray, np.ndarray]]
    real_labels: np.ndarray
    sample_labels: np.ndarray
    real: Measure
    samples: Measure


def separability_figure(
    spaces: Sequence[MappedSpace], path: str | Path, *, classes: Sequence[str], title: str = ""
) -> None:
    """Draw a row of maps for each space, such as UMAP and t-SNE, by class, real slices filled and samples open.

    Points of all classes lie over each other in random order. The titles hold the cross-validated area under the ROC
    curve of a linear probe: what the eye sees in a map is no measure, nor is what it does not see. Axes have no unit.

    Args:
        spaces: deep features and raw pixels.
        path: PNG, SVG or PDF.
        classes: names of the classes.
        title: one line above.
    """
    with house_style():
        save(separability_panels(spaces, classes=classes, title=title), path)


def separability_panels(spaces: Sequence[MappedSpace], *, classes: Sequence[str], title: str) -> Figure:
    """Return the figure; arguments as :func:`separability_figure`."""
    figure = new_figure(8.6, 4.1 * len(spaces) + 0.5)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    panels = figure.subplots(len(spaces), len(spaces[0].maps), squeeze=False)
    for row, space in zip(panels, spaces, strict=True):
        for axes, method in zip(row, space.maps, strict=True):
            _map(axes, space, method, classes)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), handletextpad=0.2)
    return figure


def _map(axes: Axes, space: MappedSpace, method: str, classes: Sequence[str]) -> None:
    (real, samples), colours = space.maps[method], list(colours_of(classes).values())
    box = box_of(real, samples)
    axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[], xlabel=f"{method} 1", ylabel=f"{method} 2")
    name = space.name if space.trained else f"UNTRAINED {space.name}"
    axes.set_title(f"{method} of {name}", color=INK if space.trained else ALARM, pad=18)
    words = f"AUC of a linear probe: real {_area(space.real)}, synthetic {_area(space.samples)}"
    told = axes.text(0.0, 1.02, words, transform=axes.transAxes, fontsize=7, color=MUTED)
    told.set_in_layout(False)  # else it decides how wide the map is
    for places, labels, filled in ((real, space.real_labels, True), (samples, space.sample_labels, False)):
        order = np.random.default_rng(0).permutation(len(places))
        own = np.array([colours[label] if label >= 0 else MUTED for label in labels[order]])
        look = {"facecolors": own, "edgecolors": "none"} if filled else {"facecolors": "none", "edgecolors": own}
        look |= {"s": 13, "linewidths": 0} if filled else {"s": 15, "linewidths": 0.8}
        axes.scatter(places[order, 0], places[order, 1], alpha=0.7, **look)
    named = list(zip([f"{name}, " for name in classes], colours, strict=True)) or [("", MUTED)]
    for start, colour in named:
        axes.scatter([], [], s=22, color=colour, label=f"{start}real")
        axes.scatter([], [], s=22, facecolors="none", edgecolors=colour, label=f"{start}synthetic")


def _area(measure: Measure) -> str:
    if np.isnan(measure.value):
        return "n/a"
    ends = "" if np.isnan(measure.low) else f" ({measure.low:.2f} to {measure.high:.2f})"
    return f"{measure.value:.2f}{ends}"
