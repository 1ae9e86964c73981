"""Scores of segmentations: by volume, by arm with intervals over participants, and arm against arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.overlap import BothEmpty, dice
from mrisynth.metrics.pairs import UNDECIDED
from mrisynth.metrics.participant_draws import Drawn, ParticipantDraws
from mrisynth.metrics.surface import surface_scores

MEASURES: Mapping[str, tuple[str, bool]] = {
    "dice": ("share", True),
    "surface_dice": ("share", True),
    "hausdorff_95_mm": ("mae", False),
}
"""Measure -> the scale of its interval (:meth:`mrisynth.metrics.participant_draws.ParticipantDraws.estimate`), and
whether higher is better."""

ALL = "all"
"""The mean over the structures of a volume, beside the structures."""

VOLUMES = ["arm", "volume", "participant_id", "structure", *MEASURES, "true_voxels", "predicted_voxels"]
ARMS = ["arm", "structure", "measure", "value", "low", "high", "volumes", "participants", "warning"]
DIFFERENCES = [
    "one", "other", "structure", "measure", "difference", "low", "high", "ahead", "volumes", "participants", "warning",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SegmentationTables:
    """What was found, one table each.

    Attributes:
        volumes: :data:`VOLUMES`, one row for each arm, volume and structure.
        arms: :data:`ARMS`, the mean over volumes for each arm, structure and measure.
        differences: :data:`DIFFERENCES`, one row for every two arms, structure and measure.
    """

    volumes: pd.DataFrame
    arms: pd.DataFrame
    differences: pd.DataFrame


def volume_scores(
    predicted: np.ndarray,
    true: np.ndarray,
    structures: Mapping[str, int],
    *,
    spacing_mm: Sequence[float],
    tolerance_mm: float,
    both_empty: BothEmpty = "agree",
) -> pd.DataFrame:
    """Return the scores of one volume, one row a structure: ``structure``, measures and voxels of :data:`VOLUMES`.

    Args:
        predicted, true: [x, y, z] or [row, column], whole numbers, of one grid.
        structures: name -> number in both maps.
        spacing_mm: edges of a voxel along the axes of the maps.
        tolerance_mm: of the surface Dice.
        both_empty: what a structure counts that is in neither map.
    """
    numbers = list(structures.values())
    overlaps = dice(predicted, true, numbers, both_empty=both_empty)
    surfaces = surface_scores(
        predicted, true, numbers, spacing_mm=spacing_mm, tolerance_mm=tolerance_mm, both_empty=both_empty
    )
    return pd.DataFrame(
        {
            "structure": list(structures),
            "dice": overlaps,
            "surface_dice": surfaces.surface_dice,
            "hausdorff_95_mm": surfaces.hausdorff_95_mm,
            "true_voxels": [int((true == number).sum()) for number in numbers],
            "predicted_voxels": [int((predicted == number).sum()) for number in numbers],
        }
    )


def segmentation_tables(volumes: pd.DataFrame, *, seed: int, replicates: int = 1000) -> SegmentationTables:
    """Return means of every arm and differences of every two arms, with 95 % intervals over participants.

    A volume counts once, also where a participant has several; participants are drawn anew with all of theirs. The
    same draws serve all arms, so that the luck of which participants were at hand falls out of their differences.
    ``ahead`` is the better arm where the interval of the difference leaves 0 out, else ``undecided``; of many
    differences one in twenty stands apart by chance.

    Args:
        volumes: of the columns :data:`VOLUMES`, every arm with the same volumes and structures.
        seed: the study's seed.
        replicates: draws of the participants.

    Raises:
        MrisynthError: arms were not scored on the same volumes and structures, or one twice.
    """
    volumes = volumes[VOLUMES].reset_index(drop=True)
    measured = _by_arm(volumes)
    people = volumes.drop_duplicates("volume").set_index("volume")["participant_id"]
    arms, differences = [], []
    for structure, found in measured.items():
        rows = next(iter(found.values())).index
        names = people[rows].tolist()
        draws = ParticipantDraws(names, ["volumes"] * len(names), seed=seed, replicates=replicates)
        for measure, (scale, higher) in MEASURES.items():
            for arm, table in found.items():
                drawn, count = _estimate(draws, table[measure].to_numpy(float), scale)
                known = {"arm": arm, "structure": structure, "measure": measure}
                arms.append(known | {"value": drawn.value} | _told(drawn, count))
            for one, other in combinations(found, 2):
                apart = (found[one][measure] - found[other][measure]).to_numpy(float)
                drawn, count = _estimate(draws, apart, "difference")
                known = {"one": one, "other": other, "structure": structure, "measure": measure}
                known |= {"difference": drawn.value, "ahead": _ahead(drawn, one, other, higher=higher)}
                differences.append(known | _told(drawn, count))
    return SegmentationTables(
        volumes=volumes,
        arms=pd.DataFrame(arms, columns=ARMS),
        differences=pd.DataFrame(differences, columns=DIFFERENCES),
    )


def _by_arm(volumes: pd.DataFrame) -> dict[str, dict[str, pd.DataFrame]]:
    """Return structure, and the mean of all of them -> arm -> measures by volume, volumes in one order."""
    keys = ["arm", "structure", "volume"]
    twice = volumes[volumes.duplicated(keys)]
    if len(twice):
        arm, structure, volume = twice[keys].iloc[0]
        raise MrisynthError(f"Arm {arm}: {structure} of volume {volume} was scored twice; score every volume once.")
    parts = {arm: part.set_index(["structure", "volume"]).sort_index() for arm, part in volumes.groupby("arm")}
    arms = list(dict.fromkeys(volumes["arm"]))
    for arm in arms[1:]:
        apart = parts[arms[0]].index.symmetric_difference(parts[arm].index)
        if len(apart):
            structure, volume = apart[0]
            raise MrisynthError(
                f"Arms {arms[0]} and {arm} were not scored on the same volumes: {structure} of {volume} is in one "
                "alone; expected one set of held-out volumes for all arms."
            )
    structures = list(dict.fromkeys(volumes["structure"]))
    found = {name: {arm: parts[arm].loc[name] for arm in arms} for name in structures}
    if len(structures) > 1:
        found[ALL] = {arm: parts[arm][list(MEASURES)].groupby(level="volume").mean() for arm in arms}
    return found


def _estimate(draws: ParticipantDraws, values: np.ndarray, scale: str) -> tuple[Drawn, int]:
    """Return the mean of the values that are there, with its interval, and their number."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means = (draws.weights @ np.where(there, values, 0.0)) / (draws.weights @ there)
    return draws.estimate(means, there, measure=scale), int(there.sum())


def _told(drawn: Drawn, volumes: int) -> dict[str, object]:
    return {
        "low": drawn.low,
        "high": drawn.high,
        "volumes": volumes,
        "participants": drawn.participants,
        "warning": drawn.warning,
    }


def _ahead(drawn: Drawn, one: str, other: str, *, higher: bool) -> str:
    if drawn.low > 0:
        return one if higher else other
    if drawn.high < 0:
        return other if higher else one
    return UNDECIDED
