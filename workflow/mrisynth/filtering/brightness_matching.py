"""Images of one domain with the brightness of another: what a scorer can be expected to find in the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError

_QUANTILES = np.linspace(0.0, 1.0, 65)
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
    def between(cls, images: np.ndarray, others: np.ndarray) -> BrightnessCurve:
        """Return the curve from images to others, both uint8 [n, ...] of 0..255.

        Raises:
            MrisynthError: there are no images, or nothing in them is above the background.
        """
        found = []
        for part in (images, others):
            values = np.asarray(part)
            values = values[values > _BACKGROUND]
            if not values.size:
                raise MrisynthError(
                    "There is nothing above the background in the images whose brightness is to be matched; take more "
                    "of them, or thresholds: published."
                )
            found.append(np.concatenate([[0.0], np.quantile(values, _QUANTILES)]))
        return cls(*found)

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return uint8 images of the same shape with the other brightness."""
        table = np.interp(np.arange(256), self.known, self.become)
        return np.rint(table).astype(np.uint8)[images]
