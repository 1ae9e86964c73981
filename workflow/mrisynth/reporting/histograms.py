"""A panel of histograms that share their bins, each with its mean and interval above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from mrisynth.reporting.style import MUTED


@dataclass(frozen=True)
class Histogram:
    """One group of values in a panel.

    Attributes:
        values: [n], in the unit of the panel's axis.
        colour: of the group.
        words: its line in the legend.
        mean: of the values, or not finite where it is unknown.
        low: lower end of the interval of the mean, or not finite.
        high: its upper end.
    """

    values: np.ndarray
    colour: str
    words: str
    mean: float
    low: float
    high: float


def shared_edges(
    values: np.ndarray, bins: int, *, least: float, within: tuple[float, float] = (-np.inf, np.inf)
) -> np.ndarray:
    """Return the [bins + 1] edges of bins that span all ``values``.

    Args:
        values: [n], at least one.
        bins: how many.
        least: the margin on both sides where all values are equal; otherwise it is a fiftieth of their range.
        within: bounds that the margin does not pass, such as those of a correlation.
    """
    low, high = float(values.min()), float(values.max())
    room = 0.02 * (high - low) or least
    return np.linspace(max(low - room, within[0]), min(high + room, within[1]), bins + 1)


def draw_histograms(axes: Axes, groups: list[Histogram], edges: np.ndarray) -> None:
    """Draw every group as a histogram of area one, its mean and interval above a dotted line, and a legend above all.

    Groups without values have only their mark. At least one group must have values.
    """
    filled = [group for group in groups if len(group.values)]
    for group in filled:
        axes.hist(group.values, bins=edges, density=True, color=group.colour, alpha=0.22)
        axes.hist(
            group.values,
            bins=edges,
            density=True,
            histtype="step",
            color=group.colour,
            linewidth=1.3,
            label=group.words,
        )
    top = max(float(np.histogram(group.values, bins=edges, density=True)[0].max()) for group in filled)
    for number, group in enumerate(groups):
        height = top * (1.08 + 0.07 * (len(groups) - 1 - number))
        if np.isfinite(group.low):
            axes.plot([group.low, group.high], [height, height], color=group.colour, linewidth=2.2)
        if np.isfinite(group.mean):
            axes.plot([group.mean], [height], marker="o", markersize=4.5, color=group.colour)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, top * (1.35 + 0.18 * len(groups))), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.axhline(1.01 * top, color=MUTED, linewidth=0.5, linestyle=(0, (1, 3)))
    axes.legend(loc="upper left", handlelength=1.2)
