"""Colour: which packed images have it, and how they lie where networks take them. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CHANNELS = 3
"""Red, green and blue, in this order."""


def channels_of(cohort: Mapping[str, Any]) -> int:
    """Return how many channels the images of a cohort have: 3 in colour, else 1, as the block ``cohort`` says."""
    return CHANNELS if cohort.get("colour") else 1


def in_colour(shape: Sequence[int]) -> bool:
    """Return whether a packed image of this shape is a slice in colour, [row, column, channel], and no volume.

    Slices have 4 pixels a side or more, and volumes as many voxels along every axis.
    """
    return len(shape) == 3 and shape[2] == CHANNELS < min(shape[:2])
