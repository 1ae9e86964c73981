"""One case of a data set: an image with its label map on the same grid, checked before anything is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mrisynth.errors import MrisynthError

_NEAR_MM = 1e-3


@dataclass(frozen=True, kw_only=True)
class Case:
    """An image to train on or to predict.

    Attributes:
        name: letters, digits, ``-`` and ``_``; another one for each case of its kind.
        participant_id: whose it is; of a synthetic one, whose mask it was made from, empty for nobody's.
        image: float [x, y, z], or [row, column] of a slice.
        affine: [4, 4], index to world mm; of a slice its third column is how thick the slice is and where to.
        labels: of the same shape, whole numbers; None where they are unknown.
        labels_affine: where it is known on its own, to be held against that of the image.
        synthetic: whether a model made it; its files then begin with ``synthetic_``, those of others with ``real_``.
        volume: of a slice, what it is cut from: slices of one volume are scored together. Empty for a volume.
        position: of a slice in its volume, in slices; its neighbours have the next numbers.
    """

    name: str
    participant_id: str
    image: np.ndarray
    affine: np.ndarray
    labels: np.ndarray | None = None
    labels_affine: np.ndarray | None = None
    synthetic: bool = False
    volume: str = ""
    position: int = 0

    @property
    def file_name(self) -> str:
        """Return how the names of its files begin."""
        return f"{'synthetic' if self.synthetic else 'real'}_{self.name}"


def slice_affine(*, pixel_mm: float, thickness_mm: float | None = None) -> np.ndarray:
    """Return an affine [4, 4] for slices whose place in space is not known, from the first pixel on.

    Args:
        pixel_mm: edge of a pixel.
        thickness_mm: distance from slice to slice of the volume; None for that of a cubic grid.
    """
    return np.diag([pixel_mm, pixel_mm, thickness_mm or pixel_mm, 1.0])


def spacing_mm(affine: np.ndarray) -> np.ndarray:
    """Return the edges of a voxel, float64 [3]."""
    return np.linalg.norm(np.asarray(affine, dtype=np.float64)[:3, :3], axis=0)


def check_case(case: Case, *, labelled: bool) -> None:
    """Refuse a case that nnU-Net would read wrong.

    Args:
        case: to be written.
        labelled: whether it needs a label map.

    Raises:
        MrisynthError: says what of which case is wrong, and what to do.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", case.name):
        raise MrisynthError(f"Found a case named {case.name!r}; expected letters, digits, '-' and '_'.")
    name = case.file_name
    if not case.participant_id and not case.synthetic:
        raise MrisynthError(f"The real case {name} has no participant; without one a split could cut a person.")
    if case.image.ndim not in (2, 3) or min(case.image.shape) < 2 or not np.isfinite(case.image).all():
        raise MrisynthError(
            f"The image of {name} has the shape {case.image.shape}, or values that are not finite; expected finite "
            "numbers [x, y, z] or [row, column], two or more along each axis."
        )
    _check_affine(case, name)
    if case.labels is None:
        if labelled:
            raise MrisynthError(f"The case {name} has no label map; training needs one.")
        return
    if case.labels.shape != case.image.shape:
        raise MrisynthError(
            f"The label map of {name} has the shape {case.labels.shape}, its image {case.image.shape}; bring it to the "
            "grid of the image by nearest neighbours."
        )
    apart = 0.0 if case.labels_affine is None else float(np.abs(case.labels_affine - case.affine).max())
    if not apart <= _NEAR_MM:
        raise MrisynthError(
            f"The affines of the image and of the label map of {name} differ by up to {apart:.3g} mm; bring the map to "
            "the grid of the image by nearest neighbours."
        )


def _check_affine(case: Case, name: str) -> None:
    affine = np.asarray(case.affine, dtype=np.float64)
    edges = spacing_mm(affine) if affine.shape == (4, 4) else np.zeros(3)
    if not (np.isfinite(affine).all() and (edges > 0).all()):
        raise MrisynthError(
            f"The affine of {name} is {affine.tolist()}; expected [4, 4] with three axes of some length."
        )
    axes = affine[:3, :3] / edges
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
        raise MrisynthError(
            f"The axes of the grid of {name} are not at right angles, which nnU-Net takes them for; resample it first."
        )
    if case.image.ndim == 2 and edges[2] < edges[:2].max() * (1 - 1e-6):
        raise MrisynthError(
            f"The slice {name} is {edges[2]:.4g} mm thick with pixels of {edges[0]:.4g} x {edges[1]:.4g} mm, but "
            "nnU-Net takes the longest edge for the way from slice to slice; cut slices across the longest edge, or "
            "resample to equal ones."
        )
