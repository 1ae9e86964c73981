"""Splits: by participant, stable, near the fractions asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.cohorts.splits import SPLITS, assign_splits, balance_table
from mrisynth.errors import ConfigError


def _ids(generator: np.random.Generator, count: int) -> list[str]:
    numbers = generator.choice(100_000, size=count, replace=False)
    return [f"sub-{number:05d}" for number in numbers]


@pytest.mark.parametrize("case", range(200))
def test_adding_and_removing_participants_moves_nobody(case: int) -> None:
    generator = np.random.default_rng(case)
    ids = _ids(generator, int(generator.integers(2, 80)))
    settings = {
        "seed": int(generator.integers(1000)),
        "test_fraction": float(generator.uniform(0, 0.5)),
        "validation_fraction": float(generator.uniform(0, 0.4)),
    }
    everyone = assign_splits(ids, **settings)
    assert set(everyone) == set(ids)
    assert set(everyone.values()) <= set(SPLITS)
    kept = list(generator.permutation(ids)[: len(ids) // 2])
    few = assign_splits([*kept, *kept], **settings)
    assert few == {participant: everyone[participant] for participant in kept}


@pytest.mark.parametrize("seed", range(5))
def test_the_shares_of_2000_participants_are_near_those_asked_for(seed: int) -> None:
    splits = assign_splits([f"sub-{n:04d}" for n in range(2000)], seed=seed, test_fraction=0.2, validation_fraction=0.1)
    share = pd.Series(list(splits.values())).value_counts(normalize=True)
    for split, expected in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        assert abs(share[split] - expected) < 4 * np.sqrt(expected * (1 - expected) / 2000)


def test_another_seed_gives_another_split() -> None:
    ids = [f"sub-{n:04d}" for n in range(200)]
    first, second = (assign_splits(ids, seed=seed, test_fraction=0.3, validation_fraction=0.1) for seed in (1, 2))
    assert first != second


def test_the_split_of_known_ids_never_changes() -> None:
    """Pins the hash: a change of it would silently move the participants of finished studies."""
    splits = assign_splits(
        ["IXI012", "IXI013", "IXI014", "IXI015"], seed=42, test_fraction=0.2, validation_fraction=0.1
    )
    assert splits == {"IXI012": "train", "IXI013": "validation", "IXI014": "train", "IXI015": "test"}


def test_a_larger_test_share_only_adds_to_the_test_split() -> None:
    ids = [f"sub-{n:04d}" for n in range(300)]
    small = assign_splits(ids, seed=3, test_fraction=0.1, validation_fraction=0.1)
    large = assign_splits(ids, seed=3, test_fraction=0.3, validation_fraction=0.1)
    assert {i for i in ids if small[i] == "test"} < {i for i in ids if large[i] == "test"}


@pytest.mark.parametrize(("test", "validation"), [(-0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (0.9, 0.9)])
def test_impossible_fractions_name_their_keys(test: float, validation: float) -> None:
    with pytest.raises(ConfigError, match=r"cohort\.test_fraction .* cohort\.validation_fraction"):
        assign_splits(["a"], seed=0, test_fraction=test, validation_fraction=validation)


def test_balance_table_shows_an_unbalanced_split() -> None:
    participants = pd.DataFrame(
        {
            "sex": ["m"] * 10 + ["f"] * 10 + ["m", None],
            "age": [30.0, 40.0] * 10 + [70.0, None],
            "site": "HH",
            "split": ["train"] * 20 + ["test"] * 2,
        }
    )
    table = balance_table(participants).set_index(["variable", "level", "split"])
    assert table.loc[("participants", "all", "train"), "participants"] == 20
    assert table.loc[("sex", "m", "train"), "value"] == 0.5
    assert table.loc[("sex", "m", "test"), "smd"] == 0.0
    assert table.loc[("sex", "f", "test"), "smd"] == pytest.approx(-0.5 / np.sqrt(0.125))
    assert table.loc[("sex", "missing", "test"), "participants"] == 1
    assert table.loc[("age", "mean", "train"), "value"] == 35.0
    assert table.loc[("age", "mean", "test"), "participants"] == 1
    assert table.loc[("site", "HH", "test"), "smd"] == 0.0
    assert table.loc[("participants", "all", "validation"), "participants"] == 0


def test_balance_of_many_participants_is_good() -> None:
    generator = np.random.default_rng(0)
    ids = [f"sub-{n:05d}" for n in range(4000)]
    splits = assign_splits(ids, seed=11, test_fraction=0.3, validation_fraction=0.2)
    participants = pd.DataFrame(
        {
            "sex": generator.choice(["m", "f"], 4000),
            "age": generator.normal(50, 15, 4000),
            "site": generator.choice(["a", "b", "c"], 4000),
            "split": [splits[i] for i in ids],
        }
    )
    assert balance_table(participants)["smd"].abs().max() < 0.15
