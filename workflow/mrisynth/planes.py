"""Slices through a volume, the same way up wherever people or models look at brains. Needs numpy alone."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import MrisynthError

PLANES = ("axial", "coronal", "sagittal")

AXIS_ACROSS = {"axial": 2, "coronal": 1, "sagittal": 0}
"""Axis of a RAS+ volume [x, y, z] along which the slices of a plane lie one behind the other."""


def plane(volume: np.ndarray, name: str) -> np.ndarray:
    """Return the slice through the centre of a RAS+ volume [x, y, z], drawn as :func:`drawn_slice` says.

    The sagittal slice lies a sixteenth of the field beside the middle, through the hemisphere instead of the gap.
    """
    aside = volume.shape[0] // 16 if name == "sagittal" else 0
    return drawn_slice(volume, name, volume.shape[AXIS_ACROSS.get(name, 0)] // 2 - aside)


def drawn_slice(volume: np.ndarray, name: str, index: int) -> np.ndarray:
    """Return one slice of a RAS+ volume [x, y, z] as an image [row, column], upper row first; a view, not a copy.

    Left of the brain is left in axial and coronal slices. Up is the front in axial slices and the top of the head in
    the others. The front is left in sagittal slices.

    Args:
        volume: any values.
        name: one of :data:`PLANES`.
        index: voxel along the axis across the plane (x, y, z for sagittal, coronal, axial).

    Raises:
        MrisynthError: the plane is unknown, or the volume has no such slice.
    """
    if name not in AXIS_ACROSS:
        raise MrisynthError(f"The plane {name!r} is unknown, expected one of: {', '.join(PLANES)}.")
    count = volume.shape[AXIS_ACROSS[name]]
    if not 0 <= index < count:
        raise MrisynthError(f"There is no {name} slice {index}; the volume has {count}, from 0 to {count - 1}.")
    if name == "axial":
        return volume[:, ::-1, index].T
    if name == "coronal":
        return volume[:, index, ::-1].T
    return volume[index, ::-1, ::-1].T
