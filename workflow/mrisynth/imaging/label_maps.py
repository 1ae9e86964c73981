"""Masks of few classes: from label maps of any numbering, on any grid, as channels or in one grey channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mrisynth.errors import MrisynthError


def class_map(labels: np.ndarray, classes: Mapping[str, Sequence[int]]) -> np.ndarray:
    """Return a label map with few classes: 0 is the background, 1 the first class and so on.

    Args:
        labels: whole numbers of any shape and type, in the numbering that the classes are of.
        classes: name -> its labels, of :func:`mrisynth.label_classes.label_classes`; other labels are background.

    Returns:
        uint8 of the same shape.

    Raises:
        MrisynthError: the labels are not whole numbers.
    """
    found, places = np.unique(labels, return_inverse=True)
    if not np.array_equal(np.rint(found), found):
        raise MrisynthError("The label map holds values that are not whole numbers; map it by nearest neighbour.")
    table = np.zeros(len(found), dtype=np.uint8)
    for number, members in enumerate(classes.values(), start=1):
        table[np.isin(found, list(members))] = number
    return table[places].reshape(labels.shape)


def one_hot(mask: np.ndarray, *, classes: int) -> np.ndarray:
    """Return one channel a class, the background having none: float32 [classes, ...], 0 or 1.

    Args:
        mask: whole numbers [...] from 0 to ``classes``, 0 = background.
        classes: number of classes.

    Raises:
        MrisynthError: the mask has other classes.
    """
    _check(mask, classes)
    return (mask[None] == np.arange(1, classes + 1).reshape(-1, *[1] * mask.ndim)).astype(np.float32)


def grey_coded(mask: np.ndarray, *, weights: Sequence[float]) -> np.ndarray:
    """Return a mask in one channel, each class as a grey of its own: float32 [...], -1 (background) to 1.

    The published coding (Wu et al. 2025, MRGen: 0.3, 0.5, 0.4 and 0.6 for liver, right and left kidney and spleen, 1
    for a single organ): the weight w of a class becomes the grey 2 w - 1. Thin borders that lie between two classes
    cannot be told from a third class of a grey between theirs, which is why :func:`one_hot` is the better coding.

    Args:
        mask: whole numbers [...] from 0 to the number of weights, 0 = background.
        weights: of each class, above 0 and at most 1, all different.

    Raises:
        MrisynthError: a weight is out of range or stands twice, or the mask has other classes.
    """
    _check(mask, len(weights))
    if not all(0.0 < weight <= 1.0 for weight in weights) or len(set(weights)) < len(weights):
        raise MrisynthError(f"The grey weights are {list(weights)}; expected different numbers above 0 and at most 1.")
    greys = 2.0 * np.array([0.0, *weights]) - 1.0
    return greys.astype(np.float32)[mask.astype(np.intp)]


def even_weights(classes: int) -> tuple[float, ...]:
    """Return grey weights of so many classes that are as far apart as can be: 1 for one, .5 and 1 for two."""
    return tuple((number + 1) / classes for number in range(classes))


def resampled_mask(mask: np.ndarray, *, shape: Sequence[int]) -> np.ndarray:
    """Return a mask over the same field on another grid, each new voxel with the label at its centre.

    Nothing is averaged, so that no label is made up between two others and none grows.

    Args:
        mask: labels [..., *axes], the last axes being those of ``shape``.
        shape: edges of the new grid in voxels.

    Returns:
        The same type, [..., *shape].
    """
    first = mask.ndim - len(shape)
    for axis, length in enumerate(shape, start=first):
        old = mask.shape[axis]
        if old != length:
            mask = np.take(mask, (2 * np.arange(length) + 1) * old // (2 * length), axis=axis)
    return mask


def foreground_share(masks: np.ndarray) -> np.ndarray:
    """Return which share of each mask [n, ...] is not background, float64 [n], 0..1."""
    return (np.asarray(masks).reshape(len(masks), -1) > 0).mean(axis=1) if len(masks) else np.empty(0)


def _check(mask: np.ndarray, classes: int) -> None:
    if mask.size and not (mask.min() >= 0 and mask.max() <= classes):
        raise MrisynthError(
            f"The mask has values from {mask.min()} to {mask.max()}; expected 0 for the background and 1 to {classes} "
            "for the classes."
        )
