"""Maps of a structure as slices see them: cut out of a probability map of the cube, at the size of the slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrisynth.files import atomic
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


def write_region(probability: np.ndarray, cuts: Sequence[Cut], path: str | Path, *, size: int) -> None:
    """Write the maps of :func:`cut_region` as ``.npy``; arguments as there."""
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        np.save(stream, cut_region(probability, cuts, size=size))
