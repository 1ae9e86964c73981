"""Regions of label maps: their volumes and their overlap."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import MrisynthError


def region_volumes(labels: np.ndarray, voxel_mm: float | tuple[float, float, float]) -> dict[int, float]:
    """Return the volume of every region of a label map.

    Args:
        labels: integers [x, y, z] or [x, y], one number a region in any numbering (DLMUSE, FreeSurfer, SynthSeg),
            0 = background.
        voxel_mm: edge of a voxel, or one edge along each axis.

    Returns:
        Label to volume in mL (of a slice: area in mm2 / 1000), for the labels that are there, in ascending order.

    Raises:
        MrisynthError: the labels are not whole numbers.
    """
    found, counts = np.unique(_whole(labels), return_counts=True)
    voxel_ml = float(np.prod(np.broadcast_to(voxel_mm, np.ndim(labels)))) / 1000.0
    return {int(label): int(count) * voxel_ml for label, count in zip(found, counts, strict=True) if label != 0}


def region_dice(first: np.ndarray, second: np.ndarray) -> dict[int, float]:
    """Return the Dice overlap of every region of two label maps (Dice 1945).

    Args:
        first: integers [x, y, z], 0 = background.
        second: likewise on the same grid.

    Returns:
        Label to 2 |A and B| / (|A| + |B|), 0..1, for the labels present in either map, in ascending order: 0 for a
        region that only one of them has.

    Raises:
        MrisynthError: the shapes differ, or the labels are not whole numbers.
    """
    if np.shape(first) != np.shape(second):
        raise MrisynthError(
            f"The label maps have the shapes {np.shape(first)} and {np.shape(second)}; put them on one grid first."
        )
    both = np.stack([_whole(first), _whole(second)])
    found, index = np.unique(both[:, (both != 0).any(axis=0)], return_inverse=True)
    one, two = index.reshape(2, -1)
    sizes = np.bincount(one, minlength=len(found)) + np.bincount(two, minlength=len(found))
    shared = np.bincount(one[one == two], minlength=len(found))
    overlaps = 2.0 * shared / sizes
    return {int(label): float(overlap) for label, overlap in zip(found, overlaps, strict=True) if label != 0}


def mean_region_dice(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean Dice over the regions present in either of two label maps, 0..1; NaN when both are empty."""
    overlaps = region_dice(first, second)
    return float(np.mean(list(overlaps.values()))) if overlaps else float("nan")


def _whole(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype.kind in "iu":
        return labels
    rounded = np.rint(labels)
    if not np.array_equal(rounded, labels):
        raise MrisynthError("The label map holds values that are not whole numbers; map it by nearest neighbour.")
    return rounded.astype(np.int64)
