"""Figures of brains: grids of scans and samples in three planes, side by side, their mean and their spread.

Slices are drawn as they are, in one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from mrisynth.colour import in_colour
from mrisynth.planes import PLANES, plane
from mrisynth.reporting.style import INK, MUTED, NIGHT, house_style, new_figure, save, wrapped

Volumes = np.ndarray | Sequence[np.ndarray]
"""uint8 [n, x, y, z], slices [n, row, column] or [n, row, column, channel]; or n of them, read where they are drawn."""

_TILE_INCHES = 1.0
_LABEL_INCHES = 1.5


def real_beside_synthetic(
    real: Volumes, synthetic: Volumes, path: str | Path, *, titles: tuple[str, str], columns: int = 4
) -> None:
    """Draw real volumes on the left and synthetic ones on the right, equally many, in three planes.

    Args:
        real: uint8 [n, x, y, z].
        synthetic: uint8 [m, x, y, z].
        path: the PNG.
        titles: words above each half.
        columns: most volumes in each half.
    """
    count = min(columns, len(real), len(synthetic))
    with house_style():
        names = _planes(real)
        figure = new_figure(2 * count * _TILE_INCHES + 0.7, len(names) * _TILE_INCHES + 0.3)
        for half, volumes, title in zip(figure.subfigures(1, 2, wspace=0.03), (real, synthetic), titles, strict=True):
            rows = {name: [_drawn(volume, name) for volume in volumes[:count]] for name in names}
            half.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
            _tiles(half, rows, columns=count)
        _pack(figure)
        save(figure, path)


def gallery(sources: Mapping[str, Volumes], path: str | Path, *, title: str, columns: int = 8) -> None:
    """Draw one row of axial slices for each source, such as real test scans, each model and the controls.

    Args:
        sources: words for the row -> uint8 [n, x, y, z].
        path: the PNG.
        title: words above.
        columns: most volumes in a row.
    """
    rows = {name: [_drawn(volume, "axial") for volume in volumes[:columns]] for name, volumes in sources.items()}
    _draw_tiles(rows, path, title=title, columns=max(len(row) for row in rows.values()), horizontal=True)


def mean_and_spread(sources: Mapping[str, Volumes], path: str | Path, *, title: str) -> None:
    """Draw for each source the mean of its volumes and, voxel by voxel, their standard deviation.

    A model that repeats itself shows a sharp mean and a dark spread; one that misses a part of the population shows
    a spread that is dark where that of the real scans is bright. All spreads share one scale, that of
    the first source. In colour the mean is in colour, and the spread of a pixel the mean of those of its channels.

    Args:
        sources: words for the column -> uint8 [n, x, y, z], two or more of each.
        path: the PNG.
        title: words above.
    """
    rows: dict[str, tuple[list[np.ndarray], dict[str, float | str]]] = {}
    stacks = {
        name: [_stack(volumes, name) for volumes in sources.values()]
        for name in _planes(next(iter(sources.values())))[:2]
    }
    for name, found in stacks.items():
        rows[f"mean, {name}"] = ([_mean(stack) for stack in found], {"cmap": "gray", "vmin": 0, "vmax": 255})
    top = max(1.0, *(float(np.percentile(_spread(found[0]), 99.9)) for found in stacks.values()))
    for name, found in stacks.items():
        rows[f"spread, {name}"] = ([_spread(stack) for stack in found], {"cmap": "magma", "vmin": 0, "vmax": top})
    with house_style():
        figure = new_figure(len(sources) * 1.25 + 0.3, len(rows) * 1.25 + 0.75)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        grid = figure.subplots(len(rows), len(sources), squeeze=False)
        for panels, (label, (images, options)) in zip(grid, rows.items(), strict=True):
            for axes, image in zip(panels, images, strict=True):
                _tile(axes, image, **options)
            _row_label(panels[0], label)
        for axes, (name, volumes) in zip(grid[0], sources.items(), strict=True):
            axes.set_title(f"{wrapped(name, width=16)}\nn = {len(volumes)}", fontsize=7.5, loc="center")
        _pack(figure)
        save(figure, path)


def scale_words(images: Volumes) -> tuple[str, str]:
    """Return what the values of a :func:`gallery` mean, a sentence, and what :func:`mean_and_spread` calls spread."""
    if in_colour(images[0].shape):
        return "Colours are those of the images.", "the standard deviation, the mean of that of red, green and blue"
    return "One grey scale for all: 0 is black, the top of the brain's range white.", "the standard deviation"


def _stack(volumes: Volumes, name: str) -> np.ndarray:
    return np.stack([_drawn(volume, name) for volume in volumes]).astype(np.float64)


def _mean(stack: np.ndarray) -> np.ndarray:
    mean = stack.mean(axis=0)
    return np.rint(mean).astype(np.uint8) if in_colour(mean.shape) else mean


def _spread(stack: np.ndarray) -> np.ndarray:
    spread = stack.std(axis=0)
    return spread.mean(axis=2) if in_colour(spread.shape) else spread


def _planes(images: Volumes) -> tuple[str, ...]:
    return ("slice",) if _is_slice(images[0]) else PLANES


def _drawn(image: np.ndarray, name: str) -> np.ndarray:
    return image if _is_slice(image) else plane(image, name)


def _is_slice(image: np.ndarray) -> bool:
    return image.ndim == 2 or in_colour(image.shape)


def _draw_tiles(
    rows: Mapping[str, list[np.ndarray]], path: str | Path, *, title: str, columns: int, horizontal: bool = False
) -> None:
    with house_style():
        label_inches = _LABEL_INCHES if horizontal else 0.3
        figure = new_figure(columns * _TILE_INCHES + label_inches, len(rows) * _TILE_INCHES + 0.27)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
        _tiles(figure, rows, columns=columns, horizontal=horizontal)
        _pack(figure)
        save(figure, path)


def _tiles(figure: FigureBase, rows: Mapping[str, list[np.ndarray]], *, columns: int, horizontal: bool = False) -> None:
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for panels, (label, images) in zip(grid, rows.items(), strict=True):
        for axes in panels:
            axes.set_axis_off()
        for axes, image in zip(panels, images, strict=False):
            _tile(axes, image, cmap="gray", vmin=0, vmax=255)
        _row_label(panels[0], label, horizontal=horizontal)


def _tile(axes: Axes, image: np.ndarray, **options: float | str) -> None:
    axes.set_axis_on()
    axes.set_facecolor(NIGHT)
    axes.imshow(image, interpolation="auto", **options)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _row_label(axes: Axes, label: str, *, horizontal: bool = False) -> None:
    if horizontal:
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8, color=INK)
    else:
        axes.set_ylabel(label, fontsize=8, color=MUTED)


def _pack(figure: Figure) -> None:
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0.0, hspace=0.0)
