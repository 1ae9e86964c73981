"""Splits: which participants are trained on, which are kept for validation and which for the scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from mrisynth.errors import ConfigError
from mrisynth.seeds import derive_seed

SPLITS = ("train", "validation", "test")


def assign_splits(
    participant_ids: Iterable[str], *, seed: int, test_fraction: float, validation_fraction: float
) -> dict[str, str]:
    """Assign every participant to ``train``, ``validation`` or ``test`` by a hash of the own ID.

    The hash of (seed, ID) is a number in [0, 1); below ``test_fraction`` lies the test split, next to it validation.
    A participant's split hence depends on nobody else: scans and participants can be added and removed and nobody
    moves, and all scans of a person share a split. Exact stratification would exclude this: to hold 20 % of the women
    of a site in the test split, somebody must move when a woman joins. The shares of sex, age and site in each split
    therefore match in expectation only, and :func:`balance_table` shows by how much they miss.

    Raises:
        ConfigError: a fraction is negative, or together they leave nobody to train on.
    """
    if test_fraction < 0 or validation_fraction < 0 or test_fraction + validation_fraction >= 1:
        raise ConfigError(
            f"cohort.test_fraction is {test_fraction} and cohort.validation_fraction is {validation_fraction}; "
            f"expected neither below 0 and a sum below 1, for the rest is trained on."
        )
    splits = {}
    for participant in dict.fromkeys(participant_ids):
        position = derive_seed(seed, "split", str(participant)) / 2**63
        if position < test_fraction:
            splits[participant] = "test"
        elif position < test_fraction + validation_fraction:
            splits[participant] = "validation"
        else:
            splits[participant] = "train"
    return splits


def balance_table(participants: pd.DataFrame) -> pd.DataFrame:
    """Compare sex, age and site between the splits, so that an unlucky seed is seen.

    Args:
        participants: one row a participant, with ``split`` and any of ``sex``, ``age`` (years), ``site``,
            ``diagnosis``.

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
    for variable in ("sex", "site", "diagnosis"):
        if variable in participants:
            rows.extend(_shares(by_split, variable))
    if "age" in participants:
        rows.extend(_means(by_split, "age"))
    return pd.DataFrame(rows)


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
