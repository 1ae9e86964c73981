"""The figure of the masks of a study: images with the contours of their classes, section by section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from mrisynth.mask_pictures import MaskedSection
from mrisynth.reporting.contours import draw_contours
from mrisynth.reporting.style import INK, MUTED, colours_of, house_style, new_figure, save, wrapped

_TILE_INCHES = 1.5
_HEAD_INCHES = 0.5


def masks_figure(
    sections: Sequence[MaskedSection], path: str | Path, *, classes: Sequence[str], title: str = ""
) -> None:
    """Draw each section as columns of images, the views of one below each other, with contours of its mask.

    Args:
        sections: of :func:`mrisynth.mask_pictures.masked_sections`.
        path: PNG, SVG or PDF.
        classes: names of the classes, class 1 first.
        title: one line above.
    """
    colours = colours_of(classes)
    columns = max((len(section.images) for section in sections), default=1)
    heights = [len(section.images[0]) * _TILE_INCHES + _HEAD_INCHES for section in sections]
    with house_style():
        figure = new_figure(max(5.5, columns * _TILE_INCHES), sum(heights) + 0.8)
        figure.get_layout_engine().set(h_pad=0.02, hspace=0.0)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        parts = figure.subfigures(max(len(sections), 1), 1, height_ratios=heights or [1.0], squeeze=False)
        for part, section in zip(parts[:, 0], sections, strict=False):
            _draw(part, section, list(colours.values()), columns=columns)
        handles = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
        figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 4), frameon=False)
        save(figure, path)


def _draw(part: SubFigure, section: MaskedSection, colours: Sequence[str], *, columns: int) -> None:
    part.suptitle(section.title, x=0.01, ha="left", fontsize=9, color=INK)
    grid = part.subplots(len(section.images[0]), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, (name, views, masks) in enumerate(zip(section.names, section.images, section.masks, strict=True)):
        grid[0, number].set_title(wrapped(name, width=18), fontsize=7, fontweight="normal", color=MUTED, pad=3)
        for axes, view, mask in zip(grid[:, number], views, masks, strict=True):
            axes.imshow(view, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            draw_contours(axes, mask, colours)
