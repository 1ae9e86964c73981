"""Scores of what the networks of several arms predict of the same held-out volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.metrics.overlap import BothEmpty
from mrisynth.metrics.segmentation import SegmentationTables, segmentation_tables, volume_scores
from mrisynth.segmentation.cases import spacing_mm
from mrisynth.segmentation.layout import CASES, ENDING, STRUCTURES

_NEAR_MM = 1e-3


@dataclass(frozen=True)
class _Pair:
    """A volume as predicted and as true, [x, y, z] or [row, column], and the edges of its voxels."""

    predicted: np.ndarray
    true: np.ndarray
    spacing_mm: np.ndarray


def score_arms(
    predictions: Mapping[str, Path],
    truth: Path,
    *,
    tolerance_mm: float,
    both_empty: BothEmpty = "agree",
    seed: int,
    replicates: int = 1000,
) -> SegmentationTables:
    """Return scores by volume, means of every arm and paired differences of every two arms.

    Slices of one volume are put together and scored as a volume, as a structure is in few of them. They must then be
    evenly spaced; a volume of which there is one slice is scored as a slice, with distances in its plane.

    Args:
        predictions: arm -> folder with a label map of every test case.
        truth: folder of the data set whose test cases were predicted (``cases.tsv``, ``structures.tsv``, ``labelsTs``);
            arms may have been trained on others, with the same structures in the same order.
        tolerance_mm: of the surface Dice; the edge of a voxel is as fine as it can tell.
        both_empty: what a structure counts that is in neither map of a volume.
        seed: the study's seed.
        replicates: draws of the participants behind each interval.

    Raises:
        MrisynthError: a label map is missing or on another grid, slices are uneven, or nothing is to be scored.
    """
    found = []
    for arm, folder in predictions.items():
        table = score_predictions(folder, truth, tolerance_mm=tolerance_mm, both_empty=both_empty)
        table.insert(0, "arm", arm)
        found.append(table)
    if not found:
        raise MrisynthError("No arm was given to score; expected one folder of predictions or more.")
    return segmentation_tables(pd.concat(found, ignore_index=True), seed=seed, replicates=replicates)


def score_predictions(
    predicted: Path, truth: Path, *, tolerance_mm: float, both_empty: BothEmpty = "agree"
) -> pd.DataFrame:
    """Return the scores of one arm: ``volume``, ``participant_id`` and those of a volume, one row for each structure.

    Args:
        predicted: folder with a label map of every test case.
        truth: folder of the data set.
        tolerance_mm, both_empty: as for :func:`score_arms`.
    """
    cases = read_table(truth / CASES, case="string", volume="string")
    cases = cases[cases["set"] == "test"]
    if cases.empty:
        raise MrisynthError(f"{truth / CASES} names no test case; write the data set with held-out volumes.")
    numbers = read_table(truth / STRUCTURES, structure="string")
    structures = {row.structure: int(row.number) for row in numbers.itertuples() if row.number}
    tables = []
    for volume, part in cases.groupby("volume", sort=True):
        pair = _volume(part.sort_values("position"), predicted, truth / "labelsTs")
        strange = np.setdiff1d(pair.predicted, [0, *structures.values()])
        if strange.size:
            raise MrisynthError(
                f"{predicted}: the label map of {volume} holds the number {strange[0]}, which {truth / STRUCTURES} "
                "does not know; arms that are compared need the same structures."
            )
        scores = volume_scores(
            pair.predicted, pair.true, structures, spacing_mm=pair.spacing_mm, tolerance_mm=tolerance_mm,
            both_empty=both_empty,
        )  # fmt: skip
        people = part["participant_id"].fillna("").unique()
        if len(people) > 1:
            raise MrisynthError(f"{truth / CASES}: volume {volume} is of several participants: {', '.join(people)}.")
        scores.insert(0, "volume", volume)
        scores.insert(1, "participant_id", people[0] or volume)
        tables.append(scores)
    return pd.concat(tables, ignore_index=True)


def _volume(cases: pd.DataFrame, predicted: Path, true: Path) -> _Pair:
    pairs = list(_pairs(cases["case"], predicted, true))
    if (cases["dimensions"] == 3).all():
        return pairs[0]
    edges = pairs[0].spacing_mm
    if len(pairs) == 1:
        return _Pair(pairs[0].predicted[..., 0], pairs[0].true[..., 0], edges[:2])
    steps = np.unique(np.diff(cases["position"].to_numpy(int)))
    if len(steps) != 1 or steps[0] < 1:
        raise MrisynthError(
            f"The slices of volume {cases['volume'].iloc[0]} are at the positions "
            f"{cases['position'].tolist()}; expected evenly spaced ones, each once, to score them as a volume."
        )
    stacked = (np.concatenate([getattr(pair, name) for pair in pairs], axis=2) for name in ("predicted", "true"))
    return _Pair(*stacked, edges * np.array([1.0, 1.0, float(steps[0])]))


def _pairs(names: pd.Series, predicted: Path, true: Path) -> Iterator[_Pair]:
    for name in names:
        paths = [folder / f"{name}{ENDING}" for folder in (predicted, true)]
        missing = [str(path) for path in paths if not path.is_file()]
        if missing:
            raise MrisynthError(f"{missing[0]} is not there; predict every test case, and write its true label map.")
        one, other = (nib.load(path) for path in paths)
        if one.shape != other.shape or np.abs(one.affine - other.affine).max() > _NEAR_MM:
            raise MrisynthError(
                f"{paths[0]} has the grid {one.shape} and {paths[1]} {other.shape}, or their affines differ; predict "
                "the images of this very data set."
            )
        arrays = [np.asarray(image.dataobj).astype(np.int32) for image in (one, other)]
        yield _Pair(*arrays, spacing_mm(other.affine))
