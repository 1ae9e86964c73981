"""Copies of training scans among the samples of a model, sought in voxels, and the trial of the detector itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.brain_match import BrainMatcher, Matches, find_closest, fit_matcher
from mrisynth.metrics.copies import copy_limit, false_alarms
from mrisynth.metrics.membership import membership_auc
from mrisynth.metrics.memorisation_scores import membership_rows
from mrisynth.metrics.nearest import participant_means
from mrisynth.metrics.origin import Origin
from mrisynth.metrics.planted import PLANTED, planted_copy
from mrisynth.metrics.shares import share_interval
from mrisynth.metrics.table import Score
from mrisynth.metrics.voxel_attack import likeness_to_samples
from mrisynth.progress import track
from mrisynth.seeds import numpy_generator
from mrisynth.store import area_average, overlap_weights

COMPARED_SIZE = 32
"""Volumes are compared at this size at most: what tells persons apart is there, and 1000 volumes take seconds."""

_HELD_OUT = ("validation", "test")

_SUSPECT_COLUMNS = [
    "source", "name", "closest_scan", "similarity", "second", "limit", "flagged", "mirrored", "shift_x_mm",
    "shift_y_mm", "shift_z_mm",
]  # fmt: skip


@dataclass(frozen=True)
class PackedScans:
    """The packed real scans of one size.

    Attributes:
        images: uint8 [scan, x, y, z].
        scans, participants, splits: of each row.
        voxel_mm: edge of a voxel.
    """

    images: np.ndarray
    scans: Sequence[str]
    participants: Sequence[str]
    splits: Sequence[str]
    voxel_mm: float

    def rows(self, *splits: str) -> np.ndarray:
        """Return the rows of some splits."""
        return np.flatnonzero(np.isin(np.asarray(self.splits, dtype=np.str_), splits))


@dataclass(frozen=True)
class CopyStudy:
    """Scores, and one row a sample and held-out scan with its closest training scan."""

    scores: list[Score]
    suspects: pd.DataFrame


def study_copies(
    real: PackedScans, samples: Sequence[np.ndarray], *, model: str, seed: int, planted: int = 100, draws: int = 20
) -> CopyStudy:
    """Seek copies of training scans among samples, set and try the detector, and attack membership in voxels.

    The limit comes from the validation and test scans, which no training has seen. Its false alarms are counted on them
    by cross-fitting, its misses on planted copies of training scans (:data:`mrisynth.metrics.planted.PLANTED`): one
    counts as found when it is flagged and its own scan is named.

    Args:
        real: the real scans.
        samples: uint8 arrays [n, x, y, z] of the same size, read volume by volume.
        model: name of the model.
        seed: the study's seed.
        planted: training scans that are planted, each in every kind.
        draws: draws behind the floors.
    """
    origin = Origin("voxels", "none: voxels", True, str(real.images.shape[1]), seed)
    made = np.concatenate([_compared(part, f"reading samples of {model}") for part in samples])
    scans = _compared(real.images, "reading real scans")
    attack = _attack(origin, model, real, scans, made, draws=draws)
    try:
        detector = _calibrated(real, scans)
    except MrisynthError as error:
        missing = {"value": np.nan, "n": len(made), "sentence": f"Not computed: {error}"}
        row = origin.row("copies", (model, "model"), better="lower", **missing)
        return CopyStudy([row, *attack], pd.DataFrame(columns=_SUSPECT_COLUMNS))
    found = find_closest(made, detector.matcher)
    names = [real.scans[row] for row in real.rows("train")]
    held_out = [real.scans[row] for row in real.rows(*_HELD_OUT)]
    suspects = [
        _table("sample", [f"{number}" for number in range(len(made))], found, names, detector.limit),
        _table("held_out", held_out, detector.strangers, names, detector.limit),
    ]
    rows = [
        *_flagged(origin, model, found, detector, draws=draws),
        *_planted(origin, real, detector, count=planted),
        *attack,
    ]
    return CopyStudy(rows, pd.concat(suspects, ignore_index=True))


@dataclass(frozen=True)
class _Detector:
    """The copy detector of a study.

    Attributes:
        matcher: the training scans.
        limit: similarity above which a volume counts as a copy.
        strangers: what was found for the held-out scans.
        participants: of the held-out scans.
    """

    matcher: BrainMatcher
    limit: float
    strangers: Matches
    participants: list[str]


def _calibrated(real: PackedScans, scans: np.ndarray) -> _Detector:
    train, held_out = real.rows("train"), real.rows(*_HELD_OUT)
    voxel_mm = real.voxel_mm * real.images.shape[1] / scans.shape[1]
    matcher = fit_matcher(scans[train], [real.participants[row] for row in train], voxel_mm=voxel_mm)
    strangers = find_closest(scans[held_out], matcher)
    people = [real.participants[row] for row in held_out]
    return _Detector(matcher, copy_limit(strangers.similarity, participants=people), strangers, people)


def _compared(volumes: np.ndarray, what: str | None = None) -> np.ndarray:
    """Return volumes float32 [n, x, y, z] at the size at which they are compared."""
    size = min(COMPARED_SIZE, volumes.shape[1])
    if size == volumes.shape[1]:
        return np.asarray(volumes, dtype=np.float32)
    weights = overlap_weights(volumes.shape[1], size)
    found = np.empty((len(volumes), size, size, size), dtype=np.float32)
    for row, volume in enumerate(track(volumes, what, len(volumes)) if what else volumes):
        found[row] = area_average(np.asarray(volume, dtype=np.float32), weights)
    return found


def _table(source: str, names: list[str], found: Matches, scans: list[str], limit: float) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "source": source,
            "name": names,
            "closest_scan": [scans[row] for row in found.closest],
            "similarity": found.similarity,
            "second": found.second,
            "limit": limit,
            "flagged": found.similarity > limit,
            "mirrored": found.mirrored,
        }
        | {f"shift_{axis}_mm": found.shift_mm[:, column] for column, axis in enumerate("xyz")}
    )
    return table.sort_values("similarity", ascending=False, kind="stable")[_SUSPECT_COLUMNS]


def _flagged(origin: Origin, model: str, found: Matches, detector: _Detector, *, draws: int) -> Iterator[Score]:
    """Yield the share of samples that count as copies, and that of held-out scans."""
    flagged = found.similarity > detector.limit
    people, similarity = detector.participants, detector.strangers.similarity
    alarms = [
        false_alarms(similarity, participants=people, generator=numpy_generator(origin.seed, "copy folds", draw))
        for draw in range(draws)
    ]
    shares = [float(alarm.mean()) for alarm in alarms if alarm is not None]
    low, high = share_interval(int(flagged.sum()), len(flagged))
    yield origin.row(
        "copies", (model, "model"), better="lower", n=len(flagged), value=float(flagged.mean()), low=low, high=high,
        floors=shares, sentence=f"Similarity above {detector.limit:.3f} counts as a copy.",
    )  # fmt: skip
    if shares:
        mean, count = float(np.mean(shares)), len(similarity)
        low, high = share_interval(round(mean * count), count)
        numbers, sentence = {"value": mean, "low": low, "high": high}, _relatives(similarity > detector.limit)
    else:
        numbers, sentence = (
            {"value": np.nan},
            "Not computed: too few held-out scans to set a limit without some of them.",
        )
    yield origin.row("copies", ("held_out", "control"), better="lower", n=len(similarity), sentence=sentence, **numbers)


def _relatives(flagged: np.ndarray) -> str:
    """Return a sentence about held-out scans that look like copies of training scans."""
    if not flagged.any():
        return ""
    return (
        f"Held-out scans that look like copies of training scans (see the table of suspects): {int(flagged.sum())}. "
        "The same person, or a twin, may stand in two splits."
    )


def _planted(origin: Origin, real: PackedScans, detector: _Detector, *, count: int) -> Iterator[Score]:
    """Yield the share of planted copies that are found, by kind."""
    train = real.rows("train")
    chosen = np.sort(numpy_generator(origin.seed, "planted copies").permutation(len(train))[:count])
    for kind in PLANTED:
        copies = []
        for row in track(train[chosen], f"planting copies: {kind}", len(chosen)):
            generator = numpy_generator(origin.seed, "planted copy", kind, real.scans[row])
            copy = planted_copy(real.images[row], kind, voxel_mm=real.voxel_mm, generator=generator)
            copies.append(_compared(copy[None])[0])
        found = find_closest(np.stack(copies), detector.matcher)
        right = (found.similarity > detector.limit) & (found.closest == chosen)
        low, high = share_interval(int(right.sum()), len(right))
        yield origin.row(
            "copies_found", (f"planted_{kind}", "control"), better="higher", n=len(right), value=float(right.mean()),
            low=low, high=high,
        )  # fmt: skip


def _attack(
    origin: Origin, model: str, real: PackedScans, scans: np.ndarray, made: np.ndarray, *, draws: int
) -> list[Score]:
    """Return the membership attack in voxels; its floor takes half of the test participants for samples."""
    people = np.asarray(real.participants, dtype=np.str_)
    train, test = real.rows("train"), real.rows("test")
    names, floors = np.unique(people[test]), []

    def likeness(samples: np.ndarray, *sides: np.ndarray) -> list[np.ndarray]:
        return [participant_means(likeness_to_samples(scans[rows], samples), people[rows]) for rows in sides]

    for draw in range(draws):
        mixed = numpy_generator(origin.seed, "membership floor", draw).permutation(names)
        one, other = (test[np.isin(people[test], half)] for half in np.array_split(mixed, 2))
        if len(one) < 2 or len(set(people[other])) < 2 or len(set(people[train])) < 2:
            break
        floors.append(membership_auc(*likeness(scans[one], train, other)).value)
    enough = len(made) > 1 and len(train) and len(test)
    found = likeness(made, train, test) if enough else [np.empty(0), np.empty(0)]
    return list(membership_rows(origin, (model, "model"), *found, floors=floors))
