"""Folds of a data set that cut no participant, in the form that nnU-Net reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mrisynth.seeds import derive_seed


@dataclass(frozen=True)
class Member:
    """A training case.

    Attributes:
        name: of its files.
        participant_id: whose it is; of a synthetic one, whose mask it was made from, empty for nobody's.
        synthetic: whether a model made it.
    """

    name: str
    participant_id: str
    synthetic: bool


def participant_folds(cases: Sequence[Member], *, folds: int, seed: int) -> list[dict[str, list[str]]]:
    """Return the folds, ``train`` and ``val`` with the names of cases each; as many as can be, none below two people.

    Participants are dealt to folds in an order of chance. A fold is validated on the real cases of its participants
    and trained on all cases of the others: a synthetic case made from the mask of a participant of the fold shows
    their anatomy, so that it is in neither. Where there are no real cases synthetic ones are validated on, and those
    of nobody count as a participant each.

    Args:
        cases: of the training set.
        folds: at most so many.
        seed: the study's seed; the order of the cases plays no part.
    """
    only_synthetic = all(case.synthetic for case in cases)
    tested = [case for case in cases if only_synthetic or not case.synthetic]
    people = sorted({_person(case) for case in tested}, key=lambda person: (derive_seed(seed, "fold", person), person))
    count = min(folds, len(people))
    if count < 2:
        return []
    found = []
    for number in range(count):
        held = set(people[number::count])
        val = sorted(case.name for case in tested if _person(case) in held)
        train = sorted(case.name for case in cases if _person(case) not in held)
        found.append({"train": train, "val": val})
    return found


def _person(case: Member) -> str:
    return case.participant_id or f"nobody: {case.name}"
