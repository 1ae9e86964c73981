"""Images of one domain with the brightness of another, by one curve of greys and without any label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError

_QUANTILES = np.linspace(0.0, 1.0, 65)
_GREYS = 256
_BACKGROUND = 8  # of 255; up to that a voxel says nothing of a tissue


@dataclass(frozen=True)
class BrightnessCurve:
    """A curve that gives images of one domain the histogram of another, the order of greys staying as it is.

    It is one curve for all images, of all voxels of each domain above the background, so that people keep their
    differences. No label is needed. Where the order of tissues differs between the domains it cannot help.

    Attributes:
        known: greys 0..255 of the first domain, rising.
        become: what they become.
    """

    known: np.ndarray
    become: np.ndarray

    @classmethod
    def between(cls, images: Iterable[np.ndarray], others: Iterable[np.ndarray]) -> BrightnessCurve:
        """Return the curve from images to others.

        Args:
            images: uint8 of 0..255, of any shape, read one at a time.
            others: images of the other domain.

        Raises:
            MrisynthError: there are no images, or nothing in them is above the background.
        """
        return cls(_quantiles(images, whose="the images"), _quantiles(others, whose="those of the other domain"))

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return uint8 images of the same shape with the other brightness."""
        table = np.interp(np.arange(_GREYS), self.known, self.become)
        return np.rint(table).astype(np.uint8)[images]


def _quantiles(images: Iterable[np.ndarray], *, whose: str) -> np.ndarray:
    """Return 0 and the quantiles of what is above the background, float64 [1 + quantiles]."""
    counts = np.zeros(_GREYS, dtype=np.int64)
    for image in images:
        counts += np.bincount(np.asarray(image).ravel(), minlength=_GREYS)
    counts[: _BACKGROUND + 1] = 0
    below = np.cumsum(counts)
    if not below[-1]:
        raise MrisynthError(
            f"Brightness cannot be matched: in {whose} nothing is above the background; there are none, or they are "
            "black."
        )
    places = _QUANTILES * (below[-1] - 1)
    low, high = (np.searchsorted(below, whole(places), side="right") for whole in (np.floor, np.ceil))
    return np.concatenate([[0.0], low + (high - low) * (places % 1)])
