"""The picture people judge a registered brain by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mrisynth.files import atomic

POSITIONS = (0.32, 0.42, 0.5, 0.58, 0.68)
PLANES = (("sagittal", 0, "S", "P"), ("coronal", 1, "S", "L"), ("axial", 2, "A", "L"))


def write_picture(
    volume: np.ndarray, mask: np.ndarray, template_mask: np.ndarray, path: str | Path, *, title: str = ""
) -> None:
    """Write a PNG of five slices in each plane with the outlines of the scan's mask (red) and the template's (cyan).

    Args:
        volume: [x, y, z], RAS+; shown from 0 to its largest value.
        mask: bool [x, y, z].
        template_mask: bool [x, y, z].
        path: the PNG.
        title: one line above.
    """
    figure = Figure(figsize=(2.1 * len(POSITIONS), 2.15 * len(PLANES) + 0.4), facecolor="black", dpi=80)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(PLANES), len(POSITIONS))
    top = float(volume.max()) or 1.0
    for row, (_, axis, up, left) in enumerate(PLANES):
        for column, position in enumerate(POSITIONS):
            index = min(int(position * volume.shape[axis]), volume.shape[axis] - 1)
            panel = axes[row, column]
            panel.imshow(_slice(volume, axis, index), cmap="gray", origin="lower", vmin=0, vmax=top)
            for outline, colour in ((mask, "red"), (template_mask, "cyan")):
                plane = _slice(outline, axis, index)
                if plane.any():
                    panel.contour(plane.astype(float), levels=[0.5], colors=colour, linewidths=0.6)
            panel.set_axis_off()
            if column == 0:
                panel.text(0.5, 0.98, up, color="white", transform=panel.transAxes, ha="center", va="top", fontsize=7)
                panel.text(0.01, 0.5, left, color="white", transform=panel.transAxes, va="center", fontsize=7)
    figure.suptitle(title, color="white", fontsize=9)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.95, wspace=0.01, hspace=0.01)
    with atomic(path) as unfinished:
        figure.savefig(unfinished, facecolor="black", metadata={"Software": None})


def _slice(volume: np.ndarray, axis: int, index: int) -> np.ndarray:
    """One plane with rows going up and columns to the right: sagittal [z, y], coronal [z, x], axial [y, x]."""
    return np.take(volume, index, axis=axis).T
