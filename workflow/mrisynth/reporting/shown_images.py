"""The real images that a page shows beside samples: those of the test split, where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mrisynth.reporting.volumes import Volumes
from mrisynth.slices.slice_set import open_slices
from mrisynth.store import open_pyramid

_SPLITS = ("test", "train")
_WORDS = {"test": "real test", "train": "real training"}


def shown_volumes(pyramid: Path, size: int, splits: Mapping[str, str], *, most: int) -> tuple[str, Volumes]:
    """Return words for the volumes and the first of them.

    Args:
        pyramid: folder of the packed volumes.
        size: voxels a side.
        splits: scan -> its split.
        most: how many at most.
    """
    packed = open_pyramid(pyramid, size)
    for split in _SPLITS:
        names = [scan for scan in packed.scans if splits.get(scan) == split][:most]
        if names:
            return f"{_WORDS[split]} scans", [packed.images[row] for row in packed.rows(names)]
    return "real scans", packed.images[:most]


def shown_slices(folder: Path, size: int, *, most: int) -> tuple[str, Volumes]:
    """Return words for the slices and the first of them, one of each participant in turn.

    Args:
        folder: of the packed slices.
        size: pixels a side.
        most: how many at most.
    """
    slices = open_slices(folder, size)
    for split in _SPLITS:
        rows = slices.rows(split=split)
        if len(rows):
            people = slices.index.set_index("row").loc[rows, "participant_id"].astype(str)
            shown = in_turn(rows.tolist(), people.tolist())[:most]
            return f"{_WORDS[split]} slices", [slices.images[row] for row in shown]
    return "real slices", slices.images[:most]


def in_turn(rows: Sequence[int], people: Sequence[str]) -> list[int]:
    """Return the rows person by person in turn, and from one person to the next another of their slices."""
    mine: dict[str, list[int]] = {}
    for row, person in zip(rows, people, strict=True):
        mine.setdefault(person, []).append(row)
    turned = [own[number % len(own) :] + own[: number % len(own)] for number, own in enumerate(mine.values())]
    return [own[turn] for turn in range(max(map(len, turned))) for own in turned if turn < len(own)]
