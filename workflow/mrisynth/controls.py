"""Controls: sets of volumes that are known to be bad, each in its own way; scores must notice every one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError
from mrisynth.seeds import numpy_generator

KEPT_BY_DUPLICATION = 5
"""How many different scans the set of duplicates holds."""

_BLUR_SHARE = 1 / 32
"""Standard deviation of the blur, as a share of the edge: 7 mm in a field of 224 mm."""


def noise_volumes(count: int, *, size: int, seed: int) -> np.ndarray:
    """Return uint8 [count, size, size, size] of uniform noise; volume k depends on (seed, size, k) alone."""
    return np.stack(
        [
            numpy_generator(seed, "noise", size, index).integers(0, 256, (size, size, size), dtype=np.uint8)
            for index in range(count)
        ]
    )


def blurred_volumes(scans: np.ndarray) -> np.ndarray:
    """Return scans uint8 [n, s, s, s] blurred by a Gaussian of s / 32 voxels: brains without folds."""
    sigma = scans.shape[1] * _BLUR_SHARE
    return np.stack([_packed(ndimage.gaussian_filter(scan.astype(np.float32), sigma)) for scan in scans])


def shuffled_volumes(scans: np.ndarray, *, seed: int) -> np.ndarray:
    """Return scans uint8 [n, x, y, z] with the axial slices (along z) of each in another order."""
    return np.stack(
        [
            scan[:, :, numpy_generator(seed, "shuffled slices", scan.shape[2], row).permutation(scan.shape[2])]
            for row, scan in enumerate(scans)
        ]
    )


def duplicated_volumes(scans: np.ndarray, *, seed: int) -> np.ndarray:
    """Return as many volumes as scans [n, ...], each one of five scans: perfect brains, hardly any variety.

    Each of the five stands in the set equally often, but for rounding.
    """
    kept = numpy_generator(seed, "duplicated", len(scans)).permutation(len(scans))[:KEPT_BY_DUPLICATION]
    return np.stack([scans[kept[row % len(kept)]] for row in range(len(scans))])


CONTROLS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "noise": lambda scans, seed: noise_volumes(len(scans), size=scans.shape[1], seed=seed),
    "blurred": lambda scans, seed: blurred_volumes(scans),
    "shuffled": lambda scans, seed: shuffled_volumes(scans, seed=seed),
    "duplicated": lambda scans, seed: duplicated_volumes(scans, seed=seed),
}
"""Name of a control -> what makes it of real scans uint8 [n, s, s, s] and the study's seed."""


def control_volumes(name: str, scans: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """Return ``count`` volumes of a control, made of the first real scans; uint8 [count, s, s, s].

    Where there are fewer scans than ``count``, there are only as many volumes.

    Raises:
        MrisynthError: the control is unknown, or there are no scans.
    """
    if name not in CONTROLS:
        raise MrisynthError(f"The control {name!r} is unknown, expected one of: {', '.join(CONTROLS)}.")
    if not len(scans):
        raise MrisynthError("There are no real scans to make controls of; the training split is empty.")
    return CONTROLS[name](np.asarray(scans[:count]), seed)


def _packed(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
