"""Three classes of brightness inside a mask, by Atropos of ANTs (Avants et al. 2011)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from mrisynth.errors import ScanError
from mrisynth.imaging.ants_bridge import ants, ants_seed

CLASSES = 3

_SMOOTHNESS = 0.1  # weight of the neighbours
_ITERATIONS = 10
_FEWEST_GREYS = 16  # in a brain; Atropos needs enough of them to start its classes


def class_probabilities(
    image: np.ndarray, inside: np.ndarray, *, priors: np.ndarray | None, prior_weight: float, seed: int
) -> np.ndarray:
    """Return the probability of each class in every voxel, 0 outside.

    One thread and the seed make the result the same bit for bit.

    Args:
        image: greys [...], two or three axes, about 0..255.
        inside: bool, the same shape.
        priors: float [3, ...], 0..1, whose order that of the classes is. None: they start from brightness, dark first.
        prior_weight: 0..1, how much priors count.
        seed: of the start without priors.

    Returns:
        float32 [3, ...].

    Raises:
        ScanError: ``no_tissues``, three classes cannot be told apart.
    """
    grey = np.ascontiguousarray(image, dtype=np.float32)
    if len(np.unique(grey[inside])) < _FEWEST_GREYS:
        raise ScanError("no_tissues", f"The brain has fewer than {_FEWEST_GREYS} greys; no tissues can be told apart.")
    start = f"Kmeans[{CLASSES}]"
    if priors is not None:
        start = [ants.from_numpy(np.ascontiguousarray(prior, dtype=np.float32)) for prior in priors]
    try:
        with ants_seed(seed), _files_that_go():
            found = ants.atropos(
                a=ants.from_numpy(grey), x=ants.from_numpy(inside.astype(np.float32)), i=start,
                m=f"[{_SMOOTHNESS},{'x'.join('1' * grey.ndim)}]", c=f"[{_ITERATIONS},0]",
                priorweight=prior_weight if priors is not None else 0.0,
            )  # fmt: skip
    except Exception as error:  # antspyx has no kind of its own
        if "Atropos exited" not in str(error):
            raise
        raise ScanError("no_tissues", f"Atropos found no three tissues: {error}") from error
    return np.stack([part.numpy() for part in found["probabilityimages"]])


@contextmanager
def _files_that_go() -> Iterator[None]:
    """Remove what antspyx leaves of every call, an image a class among the temporary files."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="mrisynth-atropos-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
