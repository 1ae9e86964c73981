"""Which of the candidates made for one mask are kept, and why the others are not. Draws nothing.

The rule is that of MRGen (Wu et al. 2025): candidates are ordered by their mean overlap with the mask, the best few are
held against four thresholds, and where too few pass, all thresholds are lowered once and one candidate is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrisynth.errors import MrisynthError

_DIGITS = 9  # a threshold of 0.9 lowered by 0.1 is 0.8


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a candidate must reach, 0..1 each.

    Attributes:
        mean_confidence, mean_iou: over the structures of the mask.
        iou, confidence: of each structure, in their order.
    """

    mean_confidence: float
    mean_iou: float
    iou: tuple[float, ...]
    confidence: tuple[float, ...]

    @classmethod
    def published(cls, structures: int) -> Thresholds:
        """Return the published thresholds, which were chosen for SAM 2 on abdomens: .90, .80, .70 and .80."""
        return cls(mean_confidence=0.90, mean_iou=0.80, iou=(0.70,) * structures, confidence=(0.80,) * structures)

    def lowered(self, by: float) -> Thresholds:
        """Return all thresholds less a number, 0 at least."""

        def less(value: float) -> float:
            return max(round(value - by, _DIGITS), 0.0)

        return Thresholds(
            mean_confidence=less(self.mean_confidence), mean_iou=less(self.mean_iou),
            iou=tuple(map(less, self.iou)), confidence=tuple(map(less, self.confidence)),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How candidates of a mask are chosen.

    Attributes:
        thresholds: published or calibrated (:func:`mrisynth.filtering.calibration.calibrate`).
        structures: their names, in the order of the columns of scores.
        kept: candidates wanted of a mask.
        best: so many candidates, the first by mean overlap, are looked at.
        lowered_by: what thresholds are lowered by where fewer pass than are wanted; 0 keeps those that pass alone.
        kept_lowered: candidates kept then.
        missed_is_absent: take a structure with an overlap of exactly 0 for one that is not in the mask. This is what
            was published: the worst candidates pass by it.
    """

    thresholds: Thresholds
    structures: tuple[str, ...]
    kept: int = 2
    best: int = 5
    lowered_by: float = 0.10
    kept_lowered: int = 1
    missed_is_absent: bool = False

    @classmethod
    def as_published(cls, structures: Sequence[str]) -> Rule:
        """Return the rule as it was published, its treatment of missed structures included."""
        thresholds = Thresholds.published(len(structures))
        return cls(thresholds=thresholds, structures=tuple(structures), missed_is_absent=True)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What became of one candidate.

    Attributes:
        mean_iou, mean_confidence: over the structures that count as present.
        rank: place by mean overlap among the candidates without a failed check, from 1; 0 for one with a failed check.
        passes: whether it reaches all thresholds, not lowered, and failed no check; no matter how many better ones.
        kept: whether it is kept.
        lowered: whether it is kept by lowered thresholds.
        reason: why it is not kept, in words; empty where it is.
    """

    mean_iou: float
    mean_confidence: float
    rank: int
    passes: bool
    kept: bool
    lowered: bool
    reason: str


def decide(
    iou: np.ndarray, confidence: np.ndarray, *, rule: Rule, failed: Sequence[str] | None = None
) -> list[Decision]:
    """Return what becomes of each candidate of one mask, in their order.

    A structure that is in the mask and not found at all has an overlap of 0 and fails; one that is not in the mask has
    no overlap (NaN) and is not looked at. Candidates that failed a check are not ranked. Of equal candidates the first
    goes first.

    Args:
        iou: [candidates, structures], overlap of what was found with what was asked for, NaN = not in the mask.
        confidence: [candidates, structures], how sure the scorer is, NaN likewise.
        rule: how to choose.
        failed: which check each candidate failed, in words, empty = none; None where nothing was checked.

    Raises:
        MrisynthError: the scores have another shape than the rule, or one of a pair is missing.
    """
    _check(iou, confidence, rule, failed)
    said = [""] * len(iou) if failed is None else list(failed)
    counted = [_counted(scores, rule) for scores in (iou, confidence)]
    means = [_means(scores) for scores in counted]
    order = [row for row in np.argsort(-means[0], kind="stable") if not said[row]]
    ranks = {int(row): place for place, row in enumerate(order, start=1)}
    strict = [_faults(row, counted, means, rule.thresholds, rule) for row in range(len(iou))]
    looked_at = [int(row) for row in order[: rule.best]]
    passing, wanted, faults = [row for row in looked_at if not strict[row]], rule.kept, strict
    lowered = rule.lowered_by > 0.0 and len(passing) < wanted
    if lowered:
        less = rule.thresholds.lowered(rule.lowered_by)
        after = {row: _faults(row, counted, means, less, rule) for row in looked_at}
        passing, wanted = [row for row in looked_at if not after[row]], rule.kept_lowered
        faults = [
            f"{after[row]} (lowered by {rule.lowered_by:.2f})" if after.get(row) else fault
            for row, fault in enumerate(strict)
        ]
    kept = set(passing[:wanted])
    return [
        Decision(
            mean_iou=float(means[0][row]), mean_confidence=float(means[1][row]), rank=ranks.get(row, 0),
            passes=not said[row] and not strict[row], kept=row in kept, lowered=row in kept and lowered,
            reason="" if row in kept else said[row] or _outdone(row, ranks, passing, rule, wanted) or faults[row],
        )
        for row in range(len(iou))
    ]  # fmt: skip


def passing_share(iou: np.ndarray, confidence: np.ndarray, *, rule: Rule) -> float:
    """Return which share of images reaches all thresholds, each for itself: what the filter would do to real ones."""
    alone = replace(rule, kept=1, lowered_by=0.0)
    passed = [decide(iou[row : row + 1], confidence[row : row + 1], rule=alone)[0].passes for row in range(len(iou))]
    return float(np.mean(passed)) if passed else np.nan


def _counted(scores: np.ndarray, rule: Rule) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    return np.where(scores == 0.0, np.nan, scores) if rule.missed_is_absent else scores


def _means(scores: np.ndarray) -> np.ndarray:
    """Return the mean of each row over what is not missing, 0 where all is."""
    known = np.isfinite(scores)
    return np.where(known, scores, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _faults(
    row: int, scores: Sequence[np.ndarray], means: Sequence[np.ndarray], thresholds: Thresholds, rule: Rule
) -> str:
    """Return all that a candidate does not reach, in words; empty where it reaches everything."""
    iou, confidence = (one[row] for one in scores)
    found = []
    for name, one, other, least, surest in zip(
        rule.structures, iou, confidence, thresholds.iou, thresholds.confidence, strict=True
    ):
        if one == 0.0:
            found.append(f"{name} is in the mask and was not found")
        elif one < least:
            found.append(f"overlap of {name} {one:.3f}, below {least:.3f}")
        if one != 0.0 and other < surest:
            found.append(f"confidence of {name} {other:.3f}, below {surest:.3f}")
    for what, value, least in (
        ("overlap", means[0][row], thresholds.mean_iou), ("confidence", means[1][row], thresholds.mean_confidence),
    ):  # fmt: skip
        if value < least:
            found.append(f"mean {what} {value:.3f}, below {least:.3f}")
    return "; ".join(found)


def _outdone(row: int, ranks: dict[int, int], passing: Sequence[int], rule: Rule, wanted: int) -> str:
    if row in passing:
        return f"passed, but {wanted} of greater overlap {'is' if wanted == 1 else 'are'} kept"
    rank = ranks[row]
    return f"place {rank} by overlap; the best {rule.best} are looked at" if rank > rule.best else ""


def _check(iou: np.ndarray, confidence: np.ndarray, rule: Rule, failed: Sequence[str] | None) -> None:
    number = len(rule.structures)
    shapes = {np.shape(iou), np.shape(confidence)}
    thresholds = (rule.thresholds.iou, rule.thresholds.confidence)
    if len(shapes) > 1 or np.shape(iou)[1:] != (number,) or any(len(one) != number for one in thresholds):
        raise MrisynthError(
            f"Found scores {np.shape(iou)} and {np.shape(confidence)} and thresholds of {len(thresholds[0])} and "
            f"{len(thresholds[1])} structures; expected [candidates, {number}] for {', '.join(rule.structures)}."
        )
    if not np.array_equal(np.isnan(iou), np.isnan(confidence)):
        raise MrisynthError("A structure has an overlap and no confidence, or the other way round; score it again.")
    if failed is not None and len(failed) != len(iou):
        raise MrisynthError(f"Found {len(iou)} candidates and {len(failed)} results of checks; expected one of each.")
