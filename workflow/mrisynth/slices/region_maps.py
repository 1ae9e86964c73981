"""Maps of a structure as slices see them: cut out of a probability map of the cube, at the size of the slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrisynth.files import atomic
from mrisynth.imaging.label_maps import resampled_mask
from mrisynth.planes import drawn_slice
from mrisynth.slices.positions import Cut
from mrisynth.store import overlap_weights


def cut_region(probability: np.ndarray, cuts: Sequence[Cut], *, size: int) -> np.ndarray:
    """Return a probability map as it lies under the slices of each position.

    Cut and averaged as :func:`mrisynth.slices.volumes.pack_volumes` does with scans, but never rounded.

    Args:
        probability: float [x, y, z], 0..1, on the cube that slices are cut from.
        cuts: the positions.
        size: pixels a side, at most the voxels a side of the cube.

    Returns:
        float32 [position, row, column], 0..1, row 0 at the top.
    """
    weights = overlap_weights(len(probability), size).astype(np.float64)
    parts = [weights @ drawn_slice(probability, cut.plane, cut.index) @ weights.T for cut in cuts]
    return np.clip(np.stack(parts), 0.0, 1.0).astype(np.float32)


def cut_mask(mask: np.ndarray, cuts: Sequence[Cut], *, size: int) -> np.ndarray:
    """Return a mask or label map as it lies under the slices of each position, by nearest neighbour.

    Args:
        mask: whole numbers [x, y, z], on the cube that slices are cut from.
        cuts: the positions.
        size: pixels a side.

    Returns:
        The same type, [position, row, column], row 0 at the top.
    """
    return resampled_mask(np.stack([drawn_slice(mask, cut.plane, cut.index) for cut in cuts]), shape=(size, size))


def write_region(probability: np.ndarray, cuts: Sequence[Cut], path: str | Path, *, size: int) -> None:
    """Write the maps of :func:`cut_region` as ``.npy``; arguments as there."""
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        np.save(stream, cut_region(probability, cuts, size=size))
