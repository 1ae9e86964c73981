"""Checks of candidates that look at no segmentation: brightness of each structure, and how much of a mask there is.

A check says for each candidate in words what is wrong, and nothing where nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.imaging.label_maps import foreground_share

SMALLEST_SHARE = 0.005
"""Masks with no more foreground than this were skipped as published (Wu et al. 2025)."""

SMALLEST = 10
"""Real images of a structure from which a range of its brightness is told."""

_FEWEST_VOXELS = 4


@dataclass(frozen=True, kw_only=True)
class BrightnessRange:
    """Between which values the median brightness of each structure lies in real images.

    Attributes:
        structures: their names, class 1 first.
        low, high: of each structure, -1..1; NaN where there were too few real images to tell.
        images: real images behind each.
    """

    structures: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    images: tuple[int, ...]

    @classmethod
    def of_real(
        cls,
        images: np.ndarray,
        masks: np.ndarray,
        structures: Sequence[str],
        *,
        percentile: float = 0.5,
        slack: float = 0.25,
    ) -> BrightnessRange:
        """Return the ranges of real images of one domain.

        That the median inside each structure must be one that real scans have is an idea of MAISI (Guo et al. 2025).

        Args:
            images: float [n, ...] in [-1, 1], of the domain that is made.
            masks: of the same shape, 0 = background; of a domain without annotations what a segmenter found.
            structures: names of the classes.
            percentile: of the medians of the real images, 0..50, at which the range ends on either side.
            slack: what is added to either side, as a share of the range; of few images the ends are known badly.

        Raises:
            MrisynthError: the percentile or the slack is out of range, or the arrays do not belong together.
        """
        if not (0.0 <= percentile < 50.0 and slack >= 0.0):
            raise MrisynthError(f"Found the percentile {percentile} and the slack {slack}; expected 0 to 50, and 0 up.")
        medians = brightness_medians(images, masks, structures=len(structures))
        counts = np.isfinite(medians).sum(axis=0)
        ends = np.full((2, len(structures)), np.nan)
        for column in np.flatnonzero(counts >= SMALLEST):
            known = medians[np.isfinite(medians[:, column]), column]
            ends[:, column] = np.percentile(known, (percentile, 100.0 - percentile))
        wider = slack * (ends[1] - ends[0])
        return cls(
            structures=tuple(structures), low=tuple(map(float, ends[0] - wider)),
            high=tuple(map(float, ends[1] + wider)), images=tuple(map(int, counts)),
        )  # fmt: skip

    def faults(self, medians: np.ndarray) -> list[str]:
        """Return for each candidate in words which structures are too dark or too bright, empty for none.

        Args:
            medians: [n, structures] of :func:`brightness_medians`; what is missing is not looked at.
        """
        return ["; ".join(self._faults(row)) for row in medians]

    def _faults(self, medians: np.ndarray) -> list[str]:
        return [
            f"{name} is too {'dark' if value < low else 'bright'}: median {value:.3f}, {low:.3f} to {high:.3f} in real "
            "images"
            for name, value, low, high in zip(self.structures, medians, self.low, self.high, strict=True)
            if value < low or value > high
        ]


def brightness_medians(images: np.ndarray, masks: np.ndarray, *, structures: int) -> np.ndarray:
    """Return the median of each image inside each structure, float64 [n, structures]; NaN where it has hardly a voxel.

    Args:
        images: float [n, ...].
        masks: of the same shape, whole numbers, 0 = background.
        structures: number of classes.

    Raises:
        MrisynthError: the shapes differ.
    """
    if images.shape != masks.shape:
        raise MrisynthError(f"Found images {images.shape} and masks {masks.shape}; expected the same shape.")
    medians = np.full((len(images), structures), np.nan)
    for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
        for number in range(1, structures + 1):
            inside = image[mask == number]
            if len(inside) >= _FEWEST_VOXELS:
                medians[row, number - 1] = np.median(inside)
    return medians


def coverage_faults(masks: np.ndarray, *, smallest: float = SMALLEST_SHARE) -> list[str]:
    """Return for each mask [n, ...] in words whether it has too little foreground, empty where it has enough.

    Args:
        masks: whole numbers, 0 = background.
        smallest: share of the foreground, 0..1; a mask must have more.
    """
    return [
        "" if share > smallest else f"the mask covers {100 * share:.2f} % of the image, {100 * smallest:.2f} % or less"
        for share in foreground_share(masks)
    ]


def together(*faults: Sequence[str]) -> list[str]:
    """Return the faults of several checks of the same candidates as one text each."""
    return ["; ".join(one for one in row if one) for row in zip(*faults, strict=True)]
