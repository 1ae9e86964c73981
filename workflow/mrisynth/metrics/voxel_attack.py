"""How close samples come to each real scan in its voxels, as somebody sees it who has the samples alone."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrisynth.metrics.brain_match import shared_directions, unit_residuals


def likeness_to_samples(scans: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return for each real scan its correlation with the most similar sample or mirror image of one.

    What all brains share is taken from the samples, never from the real scans: a mean that holds some of the scans
    would itself tell which.

    Args:
        scans: float32 [n, x, y, z].
        samples: float32 [m, x, y, z] on the same grid and scale, two or more.

    Returns:
        [n], -1 to 1.
    """
    brain = (samples > 0).mean(axis=0) > 0.5
    mask = ndimage.binary_dilation(brain | brain[::-1]) if brain.any() else np.ones(brain.shape, dtype=bool)
    shared = shared_directions(samples.mean(axis=0), mask)
    real = unit_residuals(scans, mask, shared)
    made = [unit_residuals(part, mask, shared) for part in (samples, samples[:, ::-1])]
    return np.maximum(*((real @ part.T).max(axis=1) for part in made))
