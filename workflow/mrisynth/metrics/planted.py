"""Copies of real scans, made on purpose, that a copy detector must find."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError

PLANTED = ("exact", "noise", "shift", "mirror")
"""As it is; with noise of 5 % of the range; moved by 2 mm in a random direction; left and right exchanged."""

NOISE = 0.05
SHIFT_MM = 2.0

_TOP = 255.0


def planted_copy(volume: np.ndarray, kind: str, *, voxel_mm: float, generator: np.random.Generator) -> np.ndarray:
    """Return a copy of a volume [x, y, z] (0 to 255, first axis left to right) of one of the kinds of :data:`PLANTED`.

    Returns:
        uint8 [x, y, z].

    Raises:
        MrisynthError: the kind is unknown.
    """
    values = volume.astype(np.float32)
    if kind == "noise":
        values += generator.normal(0.0, NOISE * _TOP, values.shape).astype(np.float32)
    elif kind == "shift":
        direction = generator.normal(size=3)
        values = ndimage.shift(values, direction / np.linalg.norm(direction) * SHIFT_MM / voxel_mm, order=1)
    elif kind == "mirror":
        values = values[::-1]
    elif kind != "exact":
        raise MrisynthError(f"The kind {kind!r} of a planted copy is unknown, expected one of: {', '.join(PLANTED)}.")
    return np.clip(np.rint(values), 0, _TOP).astype(np.uint8)
