"""The figures of segmentation arms: Dice of each structure with intervals, and contours on test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mrisynth.metrics.segmentation import ALL
from mrisynth.reporting.style import INK, MUTED, colours_of, house_style, new_figure, save, wrapped
from mrisynth.segmentation.shown import Shown

_WORDS = {ALL: "mean of all"}
_SPREAD = 0.7  # of the way from one structure to the next, for all arms
_FINE = 6  # grid points of a contour in a pixel
_TILE_INCHES = 1.7
_LABEL_INCHES = 1.3


def segmentation_figure(arms: pd.DataFrame, path: str | Path, *, words: Mapping[str, str], title: str) -> None:
    """Draw the mean Dice of each structure, one mark an arm, with its interval over participants.

    Args:
        arms: of :class:`mrisynth.metrics.segmentation.SegmentationTables`.
        path: PNG, SVG or PDF.
        words: arm -> what it is trained on.
        title: one line above; the test set and how many people are in it are said below.
    """
    found = arms[arms["measure"] == "dice"]
    names, structures = (list(dict.fromkeys(found[column])) for column in ("arm", "structure"))
    colours = colours_of(names)
    with house_style():
        figure = new_figure(max(6.4, 1.3 * len(structures) + 1.6), 3.6 + 0.18 * len(names))
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        axes = figure.subplots()
        for number, name in enumerate(names):
            aside = ((number + 0.5) / len(names) - 0.5) * _SPREAD
            rows = found[found["arm"] == name].set_index("structure").loc[structures]
            places = np.arange(len(structures)) + aside
            axes.vlines(places, rows["low"], rows["high"], color=colours[name], linewidth=2)
            axes.plot(places, rows["value"], "o", color=colours[name], label=f"{name}: {words[name]}")
        axes.set_xticks(np.arange(len(structures)), [wrapped(_WORDS.get(name, name), width=14) for name in structures])
        axes.set_xlim(-0.5, len(structures) - 0.5)
        axes.set_ylim(-0.02, 1.02)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel("Dice")
        volumes, people = int(found["volumes"].max()), int(found["participants"].max())
        axes.set_xlabel(f"mean over {volumes} test volumes of {people} people, 95 % intervals over people", color=MUTED)
        figure.legend(loc="outside lower left", ncols=1)
        save(figure, path)


def predictions_figure(shown: Sequence[Shown], structures: Sequence[str], path: str | Path, *, title: str) -> None:
    """Draw test images, one column each, with the contours of the truth and of every arm, one row each.

    Args:
        shown: from worst to best.
        structures: in the order of their numbers, which begin with 1.
        path: PNG, SVG or PDF.
        title: one line above.
    """
    rows = list(shown[0].maps)
    colours = colours_of(structures)
    high, wide = shown[0].image.shape
    with house_style():
        figure = new_figure(
            len(shown) * _TILE_INCHES + _LABEL_INCHES, (len(rows) + 1) * _TILE_INCHES * high / wide + 0.9
        )
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        grid = figure.subplots(len(rows) + 1, len(shown), squeeze=False)
        for column, one in enumerate(shown):
            word = {0: "worst", len(shown) - 1: "best"}.get(column, "") if len(shown) > 1 else ""
            grid[0, column].set_title(word, fontsize=9)
            _tile(grid[0, column], one.image)
            for axes, name in zip(grid[1:, column], rows, strict=True):
                _tile(axes, one.image)
                _contours(axes, one.maps[name], colours)
                if name in one.dice:
                    axes.set_xlabel(f"{one.dice[name]:.2f}", fontsize=8, labelpad=1)
        for axes, name in zip(grid[:, 0], ["image", *rows], strict=True):
            axes.set_ylabel(wrapped(name, width=12), rotation=0, ha="right", va="center", fontsize=9, color=INK)
        handles = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
        figure.legend(handles=handles, loc="outside lower left", ncols=4)
        save(figure, path)


def _tile(axes: Axes, image: np.ndarray) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=max(float(image.max()), 1e-6))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)


def _contours(axes: Axes, numbers: np.ndarray, colours: Mapping[str, str]) -> None:
    """Outline each structure along the edges of its pixels; the first ones, often small, are drawn last."""
    high, wide = numbers.shape
    fine = np.kron(numbers, np.ones((_FINE, _FINE), dtype=int))
    rows, columns = (np.arange(count * _FINE) / _FINE - 0.5 + 0.5 / _FINE for count in (high, wide))
    for number, colour in reversed(list(enumerate(colours.values(), start=1))):
        inside = (fine == number).astype(float)
        if inside.any():
            axes.contour(columns, rows, inside, levels=[0.5], colors=[colour], linewidths=0.9)
