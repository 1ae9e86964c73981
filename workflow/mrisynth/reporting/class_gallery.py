"""The figure of slices class by class: real ones above, those of each model below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mrisynth.reporting.style import INK, NIGHT, house_style, new_figure, save, wrapped

_TILE_INCHES = 0.8
_LABEL_INCHES = 1.1


def class_gallery(
    rows: Mapping[str, Mapping[str, Sequence[np.ndarray]]], path: str | Path, *, classes: Sequence[str], title: str = ""
) -> None:
    """Draw one row a source and one block of slices a class, edge to edge.

    Args:
        rows: words for the source -> class -> uint8 [row, column] or [row, column, 3], equally many of every class; a
            source may have fewer or none of a class, whose places stay dark.
        path: PNG, SVG or PDF.
        classes: names of the classes, left to right.
        title: one line above.
    """
    each = max((len(images) for by_class in rows.values() for images in by_class.values()), default=0)
    with house_style():
        figure = new_figure(len(classes) * each * _TILE_INCHES + _LABEL_INCHES, len(rows) * _TILE_INCHES + 0.6)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        grid = figure.subplots(len(rows), len(classes), squeeze=False)
        for number, (panels, (name, by_class)) in enumerate(zip(grid, rows.items(), strict=True)):
            for axes, label in zip(panels, classes, strict=True):
                axes.imshow(_strip(by_class.get(label, []), each), cmap="gray", vmin=0, vmax=255)
                axes.set(xticks=[], yticks=[], facecolor=NIGHT)
                axes.grid(visible=False)
                for spine in axes.spines.values():
                    spine.set_visible(False)
                if number == 0:
                    axes.set_title(wrapped(label, width=8 * each), fontsize=9)
            panels[0].set_ylabel(wrapped(name, width=14), rotation=0, ha="right", va="center", fontsize=8, color=INK)
        figure.get_layout_engine().set(w_pad=0.03, h_pad=0.015, wspace=0.0, hspace=0.0)
        save(figure, path)


def _strip(images: Sequence[np.ndarray], each: int) -> np.ndarray:
    """Return the images beside one another, as wide as ``each`` of them."""
    if not len(images):
        return np.zeros((1, max(each, 1)), dtype=np.uint8)
    missing = [np.zeros_like(images[0])] * (each - len(images))
    return np.concatenate([*images, *missing], axis=1)
