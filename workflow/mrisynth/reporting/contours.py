"""Outlines of the classes of a mask over an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes


def draw_contours(axes: Axes, mask: np.ndarray, colours: Sequence[str]) -> None:
    """Draw the outline of every class of a mask.

    Args:
        axes: show an image on the same grid.
        mask: whole numbers [row, column], 0 = background; numbers without a colour are left out.
        colours: of class 1 and so on.
    """
    for number, colour in enumerate(colours, start=1):
        if (mask == number).any():
            axes.contour(mask == number, levels=[0.5], colors=[colour], linewidths=0.8)
