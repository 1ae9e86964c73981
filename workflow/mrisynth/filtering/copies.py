"""Whether a candidate is a copy of a training image: nearer to one than held-out real images ever come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.metrics.copies import copy_limit
from mrisynth.metrics.nearest import distances
from mrisynth.store import overlap_weights

COMPARED_EDGE = 32
"""Images are compared at this edge at most: what tells people apart is there."""

_TOGETHER = 256


@dataclass(frozen=True)
class Nearest:
    """The closest training image of each of n images.

    Attributes:
        row: int [n], which one.
        similarity: float64 [n], correlation of what both have beyond the mean training image, -1 to 1.
    """

    row: np.ndarray
    similarity: np.ndarray


@dataclass(frozen=True, kw_only=True)
class CopyCheck:
    """Training images, ready to be compared with, and the similarity that only a copy reaches.

    Volumes are compared better by :mod:`mrisynth.metrics.brain_match`, which also seeks shifts; this one takes slices
    as well and is quick enough for every candidate.

    Attributes:
        middle: float64 [d], the mean training image.
        training: float64 [n, d], the rest of each, of length 1.
        limit: similarity above which a candidate counts as a copy; infinite where none does.
        mirrored_axis: axis of an image along which mirror images are compared, too; None for none.
    """

    middle: np.ndarray
    training: np.ndarray
    limit: float
    mirrored_axis: int | None

    @classmethod
    def of_real(
        cls,
        training: np.ndarray,
        held_out: np.ndarray,
        *,
        participants: Sequence[str],
        mirrored_axis: int | None = None,
    ) -> CopyCheck:
        """Return the check, its limit set so that about one held-out image in a hundred would count as a copy.

        Slices of one position belong together: the closest training image of a slice is of its position anyway, and
        fewer are then compared with.

        Args:
            training: float [n, ...] that the generator was trained on, or uint8.
            held_out: [m, ...] likewise, real images of other people.
            participants: of each held-out image.
            mirrored_axis: left-right axis of an image (columns of a coronal slice: 1, x of a volume: 0), where the
                training mirrors images.

        Raises:
            MrisynthError: fewer than two training images, or too few held-out participants
                (:func:`mrisynth.metrics.copies.copy_limit`).
        """
        if len(training) < 2 or training.shape[1:] != held_out.shape[1:]:
            raise MrisynthError(
                f"Found training images {training.shape} and held-out ones {held_out.shape}; copies are sought among 2 "
                "training images or more, of one size."
            )
        check = cls.without_limit(training, mirrored_axis=mirrored_axis)
        strangers = check.nearest(held_out).similarity
        return replace(check, limit=copy_limit(strangers, participants=participants))

    @classmethod
    def without_limit(cls, training: np.ndarray, *, mirrored_axis: int | None = None) -> CopyCheck:
        """Return a check that finds the closest training image and calls none a copy; arguments as :meth:`of_real`."""
        small = _small(training)
        middle = small.mean(axis=0)
        return cls(
            middle=middle, training=_of_length_one(small - middle), limit=np.inf, mirrored_axis=mirrored_axis
        )  # fmt: skip

    def nearest(self, images: np.ndarray) -> Nearest:
        """Return the closest training image of each image [n, ...]."""
        found = [self._nearest(images[start : start + _TOGETHER]) for start in range(0, len(images), _TOGETHER)]
        if not found:
            return Nearest(np.empty(0, dtype=np.int64), np.empty(0))
        return Nearest(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def faults(self, nearest: Nearest) -> list[str]:
        """Return for each image in words whether it is a copy, empty where it is none."""
        return [
            f"copy of a training image: similarity {value:.3f}, above {self.limit:.3f}" if value > self.limit else ""
            for value in nearest.similarity
        ]

    def _nearest(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        views = [images] if self.mirrored_axis is None else [images, np.flip(images, axis=1 + self.mirrored_axis)]
        # of rows of length 1, d^2 = 2 - 2 r
        similar = np.max(
            [1.0 - distances(_of_length_one(_small(view) - self.middle), self.training) ** 2 / 2.0 for view in views],
            axis=0,
        )
        row = similar.argmax(axis=1)
        return row, similar[np.arange(len(row)), row]


def _small(images: np.ndarray) -> np.ndarray:
    """Return images [n, ...] averaged onto few voxels, float64 [n, d]; memory holds a few whole ones at a time."""
    starts = range(0, max(len(images), 1), _TOGETHER)
    return np.concatenate([_averaged(images[start : start + _TOGETHER]) for start in starts])


def _averaged(images: np.ndarray) -> np.ndarray:
    small = np.asarray(images, dtype=np.float64)
    for axis in range(1, images.ndim):
        edge = images.shape[axis]
        if edge > COMPARED_EDGE:
            weights = overlap_weights(edge, COMPARED_EDGE).astype(np.float64)
            small = np.moveaxis(np.tensordot(small, weights, axes=([axis], [1])), -1, axis)
    return small.reshape(len(images), -1)


def _of_length_one(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
