"""A small folder of 2D images per class, in the form of the ADNI teaching set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def draw_picture(path: Path, *, seed: int, shape: tuple[int, int] = (48, 64)) -> Path:
    """Write a grey picture of noise, its shape in rows and columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)
    Image.fromarray(values).save(path)
    return path


def write_teaching_set(folder: Path) -> Path:
    """Write twelve persons in train, six in test, three slices each, half of them AD."""
    for person in range(18):
        split, label = "train" if person < 12 else "test", "AD" if person % 2 else "NC"
        for number in (78, 79, 80):
            path = folder / split / label / f"{218000 + person}_{number}.jpeg"
            draw_picture(path, seed=person * 100 + number)
    return folder
