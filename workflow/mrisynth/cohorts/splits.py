"""Splits: which participants are trained on, which are kept for validation and which for the scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from mrisynth.cohorts.apportioning import apportion
from mrisynth.errors import ConfigError
from mrisynth.files import MISSING
from mrisynth.seeds import derive_seed

SPLITS = ("train", "validation", "test")

MOST_MOVED = 16
"""Most participants that one who joins or leaves can move to another split, where splits are stratified.

Four of the own stratum, whose two boundaries move by two at most. Of the other strata at most three entries go from one
split to another, along paths of two exchanges at most, and an exchange moves each boundary of its stratum by one.
"""

_SEPARATOR = " | "


def assign_splits(
    participant_ids: Iterable[str],
    *,
    seed: int,
    test_fraction: float,
    validation_fraction: float,
    strata: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Assign every participant to ``train``, ``validation`` or ``test`` by a hash of the own ID.

    The hash of (seed, ID) is a number in [0, 1).

    * Without strata a participant whose hash lies below ``test_fraction`` is tested on, and next to it lies
      validation. A split then depends on nobody else: participants come and go and nobody moves. Shares of sex, age
      and site in each split match in expectation only.
    * With strata, those of each are put in the order of their hashes; the first are tested on, the next validated on,
      the rest trained on. How many follows from :func:`mrisynth.cohorts.apportioning.apportion`: each stratum, and
      each split in total, is within one participant of its share. To hold this somebody must move when a participant
      joins or leaves: on average one other, at most 8 in 21 000 random cohorts, and never more than
      :data:`MOST_MOVED`, whatever the number of strata. Where the thirds of the ages are cut elsewhere because of the
      newcomer, those who change their third may move besides.

    :func:`balance_table` shows what balance was reached.

    Args:
        participant_ids: in any order; repeats count once.
        seed: the study's seed.
        test_fraction: share to be tested on.
        validation_fraction: share to be validated on.
        strata: participant -> name of the stratum, of :func:`strata_of`; None or empty for none.

    Raises:
        ConfigError: a fraction is negative, or together they leave nobody to train on.
    """
    if test_fraction < 0 or validation_fraction < 0 or test_fraction + validation_fraction >= 1:
        raise ConfigError(
            f"cohort.test_fraction is {test_fraction} and cohort.validation_fraction is {validation_fraction}; "
            f"expected neither below 0 and a sum below 1, for the rest is trained on."
        )
    fractions = {"test_fraction": test_fraction, "validation_fraction": validation_fraction}
    position = {person: derive_seed(seed, "split", str(person)) / 2**63 for person in dict.fromkeys(participant_ids)}
    if strata:
        return _by_stratum(position, strata, fractions=fractions, seed=seed)
    ends = (test_fraction, test_fraction + validation_fraction)
    return {person: _split_at(place, ends) for person, place in position.items()}


