"""What a picture of predictions shows: some test volumes from worst to best, one slice of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.files import read_table
from mrisynth.planes import drawn_slice
from mrisynth.segmentation.layout import CASES, ENDING, STRUCTURES


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One slice of a test volume.

    Attributes:
        image: float [row, column].
        maps: ``truth`` and each arm -> whole numbers of the same shape.
        dice: arm -> mean over the structures of the volume.
    """

    image: np.ndarray
    maps: Mapping[str, np.ndarray]
    dice: Mapping[str, float]


def shown_predictions(
    volumes: pd.DataFrame, predictions: Mapping[str, Path], truth: Path, *, count: int
) -> tuple[list[Shown], list[str]]:
    """Return test volumes evenly from the worst to the best by their mean Dice of all arms, and the structures.

    Of each volume the slice is taken that truth fills most, of volumes in 3D an axial one.

    Args:
        volumes: of :class:`mrisynth.metrics.segmentation.SegmentationTables`.
        predictions: arm -> folder with a label map of every test case.
        truth: of :func:`mrisynth.segmentation.nnunet_dataset.write_test_set`.
        count: at most so many.
    """
    cases = read_table(truth / CASES, case="string", volume="string")
    known = read_table(truth / STRUCTURES, structure="string")
    means = volumes.assign(volume=volumes["volume"].astype(str)).pivot_table(
        index="volume", columns="arm", values="dice", aggfunc="mean", sort=False
    )
    order = means.mean(axis=1).sort_values(kind="stable").index
    chosen = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    found = []
    for name in order[chosen]:
        folders = {"truth": truth / "labelsTs", **predictions}
        case, at = _fullest(cases[cases["volume"] == name], folders["truth"])
        maps = {key: _slice(folder / f"{case}{ENDING}", at).astype(np.int32) for key, folder in folders.items()}
        image = _slice(truth / "imagesTs" / f"{case}_0000{ENDING}", at)
        found.append(Shown(image=image, maps=maps, dice=means.loc[name].to_dict()))
    return found, known.loc[known["number"] > 0, "structure"].astype(str).tolist()


def _fullest(cases: pd.DataFrame, labels: Path) -> tuple[str, int]:
    """Return the case and the slice along its third axis in which most is of a structure."""
    best, most = (str(cases["case"].iloc[0]), 0), -1
    for case in cases["case"]:
        filled = (np.asarray(nib.load(labels / f"{case}{ENDING}").dataobj) > 0).sum(axis=(0, 1))
        if filled.max() > most:
            best, most = (str(case), int(filled.argmax())), int(filled.max())
    return best


def _slice(path: Path, at: int) -> np.ndarray:
    """Return a slice as it is looked at: cut slices lie upright already."""
    volume = np.asarray(nib.load(path).dataobj)
    return volume[..., 0] if volume.shape[2] == 1 else drawn_slice(volume, "axial", at)
