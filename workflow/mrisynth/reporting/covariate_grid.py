"""The figure of a grid of images over two covariates at one noise: what asking for more of either changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mrisynth.reporting.style import MUTED, NIGHT, empty_panel, house_style, new_figure, save, wrapped

_TILE_INCHES = 0.75


def covariate_grid(
    panels: Mapping[str, np.ndarray],
    path: str | Path,
    *,
    across: tuple[str, Sequence[float]],
    down: tuple[str, Sequence[float]],
    held: str = "",
    title: str = "",
) -> None:
    """Draw k x k images a source, edge to edge, with the values asked for in real units along both sides.

    Args:
        panels: source -> uint8 [k down, k across, row, column] or with a last axis of 3, of one noise; the lowest value
            of the second covariate comes first and stands at the bottom. A source without images says so.
        path: PNG, SVG or PDF.
        across: words for the covariate that changes from left to right, with its unit, and its k values.
        down: those of the covariate that rises from the bottom to the top.
        held: what the other covariates were held at, in words.
        title: one line above.
    """
    with house_style():
        save(covariate_grid_panels(panels, across=across, down=down, held=held, title=title), path)


def covariate_grid_panels(
    panels: Mapping[str, np.ndarray],
    *,
    across: tuple[str, Sequence[float]],
    down: tuple[str, Sequence[float]],
    held: str,
    title: str,
) -> Figure:
    """Return the figure; arguments as :func:`covariate_grid`."""
    columns, rows = len(across[1]), len(down[1])
    width = max(len(panels), 1) * (columns * _TILE_INCHES + 0.7) + 0.2
    figure = new_figure(max(width, 3.6), rows * _TILE_INCHES + 1.3)
    if title:
        figure.suptitle(
            wrapped(title, width=int(13 * max(width, 3.6))), x=0.01, ha="left", fontsize=10, fontweight="bold"
        )
    for axes, (source, images) in zip(
        figure.subplots(1, max(len(panels), 1), squeeze=False)[0], panels.items(), strict=False
    ):
        axes.set_title(wrapped(source, width=9 * columns), fontsize=9)
        if not len(images):
            empty_panel(axes, "no images")
            continue
        axes.imshow(
            _mosaic(images), cmap="gray", vmin=0, vmax=255, extent=(0, columns, 0, rows), interpolation="nearest"
        )
        axes.grid(visible=False)
        axes.set_facecolor(NIGHT)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xticks(np.arange(columns) + 0.5, value_words(across[1]), fontsize=8)
        axes.set_yticks(np.arange(rows) + 0.5, value_words(down[1]), fontsize=8)
        axes.tick_params(length=0)
        axes.set_xlabel(wrapped(across[0], width=9 * columns))
        axes.set_ylabel(wrapped(down[0], width=9 * rows))
    if held:
        figure.supxlabel(wrapped(held, width=int(14 * max(width, 3.6))), x=0.01, ha="left", fontsize=8, color=MUTED)
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
    return figure


def value_words(values: Sequence[float]) -> list[str]:
    """Return values with as many digits as tell them apart, three at least."""
    for digits in range(3, 8):
        words = [f"{value:.{digits}g}" for value in values]
        if len(set(words)) == len(set(values)):
            break
    return [f"{float(word):g}" if "e" in word else word for word in words]


def _mosaic(images: np.ndarray) -> np.ndarray:
    """Return the images as one, the first row of them at the bottom."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in images[::-1]], axis=0)