def strata_of(participants: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """Return the stratum of every participant: the values of these columns in words, a missing one as a value too.

    Args:
        participants: one row a participant, with ``participant_id``.
        columns: columns to stratify by; none gives an empty mapping.

    Raises:
        ConfigError: a column is not there.
    """
    for column in columns:
        if column not in participants:
            raise ConfigError(
                f"cohort.stratify names {column}, which the participants table does not have; it has "
                f"{', '.join(participants.columns)}."
            )
    if not columns:
        return {}
    words = [participants[column].astype("object").map(str, na_action="ignore").fillna(MISSING) for column in columns]
    return dict(zip(participants["participant_id"], map(_SEPARATOR.join, zip(*words, strict=True)), strict=True))


def split_record(scans: pd.DataFrame, *, settings: Mapping[str, object]) -> dict[str, object]:
    """Return who is in which split as numbers and checksums, to tell at a glance whether two studies split alike.

    Args:
        scans: the scans table with ``participant_id`` and ``split``.
        settings: what the splits were made with; kept as they are.

    Returns:
        ``settings``, and ``splits``: for each split ``participants`` and ``scans`` (counts) and ``sha256`` of the
        sorted participant IDs, each followed by a line feed, in UTF-8.
    """
    record = {}
    for split in SPLITS:
        part = scans[scans["split"] == split]
        ids = sorted(set(part["participant_id"].astype(str)))
        digest = hashlib.sha256("".join(f"{person}\n" for person in ids).encode()).hexdigest()
        record[split] = {"participants": len(ids), "scans": len(part), "sha256": digest}
    return {"settings": dict(settings), "splits": record}


def balance_table(participants: pd.DataFrame) -> pd.DataFrame:
    """Compare sex, age and site between the splits, so that an unlucky seed is seen.

    Args:
        participants: one row a participant, with ``split`` and any of ``sex``, ``age`` (years), ``site``,
            ``diagnosis``, and ``source``, which counts where there are several.

    Returns:
        One row per variable, level and split: ``variable``, ``level`` (``missing`` is a level too), ``split``,
        ``participants`` (count), ``value`` (share of the split; for age the mean in years) and ``smd``, the
        standardised difference of that value from the train split (difference over the root of the mean variance;
        below 0.1 is commonly called balanced; missing where a split is too small).
    """
    by_split = {split: participants[participants["split"] == split] for split in SPLITS}
    rows = [
        {"variable": "participants", "level": "all", "split": split, "participants": len(part)}
        | {"value": len(part) / max(len(participants), 1), "smd": np.nan}
        for split, part in by_split.items()
    ]
    several = "source" in participants and participants["source"].nunique() > 1
    for variable in (*["source"] * several, "sex", "site", "diagnosis"):
        if variable in participants:
            rows.extend(_shares(by_split, variable))
    if "age" in participants:
        rows.extend(_means(by_split, "age"))
    return pd.DataFrame(rows)


def _split_at(place: float, ends: tuple[float, float]) -> str:
    return "test" if place < ends[0] else "validation" if place < ends[1] else "train"


def _by_stratum(
    position: Mapping[str, float], strata: Mapping[str, str], *, fractions: Mapping[str, float], seed: int
) -> dict[str, str]:
    members: dict[str, list[str]] = {}
    for person in sorted(position, key=lambda person: (position[person], person)):
        members.setdefault(strata[person], []).append(person)
    counts = apportion({name: len(people) for name, people in members.items()}, seed=seed, **fractions)
    found = {}
    for name, people in members.items():
        ends = (counts[name][0], sum(counts[name]))
        found |= {person: _split_at(rank, ends) for rank, person in enumerate(people)}
    return {person: found[person] for person in position}


def _shares(by_split: dict[str, pd.DataFrame], variable: str) -> Iterator[dict[str, object]]:
    levels = {split: part[variable].astype("object").fillna("missing") for split, part in by_split.items()}
    everything = sorted({str(level) for values in levels.values() for level in values})
    for level in everything:
        for split, values in levels.items():
            mine, train = values == level, levels["train"] == level
            share = float(mine.mean()) if len(mine) else np.nan
            reference = float(train.mean()) if len(train) else np.nan
            smd = _smd(share, share * (1 - share), reference, reference * (1 - reference))
            yield {"variable": variable, "level": level, "split": split, "participants": int(mine.sum())} | {
                "value": share,
                "smd": np.nan if split == "train" else smd,
            }


def _means(by_split: dict[str, pd.DataFrame], variable: str) -> Iterator[dict[str, object]]:
    train = by_split["train"][variable].astype("float64").dropna()
    for split, part in by_split.items():
        values = part[variable].astype("float64").dropna()
        smd = _smd(values.mean(), values.var(), train.mean(), train.var())
        yield {"variable": variable, "level": "mean", "split": split, "participants": len(values)} | {
            "value": float(values.mean()),
            "smd": np.nan if split == "train" else smd,
        }


def _smd(mean: float, variance: float, reference_mean: float, reference_variance: float) -> float:
    spread = np.sqrt((variance + reference_variance) / 2)
    if mean == reference_mean:
        return 0.0
    return float((mean - reference_mean) / spread) if spread > 0 else float("nan")
