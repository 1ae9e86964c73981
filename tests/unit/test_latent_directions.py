"""Directions: found where they are, and honest where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.latent_directions import find_directions, numbers_of

RANDOM = np.random.default_rng(0)
LATENTS = RANDOM.normal(size=(120, 16))
TRUE = np.concatenate([[3.0, 4.0], np.zeros(14)]) / 5
PERSONS = [f"p{number}" for number in range(120)]


def found(covariates: dict, latents=LATENTS, persons=PERSONS, **keys):
    directions = find_directions(latents, pd.DataFrame(covariates), groups=persons, seed=1, **keys)
    return {direction.covariate: direction for direction in directions}


def test_a_planted_direction_is_found_with_its_change_and_its_score():
    age = 50 + 10 * LATENTS @ TRUE + 3 * np.random.default_rng(1).normal(size=120)
    sex = np.where(LATENTS @ TRUE > 0, "m", "f")
    directions = found({"age": age, "sex": sex})
    direction = directions["age"]
    assert np.linalg.norm(direction.unit) == pytest.approx(1)
    assert direction.unit @ TRUE > 0.97
    assert direction.change == pytest.approx(10, rel=0.1)
    assert direction.r2 == pytest.approx(100 / 109, abs=0.06)
    assert direction.r2_chance < 0.2
    assert (direction.n, direction.towards) == (120, "more")
    assert directions["sex"].towards == "m" and directions["sex"].unit @ TRUE > 0.9
    others = np.random.default_rng(2).normal(size=(400, 16))
    fresh = 50 + 10 * others @ TRUE + 3 * np.random.default_rng(3).normal(size=400)
    assert direction.score(others, fresh) == pytest.approx(100 / 109, abs=0.06)
    step = direction.predict(others + direction.unit) - direction.predict(others)
    np.testing.assert_allclose(step, direction.change)


def test_noise_scores_no_better_than_its_mean():
    direction = found({"noise": np.random.default_rng(4).normal(size=120)})["noise"]
    assert direction.r2 < 0.1
    assert direction.r2 <= direction.r2_chance + 0.1


def test_scans_of_a_person_are_never_on_both_sides():
    """Four alike scans a person, a covariate by chance of the person: scans alone would score near 1."""
    latents = np.repeat(np.random.default_rng(5).normal(size=(30, 64)), 4, axis=0)
    value = np.repeat(np.random.default_rng(6).normal(size=30), 4)
    persons = [f"p{number // 4}" for number in range(120)]
    assert found({"x": value}, latents, persons)["x"].r2 < 0.2
    assert found({"x": value}, latents, PERSONS)["x"].r2 > 0.8


def test_missing_values_are_left_out_and_covariates_without_order_skipped():
    age = 50 + 10 * LATENTS @ TRUE
    gaps = np.where(np.arange(120) < 40, np.nan, age)
    covariates = {
        "gaps": gaps, "few": np.where(np.arange(120) < 19, age, np.nan), "constant": 1.0,
        "words": RANDOM.choice(["a", "b", "c"], 120), "empty": None,
    }  # fmt: skip
    directions = found(covariates)
    assert list(directions) == ["gaps"]
    assert directions["gaps"].n == 80
    assert np.isnan(directions["gaps"].score(LATENTS[:1], age[:1]))


def test_numbers_of_a_column():
    values, towards = numbers_of(pd.Series(["m", "f", None, "m"], dtype="string"))
    assert towards == "m"
    np.testing.assert_array_equal(values, [1, 0, np.nan, 1])
    values, towards = numbers_of(pd.Series([3.0, 1.0, np.nan, 2.0]))
    assert towards == "more"
    np.testing.assert_array_equal(values, [3, 1, np.nan, 2])
    assert numbers_of(pd.Series([7, 7])) is None


def test_rows_that_do_not_match_are_refused():
    with pytest.raises(MrisynthError, match="Found 120 latents, 2 rows of covariates"):
        find_directions(LATENTS, pd.DataFrame({"x": [1, 2]}), groups=PERSONS, seed=1)
    with pytest.raises(MrisynthError, match="1 folds"):
        found({"x": LATENTS[:, 0]}, folds=1)
