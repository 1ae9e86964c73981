"""Negative controls: volumes that any model must beat."""

from __future__ import annotations

import numpy as np

from mrisynth.seeds import numpy_generator


def noise_volumes(count: int, *, size: int, seed: int) -> np.ndarray:
    """Return uint8 [count, size, size, size] of uniform noise; volume k depends on (seed, size, k) alone."""
    return np.stack(
        [
            numpy_generator(seed, "noise", size, index).integers(0, 256, (size, size, size), dtype=np.uint8)
            for index in range(count)
        ]
    )
