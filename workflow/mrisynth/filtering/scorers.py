"""The one interface of scorers: how well an image shows the mask that it was made for, structure by structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mrisynth.errors import MrisynthError


@dataclass(frozen=True)
class StructureScores:
    """What a scorer says of images.

    Attributes:
        iou: float64 [n, structures], overlap (intersection over union) of the structure found in the image with the
            one asked for, 0..1; 0 where it was asked for and not found, NaN where it was not asked for.
        confidence: float64 [n, structures], how sure the scorer is of what it found, 0..1; 0 where it found nothing,
            NaN where nothing was asked for.
    """

    iou: np.ndarray
    confidence: np.ndarray


class Scorer(Protocol):
    """Anything that finds structures in images.

    Attributes:
        name: as in the record of candidates.
        structures: names of the classes of the masks, class 1 first.
    """

    name: str
    structures: tuple[str, ...]

    def score(self, images: np.ndarray, asked: np.ndarray) -> StructureScores:
        """Return the scores of images.

        Args:
            images: float [n, ...] in [-1, 1]: [n, row, column] or [n, x, y, z].
            asked: the mask that each image was made for, whole numbers of the same shape, 0 = background, 1 = the
                first structure.

        Raises:
            MrisynthError: images and masks do not belong together, or the scorer is not made for them.
        """
        ...


def check_asked(images: np.ndarray, asked: np.ndarray, structures: Sequence[str]) -> None:
    """Check that images [n, ...] and masks belong together and to the structures.

    Raises:
        MrisynthError: they do not.
    """
    if images.shape != asked.shape or images.ndim not in (3, 4):
        raise MrisynthError(
            f"Found images {images.shape} and masks {asked.shape}; expected both [n, row, column] or [n, x, y, z]."
        )
    if images.size and not (asked.min() >= 0 and asked.max() <= len(structures)):
        raise MrisynthError(
            f"The masks have values from {asked.min()} to {asked.max()}; expected 0 for the background and 1 to "
            f"{len(structures)} for {', '.join(structures)}."
        )


def overlap(found: np.ndarray, asked: np.ndarray) -> float:
    """Return the intersection over the union of two masks, bool; NaN where nothing was asked for."""
    if not asked.any():
        return np.nan
    return float((found & asked).sum() / (found | asked).sum())


def overlaps(found: np.ndarray, asked: np.ndarray, *, structures: int) -> np.ndarray:
    """Return :func:`overlap` of every structure of label maps [n, ...], float64 [n, structures]."""
    return np.array(
        [
            [overlap(one == number, other == number) for number in range(1, structures + 1)]
            for one, other in zip(found, asked, strict=True)
        ]
    ).reshape(len(found), structures)


def mean_inside(values: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean of values inside a mask, 0 where it is empty."""
    return float(values[mask].mean()) if mask.any() else 0.0
