"""Digits with known thickness, intensity and slant: small images whose covariates can be measured in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.datasets import load_digits

from mrisynth.cohorts.thinning import centre_lines
from mrisynth.covariates.structural import COLUMNS, draw_causes
from mrisynth.seeds import numpy_generator

SIZE = 32
_FINE = 4
"""Points a pixel, each way, of the grid on which strokes are drawn."""
_HEIGHT = 16.0
_MARGIN = 1.0
"""Height of a digit's lines in pixels, and the edge that stays free: digits too wide for it are smaller."""
_INK = 0.45


def make_digits(count: int, *, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Draw digits after the 8 x 8 ones bundled with scikit-learn, with covariates of their own.

    A digit is reduced to its centre lines, brought upright (by its moments), sheared by the slant, and drawn with
    strokes of the thickness in the intensity. Image k depends only on (seed, k).

    Returns:
        uint8 [count, 32, 32], and a table with a row an image: ``digit`` (0 to 9), ``drawing`` (which of the bundled
        digits it follows; split by it, as by participants), and ``thickness`` (pixels), ``intensity`` (grey values of
        255) and ``slant`` (degrees to the right) by :func:`~mrisynth.covariates.structural.draw_causes`.
    """
    bundled = load_digits()
    generators = [numpy_generator(seed, "digits", number) for number in range(count)]
    drawings = [int(generator.integers(len(bundled.images))) for generator in generators]
    used, which = np.unique(np.array(drawings, dtype=np.int64), return_inverse=True)
    upright = [_upright(line) for line in centre_lines(_enlarged(bundled.images[used]))]
    images, rows = np.zeros((count, SIZE, SIZE), dtype=np.uint8), []
    for number, (generator, drawing) in enumerate(zip(generators, drawings, strict=True)):
        causes = draw_causes(1, generator)[0]
        images[number] = _drawn(upright[which[number]], *causes)
        causes_by_name = dict(zip(COLUMNS, map(float, causes), strict=True))
        rows.append({"digit": int(bundled.target[drawing]), "drawing": drawing} | causes_by_name)
    return images, pd.DataFrame(rows, columns=["digit", "drawing", *COLUMNS])


def measure_digits(images: np.ndarray) -> pd.DataFrame:
    """Measure thickness, intensity and slant of digits in their pixels alone.

    Intensity is the mean of the brightest twelfth of the pixels above half of the maximum. Thickness is twice the mean
    depth of the ridges of a digit cut at half its intensity, after four-fold linear enlargement. Slant is
    the arc tangent of the ratio of the moments mu_xy and mu_yy. An image without ink has NaN.

    Args:
        images: [n, rows, columns], 0 to 255, any real type.

    Returns:
        Columns of :data:`~mrisynth.covariates.structural.COLUMNS`, a row an image, in its units.
    """
    rows = [_measured(np.clip(np.asarray(image, dtype=np.float64), 0.0, 255.0)) for image in images]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=np.float64)


def _enlarged(images: np.ndarray) -> np.ndarray:
    """Return bool [n, rows, columns], digits of 8 x 8 grey values enlarged smoothly eight-fold and cut."""
    padded = np.pad(images / images.max(axis=(1, 2), keepdims=True), ((0, 0), (1, 1), (1, 1)))
    along = ndimage.zoom(np.eye(padded.shape[1]), (8, 1), order=3, mode="grid-constant", grid_mode=True)
    return along @ padded @ along.T > _INK


def _upright(line: np.ndarray) -> np.ndarray:
    """Return points [p, 2] (down, right) of a centre line: centred, of height one, its slant taken away."""
    points = np.argwhere(line).astype(np.float64)
    points -= points.mean(axis=0)
    down, right = points.T
    right = right - down * (down @ right) / max(down @ down, 1e-9)
    points = np.stack([down, right], axis=1)
    return (points - (points.max(axis=0) + points.min(axis=0)) / 2) / max(np.ptp(down), 1.0)


def _drawn(points: np.ndarray, thickness: float, intensity: float, slant: float) -> np.ndarray:
    """Return uint8 [32, 32] of an upright centre line of height one."""
    sheared = points.copy()
    sheared[:, 1] -= np.tan(np.radians(slant)) * points[:, 0]
    sheared[:, 1] -= (sheared[:, 1].max() + sheared[:, 1].min()) / 2
    room = SIZE - 2 * _MARGIN - thickness
    scale = min(_HEIGHT, room / max(np.ptp(sheared[:, 1]), 1e-9))
    side = SIZE * _FINE
    empty = np.ones((side, side), dtype=bool)
    places = np.rint(sheared * scale * _FINE + (side - 1) / 2).astype(int)
    places = places[((places >= 0) & (places < side)).all(axis=1)]
    empty[places[:, 0], places[:, 1]] = False
    away = ndimage.distance_transform_edt(empty)
    cover = np.clip(thickness * _FINE / 2 - away + 0.5, 0.0, 1.0)
    grey = intensity * cover.reshape(SIZE, _FINE, SIZE, _FINE).mean(axis=(1, 3))
    return np.rint(grey).astype(np.uint8)


def _measured(image: np.ndarray) -> tuple[float, float, float]:
    if image.max() <= 0:
        return float("nan"), float("nan"), float("nan")
    ink = np.sort(image[image > image.max() / 2])
    intensity = float(ink[-max(len(ink) // 12, 1) :].mean())
    fine = ndimage.zoom(np.pad(image, 1), 4, order=1, mode="grid-constant", grid_mode=True)
    depth = ndimage.distance_transform_edt(fine > intensity / 2)
    ridge = (depth >= ndimage.maximum_filter(depth, size=5)) & (depth > 0)
    thickness = (2 * float(depth[ridge].mean()) - 1) / 4  # depth is counted to half a point beyond the edge
    down, right = np.indices(image.shape)
    down, right = (axis - (axis * image).sum() / image.sum() for axis in (down, right))
    return thickness, intensity, float(np.degrees(np.arctan2(-(down * right * image).sum(), (down**2 * image).sum())))
