"""Packed arrays on disk, opened without pickle and without believing what a header says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrisynth.errors import MrisynthError


def open_array(path: str | Path) -> np.ndarray:
    """Map a ``.npy`` file into memory; nothing of it is read yet, and nothing in it is run.

    Raises:
        MrisynthError: the file is missing, holds Python objects, or is no whole array (its header promises more bytes
            than there are).
    """
    path = Path(path)
    if not path.is_file():
        raise MrisynthError(f"{path} is not there; run the job that writes it.")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, OverflowError, MemoryError, SyntaxError) as error:
        raise MrisynthError(
            f"{path} is no plain array of numbers, or is cut short ({error}); nothing of it was run. Delete it and run "
            "again."
        ) from error
    if not isinstance(array, np.ndarray):
        raise MrisynthError(f"{path} is an archive, expected one array (.npy); delete it and run again.")
    return array
