"""Samples to look at as a file of arrays: over two covariates, and at both ends of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mrisynth.files import atomic


@dataclass(frozen=True, kw_only=True)
class ControlViews:
    """What a model draws at some covariates; arrays that a file holds without pickle.

    Attributes:
        sources: names of the sources, [S].
        names: names of the covariates, [K].
        middle: where the others are held, [K]: the mean of a number, the commonest category.
        ends: of each, its 2 and 98 % quantiles, or its first and its last category, [2, K].
        heads: uint8 [2, K, n, row, column]: each covariate at its lower and its upper end, of the same n latents.
        grid: uint8 [S, steps down, steps across, row, column] of one latent; none without two covariates.
        grid_names: names of the covariate from left to right, and of that from the bottom to the top.
        grid_across: values of the first, [steps across].
        grid_down: values of the second, [steps down].
    """

    sources: np.ndarray
    names: np.ndarray
    middle: np.ndarray
    ends: np.ndarray
    heads: np.ndarray
    grid: np.ndarray
    grid_names: np.ndarray
    grid_across: np.ndarray
    grid_down: np.ndarray

    def save(self, path: Path) -> None:
        """Write the arrays as one ``.npz``."""
        with atomic(path) as unfinished, unfinished.open("wb") as stream:
            np.savez_compressed(stream, **asdict(self))


def load_views(path: Path) -> ControlViews:
    """Read what :meth:`ControlViews.save` wrote; nothing is unpickled."""
    with np.load(path, allow_pickle=False) as stored:
        return ControlViews(**{name: stored[name] for name in stored.files})
