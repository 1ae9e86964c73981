"""Slices through the centre of a volume, the same way up wherever people look at brains. Needs numpy alone."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import MrisynthError

PLANES = ("axial", "coronal", "sagittal")


def plane(volume: np.ndarray, name: str) -> np.ndarray:
    """Return the slice through the centre of a RAS+ volume [x, y, z] as an image, upper row first.

    Left of the brain is left in axial and coronal slices; the front is up in axial and left in sagittal slices. The
    sagittal slice lies a sixteenth of the field beside the middle, through the hemisphere instead of the gap.
    """
    x, y, z = (edge // 2 for edge in volume.shape)
    if name == "axial":
        return volume[:, ::-1, z].T
    if name == "coronal":
        return volume[:, y, ::-1].T
    if name == "sagittal":
        return volume[x - volume.shape[0] // 16, ::-1, ::-1].T
    raise MrisynthError(f"The plane {name!r} is unknown, expected one of: {', '.join(PLANES)}.")
