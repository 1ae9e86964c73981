"""Robust intensity scaling inside the brain."""

from __future__ import annotations

import numpy as np

from mrisynth.errors import ScanError

FLOOR = 1.0 / 255.0  # the darkest brain voxel: one step of the packed uint8 scale above the background


def scale_inside(volume: np.ndarray, mask: np.ndarray, *, percentiles: tuple[float, float] = (0.5, 99.8)) -> np.ndarray:
    """Map the robust range of the brain to 1/255..1 and the background to exactly 0.

    Values at or below the lower percentile inside the mask become 1/255, at or above the upper one 1, linear between:
    ``result > 0`` is the mask again, also after packing to 8 bits.

    Args:
        volume: [x, y, z], any finite scale.
        mask: [x, y, z], true inside the brain.
        percentiles: lower and upper percentile of the values inside the mask.

    Returns:
        float32 [x, y, z] in 0..1.

    Raises:
        ScanError: reason ``empty_mask`` or ``flat_brain``.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        raise ScanError("empty_mask", "The brain mask is empty; there is nothing to scale.")
    low, high = np.percentile(volume[mask], percentiles)
    if not high > low:
        raise ScanError("flat_brain", f"All brain voxels have about the value {low:g}; expected contrast in the brain.")
    unit = np.clip((volume.astype(np.float32) - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return np.where(mask, FLOOR + (1.0 - FLOOR) * unit, 0.0).astype(np.float32)
