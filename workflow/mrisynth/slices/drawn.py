"""Drawn slices for the outside: a picture of each, and all of them as the published stack with its labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from mrisynth.files import atomic
from mrisynth.slices.exchange import SYNTHETIC_LABELS, stack_name, write_labels
from mrisynth.slices.stacks import write_stack
from mrisynth.store import to_unit


def write_drawn(drawn: Iterable[tuple[int, int, np.ndarray]], folder: Path) -> None:
    """Write ``sample-{number}.png``, ``Generated{S}x{S}.nii.gz`` [W, H, C, N] in -1..1, and ``labels_syn.csv``.

    Args:
        drawn: one or more of (number of the sample, class number or below 0, image); images are uint8 [row, column] or
            [row, column, channel], row 0 at the top, and used one at a time.
        folder: receives the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape: tuple[int, ...] = ()
    paths, labels = [], []
    for number, label, image in drawn:
        shape = image.shape
        paths.append(folder / f"sample-{number:06d}.png")
        labels.append(label)
        with atomic(paths[-1]) as unfinished, unfinished.open("wb") as stream:
            Image.fromarray(image).save(stream, format="PNG")
    channels = shape[2] if len(shape) == 3 else 1
    written = (to_unit(np.asarray(Image.open(path))) for path in paths)
    stack = folder / stack_name(shape[0], kind="Generated")
    write_stack(written, stack, count=len(paths), size=shape[0], channels=channels)
    write_labels(folder / SYNTHETIC_LABELS, labels)
