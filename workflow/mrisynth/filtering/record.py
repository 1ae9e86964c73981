"""The record of a synthesis with filter: one row a candidate, written by shards, joined, decided, and gone on with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.filtering.decision import Rule, decide
from mrisynth.filtering.scorers import StructureScores

MADE = ["mask", "try", "scan", "prompt", "seed", "scorer"]
"""What a candidate was made from: the mask's name and scan, which try of it, and with what."""

CHECKED = ["coverage", "nearest", "similarity", "fault"]
"""What checks say: foreground of the mask, the closest training image and how similar it is, and failures in words."""

DECIDED = ["mean_iou", "mean_confidence", "rank", "passes", "kept", "lowered", "reason"]
"""As in :class:`mrisynth.filtering.decision.Decision`; empty until :func:`decided` fills them."""

TEXT = ("mask", "scan", "prompt", "scorer", "nearest", "fault", "reason")
"""Columns of text: ``read_table(path, **dict.fromkeys(TEXT, "string"))`` keeps the mask 007 what it is."""

_FLAGS = ("passes", "kept", "lowered")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One candidate as its shard knows it.

    Attributes:
        mask: name of the mask.
        number: which try of the mask, from 0.
        scan: that the mask comes from.
        prompt: that it was made with; empty for none.
        seed: of its noise.
        coverage: share of the foreground of the mask.
        nearest: name of the closest training image; empty where copies were not sought.
        similarity: to it; NaN likewise.
        fault: the checks that it failed, in words; empty for none.
    """

    mask: str
    number: int
    scan: str
    prompt: str
    seed: int
    coverage: float = np.nan
    nearest: str = ""
    similarity: float = np.nan
    fault: str = ""


def columns(structures: Sequence[str]) -> list[str]:
    """Return the columns of the record, always in this order."""
    scores = [f"{what}_{name}" for name in structures for what in ("iou", "confidence", "brightness")]
    return [*MADE, *scores, *CHECKED, *DECIDED]


def candidate_rows(
    candidates: Sequence[Candidate],
    scores: StructureScores,
    *,
    structures: Sequence[str],
    scorer: str,
    brightness: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return the rows of candidates, not yet decided.

    Args:
        candidates: what they were made from and what checks say.
        scores: of the same candidates.
        structures: their names.
        scorer: its name.
        brightness: [candidates, structures] of :func:`mrisynth.filtering.checks.brightness_medians`; None = missing.

    Raises:
        MrisynthError: the numbers of candidates differ.
    """
    missing = np.full((len(candidates), len(structures)), np.nan)
    parts = {
        "iou": scores.iou,
        "confidence": scores.confidence,
        "brightness": missing if brightness is None else brightness,
    }
    if any(part.shape != missing.shape for part in parts.values()):
        raise MrisynthError(
            f"Found {len(candidates)} candidates and scores {scores.iou.shape}; expected [candidates, "
            f"{len(structures)}]."
        )
    told = {
        "mask": [one.mask for one in candidates], "try": [one.number for one in candidates],
        "scan": [one.scan for one in candidates], "prompt": [one.prompt for one in candidates],
        "seed": [one.seed for one in candidates], "scorer": scorer,
    }  # fmt: skip
    told |= {
        f"{what}_{name}": part[:, column] for column, name in enumerate(structures) for what, part in parts.items()
    }
    told |= {name: [getattr(one, name) for one in candidates] for name in CHECKED}
    table = pd.DataFrame(told, index=range(len(candidates)))
    return _typed(table.reindex(columns=columns(structures)))


def read_record(table: pd.DataFrame, *, structures: Sequence[str]) -> pd.DataFrame:
    """Return a record as it was before it was written as text, with its types; see :func:`mrisynth.files.read_table`.

    Raises:
        MrisynthError: its columns are not those of these structures.
    """
    if list(table.columns) != columns(structures):
        raise MrisynthError(
            f"The record of candidates has the columns {', '.join(table.columns)}; expected those of the structures "
            f"{', '.join(structures)}. Make the candidates again, or take the structures they were made with."
        )
    return _typed(table)


def merged(shards: Iterable[pd.DataFrame], *, structures: Sequence[str]) -> pd.DataFrame:
    """Return the rows of all shards, in the order of masks and tries, undecided.

    A candidate that two shards made, as after a job that was cut off, stands once where both agree in what it was made
    from.

    Raises:
        MrisynthError: the columns of a shard are others, there is no shard, or two rows of a candidate disagree.
    """
    parts = [read_record(shard, structures=structures) for shard in shards]
    if not parts:
        raise MrisynthError("There is no record of any shard; make candidates first.")
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    table = table.sort_values(["mask", "try"], kind="stable", ignore_index=True)
    once = table.drop_duplicates(MADE, ignore_index=True)
    twice = once[once.duplicated(["mask", "try"])]
    if len(twice):
        first = twice.iloc[0]
        raise MrisynthError(
            f"Try {first['try']} of the mask {first['mask']} was made twice, with other seeds, prompts or scorers; "
            "delete the record of the older run."
        )
    return _typed(once.assign(**dict.fromkeys(DECIDED)))


def decided(table: pd.DataFrame, *, rule: Rule) -> pd.DataFrame:
    """Return the record with the columns :data:`DECIDED` filled, mask by mask; the same scores give the same answer.

    Args:
        table: of :func:`merged`.
        rule: how candidates of a mask are chosen.
    """
    found: dict[object, Mapping[str, object]] = {}
    for _, rows in table.groupby("mask", sort=False):
        iou, confidence = (
            rows[[f"{what}_{name}" for name in rule.structures]].to_numpy(dtype=np.float64)
            for what in ("iou", "confidence")
        )
        faults = list(rows["fault"])
        for place, one in zip(rows.index, decide(iou, confidence, rule=rule, failed=faults), strict=True):
            found[place] = {name: getattr(one, name) for name in DECIDED}
    told = pd.DataFrame.from_dict(found, orient="index", columns=DECIDED).reindex(table.index)
    return _typed(table.assign(**{name: told[name] for name in DECIDED}))


def to_do(
    masks: Sequence[str], *, tries: int, done: pd.DataFrame | None = None, rule: Rule | None = None
) -> list[tuple[str, int]]:
    """Return which (mask, try) are still to be made, in the order of the masks.

    Args:
        masks: names of all masks, or of those of one shard.
        tries: candidates of each mask.
        done: what is recorded so far.
        rule: leave out masks of which as many candidates pass as are wanted; None makes all tries, as published.
    """
    known = set() if done is None else set(zip(done["mask"], done["try"].astype(int), strict=True))
    enough: set[str] = set()
    if done is not None and rule is not None and len(done):
        passing = decided(done, rule=rule).groupby("mask")["passes"].sum()
        enough = set(passing[passing >= rule.kept].index)
    return [
        (mask, number) for mask in masks if mask not in enough for number in range(tries) if (mask, number) not in known
    ]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    flags = {name: table[name].astype("boolean") for name in _FLAGS}
    text = {name: table[name].astype("string").fillna("") for name in TEXT}
    numbers = {
        name: pd.to_numeric(table[name]).astype("float64")
        for name in table
        if name not in (*TEXT, *_FLAGS, "try", "seed", "rank")
    }
    whole = {name: table[name].astype("Int64") for name in ("try", "seed", "rank")}
    return table.assign(**flags, **text, **numbers, **whole)
