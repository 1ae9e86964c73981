"""Images of a bright disc and a grey bar on a dim ground, with their masks: what a scorer must find."""

from __future__ import annotations

import numpy as np

STRUCTURES = ("disc", "bar")


def annotated_shapes(count: int, *, seed: int, size: int = 32, dimensions: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 images in [-1, 1] and uint8 masks, [n, edges]; 1 is the disc, 2 the bar, 0 elsewhere."""
    generator = np.random.default_rng(seed)
    places = np.indices((size,) * dimensions) / size
    centres = generator.uniform(0.3, 0.7, (count, dimensions))
    centres[:, 0] = generator.uniform(0.25, 0.4, count)
    masks = np.zeros((count, *[size] * dimensions), dtype=np.uint8)
    for mask, centre in zip(masks, centres, strict=True):
        away = np.sqrt(sum((place - one) ** 2 for place, one in zip(places, centre, strict=True)))
        mask[(places[0] > 0.68) & (places[0] < 0.85) & (np.abs(places[1] - centre[1]) < 0.25)] = 2
        mask[away < generator.uniform(0.12, 0.2)] = 1
    ground = np.sqrt(sum((place - 0.5) ** 2 for place in places)) < 0.48
    bright = np.array([0.15, 0.9, 0.5])[masks] * (ground | (masks > 0))
    noisy = np.clip(bright + generator.normal(0, 0.03, masks.shape), 0, 1)
    return (2 * noisy - 1).astype(np.float32), masks
