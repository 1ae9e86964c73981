"""The figure of a synthesis: real images, their masks, and the candidates made for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mrisynth.planes import plane
from mrisynth.reporting.contours import draw_contours
from mrisynth.reporting.style import INK, MUTED, PALETTE, colours_of, house_style, new_figure, save, wrapped
from mrisynth.synthesis.shown_candidates import Shown

_TILE_INCHES = 1.35
_FRAME_WIDTH = 3.0
_PLANE = "axial"


def candidates_figure(rows: Sequence[Shown], path: str | Path, *, structures: Sequence[str], title: str = "") -> None:
    """Draw one mask a row: the real image, its mask as contours, then candidates, the kept ones framed.

    Args:
        rows: of :func:`mrisynth.synthesis.shown_candidates.shown_candidates`; of volumes the middle axial slice.
        path: PNG, SVG or PDF.
        structures: names of the classes of the masks.
        title: one line above.
    """
    columns = 2 + max(len(row.images) for row in rows)
    colours, frame = colours_of(structures), PALETTE[len(structures) % len(PALETTE)]
    with house_style():
        figure = new_figure(max(5.5, columns * _TILE_INCHES), len(rows) * (_TILE_INCHES + 0.3) + 0.9)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for tiles, row in zip(grid, rows, strict=True):
            for axes in tiles:
                axes.set_axis_off()
            _picture(tiles[0], row.real, wrapped(row.name, width=18))
            _picture(tiles[1], row.real, "its mask")
            draw_contours(tiles[1], _flat(row.mask), list(colours.values()))
            for axes, image, words, kept in zip(tiles[2:], row.images, row.words, row.kept, strict=False):
                _picture(axes, image, words)
                if kept:
                    _frame(axes, colour=frame)
        handles = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
        handles.append(Line2D([], [], color=frame, linewidth=_FRAME_WIDTH, label="kept"))
        figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 6), frameon=False)
        save(figure, path)


def _picture(axes: Axes, image: np.ndarray, words: str) -> None:
    axes.imshow(_flat(image), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(words, fontsize=7, fontweight="normal", color=MUTED, pad=3)


def _frame(axes: Axes, *, colour: str) -> None:
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=_FRAME_WIDTH)


def _flat(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 2 else plane(image, _PLANE)
