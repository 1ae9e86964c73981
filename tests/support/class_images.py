"""Folders of small images of two classes that can be told apart: a bright disc, and a ring; grey or in colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("AD", "NC")
EDGE = 24
PAINTS = {"AD": (1.0, 0.3, 0.0), "NC": (0.0, 0.4, 1.0)}
"""How bright red, green and blue are in an image of a class in colour: discs are orange, rings are blue."""


def draw_class_image(path: Path, *, label: str, seed: int, colour: bool = False) -> Path:
    """Write a PNG of a disc (``AD``) or a ring (``NC``) whose place, size and brightness the seed draws."""
    generator = np.random.default_rng(seed)
    middle = (EDGE - 1) / 2 + generator.uniform(-1.5, 1.5, 2)
    rows, columns = np.mgrid[:EDGE, :EDGE]
    distance = np.hypot(rows - middle[0], columns - middle[1])
    radius, inner = generator.uniform(7, 9), 0.0 if label == CLASSES[0] else generator.uniform(4, 5)
    inside = np.clip(radius - distance, 0, 1) * np.clip(distance - inner + 1, 0, 1)
    inside = inside[..., None] * np.array(PAINTS[label]) if colour else inside
    values = inside * generator.uniform(150, 230) + generator.normal(0, 4, inside.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(path)
    return path


def write_class_folder(folder: Path, *, people: int, slices: int = 2, tested: int = 0, colour: bool = False) -> Path:
    """Write ``slices`` images of each of ``people`` persons of each class, and of ``tested`` more in a folder test.

    Without tested persons the classes lie in the folder itself, else in ``train`` and ``test``.
    """
    for number in range(people + tested):
        split = "" if not tested else "train" if number < people else "test"
        for label in CLASSES:
            person = 1000 + 2 * number + CLASSES.index(label)
            for position in range(slices):
                path = folder / split / label / f"{person:05d}_{70 + position}.png"
                draw_class_image(path, label=label, seed=100 * person + position, colour=colour)
    return folder
