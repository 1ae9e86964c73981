"""What the watch over a training left, for the page: grids of samples over time, and what it warned of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd

from mrisynth.files import atomic, read_table

_PAPER = 255
_GAP = 14  # pixels between two grids


@dataclass(frozen=True)
class HealthReport:
    """What the watches of a study warn of.

    Attributes:
        alarms: faults that stood at the end of a training.
        passed: faults that a training got over.
    """

    alarms: list[str]
    passed: list[str]


def grids_over_time(folders: Sequence[Path], path: str | Path, *, shown: int = 3) -> list[int]:
    """Stack grids of samples from the first to the last of a training and write them as one PNG.

    Args:
        folders: the watch folders of the chunks.
        path: the PNG; not written when there is no grid.
        shown: number of grids, evenly apart in their order.

    Returns:
        The training images that had been shown at each grid of the picture.
    """
    found = {int(re.sub(r"\D", "", grid.stem)): grid for folder in folders for grid in folder.glob("grid-*.png")}
    if not found:
        return []
    images = sorted(found)
    picked = sorted({images[round(place)] for place in np.linspace(0, len(images) - 1, shown)})
    pictures = [_pixels(found[number]) for number in picked]
    width = max(picture.shape[1] for picture in pictures)
    padded = [
        _padded(picture, below=0 if last else _GAP, right=width - picture.shape[1])
        for picture, last in zip(pictures, [*[False] * (len(pictures) - 1), True], strict=True)
    ]
    with atomic(path) as unfinished:
        matplotlib.image.imsave(unfinished, np.vstack(padded), cmap="gray", vmin=0, vmax=255, format="png")
    return picked


def health_report(watches: Mapping[str, Sequence[Path]]) -> HealthReport:
    """Return the warnings of all trainings in words, each fault of a model once.

    Args:
        watches: model -> watch folders of its chunks in order, each with ``health.tsv``.
    """
    report = HealthReport([], [])
    for model, folders in watches.items():
        if not folders:
            continue
        table = pd.concat([read_table(folder / "health.tsv", warning="string") for folder in folders])
        table = table.sort_values("images_seen", kind="stable", ignore_index=True)
        told = table[table["warning"].notna()]
        checks, end = table["images_seen"].nunique(), table["images_seen"].max()
        for fault, part in told.groupby(told["warning"].map(lambda words: words.split(":")[0]), sort=False):
            last = part.iloc[-1]
            count = f"{part['images_seen'].nunique()} of {checks} checks"
            if last["images_seen"] == end:
                report.alarms.append(f"{model}, at {end:,} images: {last['warning']} ({count}).")
            else:
                when = f"last at {last['images_seen']:,} of {end:,} images"
                report.passed.append(f"{model}: {fault} at {count}, {when}; the training got over it.")
    return report


def _padded(picture: np.ndarray, *, below: int, right: int) -> np.ndarray:
    margins = ((0, below), (0, right), *[(0, 0)] * (picture.ndim - 2))
    return np.pad(picture, margins, constant_values=_PAPER)


def _pixels(path: Path) -> np.ndarray:
    """Return a grid as uint8, [row, column] where it is grey and [row, column, channel] in colour."""
    return np.round(matplotlib.image.imread(path) * 255).astype(np.uint8)
