"""The figure of the lowest against the highest value of each covariate, at the same noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from mrisynth.reporting.covariate_grid import value_words
from mrisynth.reporting.style import INK, MUTED, empty_panel, house_style, new_figure, save, wrapped

_TILE_INCHES = 0.8
_LABEL_INCHES = 2.2
_STEPS = ("lowest", "highest", "highest minus lowest")


@dataclass(frozen=True)
class Extreme:
    """Images of one covariate at two values, all else alike.

    Attributes:
        covariate: words for it, with its unit.
        low, high: the two values.
        lowest, highest: uint8 [n, row, column], of the same n noises.
    """

    covariate: str
    low: float
    high: float
    lowest: np.ndarray
    highest: np.ndarray


def extremes_figure(found: Sequence[Extreme], path: str | Path, *, title: str = "") -> None:
    """Draw one row a covariate: images at its lowest value, at its highest, and what changed between them.

    Changes are coloured on one scale for the whole figure: red where the highest is brighter, blue where it is darker.

    Args:
        found: of each covariate, equally many images.
        path: PNG, SVG or PDF.
        title: one line above.
    """
    each = max((len(one.lowest) for one in found), default=0)
    changes = [_strip(one.highest).astype(float) - _strip(one.lowest) for one in found]
    reach = max([1.0, *(float(np.quantile(np.abs(change), 0.998)) for change in changes if change.size)])
    with house_style():
        width = 3 * each * _TILE_INCHES + _LABEL_INCHES
        figure = new_figure(max(width, 4.0), max(len(found), 1) * (_TILE_INCHES + 0.22) + 0.7)
        if title:
            figure.suptitle(wrapped(title, width=int(13 * max(width, 4.0))), x=0.01, ha="left", fontsize=10,
                            fontweight="bold", color=INK)  # fmt: skip
        grid = figure.subplots(max(len(found), 1), 3, squeeze=False)
        if not found:
            for axes in grid[0]:
                empty_panel(axes, "")
            empty_panel(grid[0][1], "no covariate to show")
        for number, (panels, one, change) in enumerate(zip(grid, found, changes, strict=False)):
            low, high = value_words([one.low, one.high])
            for axes, words, images in zip(
                panels, (low, high, ""), (_strip(one.lowest), _strip(one.highest)), strict=False
            ):
                axes.imshow(images, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axes.set_xlabel(words, fontsize=8, labelpad=1)
            shown = panels[2].imshow(change, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
            for axes, step in zip(panels, _STEPS, strict=True):
                _bare(axes)
                if number == 0:
                    axes.set_title(step, fontsize=9)
            panels[0].set_ylabel(wrapped(one.covariate, width=16), rotation=0, ha="right", va="center", fontsize=8,
                                 color=INK)  # fmt: skip
        if found:
            bar = figure.colorbar(shown, ax=list(grid[:, 2]), shrink=0.8, aspect=18, pad=0.02)
            bar.set_label("grey levels", color=MUTED)
            bar.outline.set_visible(False)
        save(figure, path)


def _strip(images: np.ndarray) -> np.ndarray:
    return np.concatenate(list(images), axis=1) if len(images) else np.zeros((1, 1), dtype=np.uint8)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
