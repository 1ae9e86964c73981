"""A folder of drawn digits with their ``dataset.json``, two of each writer, one file of which is no image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrisynth.cohorts.digits import make_digits
from mrisynth.slices.dataset_json import write_dataset


def write_labelled_digits(folder: Path, *, count: int = 80) -> Path:
    """Write the folder and return it; labels: thickness, intensity, slant, digit (words) and writer."""
    images, drawn = make_digits(count, seed=5)
    known = drawn.assign(digit=[f"d{int(digit) % 3}" for digit in drawn["digit"]], writer=np.arange(count) // 2)
    write_dataset(folder, images, known)
    (folder / "00000/img00000003.png").write_bytes(b"no image")
    return folder
