"""The structural equations of digits: thickness moves intensity and slant, and these do not move one another."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

COLUMNS = ("thickness", "intensity", "slant")
"""In pixels of a 28 x 28 image, grey values of 255, and degrees to the right."""

THICKNESS_LEAST = 0.5
INTENSITY_RANGE = (64.0, 255.0)
SLANT_MOST = 56.0


def draw_causes(count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw thickness t, intensity i and slant s of images.

    t = 0.5 + Gamma(shape 10, rate 5); i = 191 expit(a + 2 t - 5) + 64, a ~ N(0, 0.5^2);
    s = 56 tanh(b + t - 2.5), b ~ N(0, 0.3^2).

    Returns:
        float64 [count, 3].
    """
    thickness = THICKNESS_LEAST + generator.gamma(10.0, 1 / 5.0, size=count)
    low, high = INTENSITY_RANGE
    intensity = low + (high - low) * expit(generator.normal(0.0, 0.5, count) + 2 * thickness - 5)
    slant = SLANT_MOST * np.tanh(generator.normal(0.0, 0.3, count) + thickness - 2.5)
    return np.stack([thickness, intensity, slant], axis=1)
