"""Models of one source's covariates: numbers, levels, ages and their bounds, and draws given any part."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from scipy.special import expit

from mrisynth.covariates.discrete import Discrete
from mrisynth.covariates.kinds import Covariate
from mrisynth.covariates.settings import ModelSettings
from mrisynth.covariates.source_model import SourceModel
from mrisynth.errors import MrisynthError

NAMES = (
    Covariate("age"), Covariate("cataract", "binary"), Covariate("ventricles_ml"),
    Covariate("allele", "categorical", ("e2", "e3", "e4")), Covariate("slant"),
)  # fmt: skip
CHANCE = (0.1, 0.6, 0.3)


def people(count: int, seed: int = 0) -> np.ndarray:
    """Volumes double in 35 years; cataract is logistic in age; alleles do not depend; slant is of another source."""
    generator = np.random.default_rng(seed)
    age = generator.normal(55, 9, count)
    volume = 20 * np.exp(np.log(2) / 35 * (age - 55) + 0.2 * generator.standard_normal(count))
    cataract = generator.random(count) < expit((age - 60) / 6)
    return np.column_stack([age, cataract, volume, generator.choice(3, count, p=CHANCE), np.full(count, np.nan)])


@pytest.fixture(scope="module")
def model() -> SourceModel:
    return SourceModel.fit(people(2500), NAMES, seed=1)


def without(rows: np.ndarray, *columns: int) -> np.ndarray:
    hidden = rows.copy()
    hidden[:, columns] = np.nan
    return hidden


def test_missing_volumes_follow_the_age(model):
    rows = people(6000, seed=2)
    drawn = model.draw(without(rows, 2), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn[:, [0, 1, 3]], rows[:, [0, 1, 3]])
    slope, _ = np.polyfit(rows[:, 0], np.log(drawn[:, 2]), 1)
    left = np.log(drawn[:, 2] / 20) - np.log(2) / 35 * (rows[:, 0] - 55)
    assert slope == pytest.approx(np.log(2) / 35, rel=0.06)
    assert left.std() == pytest.approx(0.2, rel=0.06) and abs(left.mean()) < 0.02
    assert model.numbers.scaling.log.tolist() == [False, True] and np.isnan(drawn[:, 4]).all()


def test_levels_follow_the_numbers_and_the_numbers_follow_the_levels(model):
    rows = people(8000, seed=3)
    drawn = model.draw(without(rows, 1, 3), np.random.default_rng(0))
    for low, high in ((40, 50), (55, 60), (65, 75)):
        part = (rows[:, 0] > low) & (rows[:, 0] < high)
        assert drawn[part, 1].mean() == pytest.approx(expit((rows[part, 0] - 60) / 6).mean(), abs=0.05)
    np.testing.assert_allclose(np.bincount(drawn[:, 3].astype(int)) / len(rows), CHANCE, atol=0.03)
    rows = people(2500)
    backwards = np.concatenate([model.draw(without(rows, 0, 2), np.random.default_rng(k)) for k in range(3)])
    for cataract in (0, 1):
        part = rows[:, 1] == cataract
        drawn = backwards[np.tile(part, 3), 0]
        assert drawn.mean() == pytest.approx(rows[part, 0].mean(), abs=0.5)
        assert drawn.std() == pytest.approx(rows[part, 0].std(), rel=0.06)


def test_draws_of_nothing_known_are_the_population_within_its_bounds(model):
    rows, fitted = people(8000, seed=4), people(2500)
    drawn = model.draw(np.full_like(rows, np.nan), np.random.default_rng(2))
    np.testing.assert_allclose(drawn[:, :3].mean(axis=0), rows[:, :3].mean(axis=0), rtol=0.08)
    np.testing.assert_allclose(np.corrcoef(drawn[:, :3].T), np.corrcoef(rows[:, :3].T), atol=0.05)
    assert drawn[:, 0].min() >= fitted[:, 0].min() and drawn[:, 0].max() <= fitted[:, 0].max()
    narrow = SourceModel.fit(fitted, (Covariate("age", bounds=(50, 60)), *NAMES[1:]), seed=1)
    ages = narrow.draw(np.full_like(rows, np.nan), np.random.default_rng(2))[:, 0]
    assert ages.min() >= 50 and ages.max() <= 60 and ages.std() > 2


def test_values_far_from_all_that_was_fitted_are_drawn_at_the_bounds(model):
    drawn = model.draw(np.array([[140.0, 0, np.nan, 1, np.nan]] * 3), np.random.default_rng(0))
    volumes = np.log(people(2500)[:, 2])
    margin = 0.1 * np.ptp(volumes)
    np.testing.assert_allclose(np.log(drawn[:, 2]), volumes.max() + margin)


@pytest.mark.parametrize("age", ["mixture", "beta"])
def test_densities_integrate_to_one_and_agree_with_the_draws(age):
    rows = people(1500, seed=5)[:, [0, 2]]
    covariates = (NAMES[0], NAMES[2])
    model = SourceModel.fit(rows, covariates, ModelSettings(age=age), seed=1)
    low, high = rows[:, 0].min(), rows[:, 0].max()

    ages = np.linspace(low - 40, high + 40, 2000)
    grid = np.column_stack([ages, np.full(2000, np.nan)])
    assert np.trapezoid(np.exp(model.log_density(grid)), ages) == pytest.approx(1, abs=0.01)
    volumes = np.linspace(0.5, 150, 400)
    grid = np.column_stack([np.full(400, np.nan), volumes])
    assert np.trapezoid(np.exp(model.log_density(grid)), volumes) == pytest.approx(1, abs=0.01)
    grid = np.column_stack([ages, np.full(2000, 35.0)])
    weights = np.exp(model.log_density(grid)) * ((ages >= low) & (ages <= high))
    drawn = model.draw(np.tile([np.nan, 35.0], (8000, 1)), np.random.default_rng(0))[:, 0]
    assert drawn.mean() == pytest.approx(np.average(ages, weights=weights), abs=0.4)


def test_ages_of_a_beta_have_its_moments_and_bounds():
    generator = np.random.default_rng(8)
    ages = 45 + 36 * generator.beta(1.6, 1.2, 3000)
    model = SourceModel.fit(ages[:, None], (Covariate("age"),), ModelSettings(age="beta"), seed=1)
    drawn = model.draw(np.full((20_000, 1), np.nan), generator)
    assert drawn.mean() == pytest.approx(ages.mean(), abs=0.2) and drawn.std() == pytest.approx(ages.std(), rel=0.02)
    assert drawn.min() >= ages.min() and drawn.max() <= ages.max()
    beta = model.numbers.age[1]
    assert (beta.one, beta.other) == pytest.approx((1.6, 1.2), rel=0.1)


def test_constant_columns_absent_classes_and_lone_rows_are_kept_as_they_are():
    rows = np.array([[50.0, 1, 20, 0, np.nan]] * 4 + [[60.0, 1, 20, 2, np.nan]] * 4)
    for table in (rows, rows[:1]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = SourceModel.fit(table, NAMES, seed=1)
            drawn = model.draw(np.full((200, 5), np.nan), np.random.default_rng(0))
        assert (drawn[:, 1] == 1).all() and np.unique(drawn[:, 3]).tolist() == np.unique(table[:, 3]).tolist()
        np.testing.assert_allclose(drawn[:, 2], 20)
        assert np.isfinite(model.draw(np.array([[np.nan, 0, 35, 1, np.nan]]), np.random.default_rng(0))[0, 0])
    read = SourceModel.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(*(one.draw(rows * np.nan, np.random.default_rng(0)) for one in (model, read)))


def test_separated_classes_end_in_finite_slopes():
    numbers = np.concatenate([np.linspace(-2, -1, 30), np.linspace(1, 2, 30)])[:, None]
    model = Discrete.fit(np.repeat([0.0, 1.0], 30), numbers)
    chance = model.probabilities(numbers)[:, 1]
    assert np.isfinite(model.coefficients).all() and chance[:30].max() < 0.05 and chance[30:].min() > 0.95
    few = Discrete.fit(np.array([0.0, 1.0, 1.0, np.nan]), np.array([[0.0], [1.0], [2.0], [3.0]]))
    np.testing.assert_allclose(few.probabilities(np.array([[5.0]])), [[1 / 3, 2 / 3]])


def test_levels_of_three_are_multinomial_in_a_number():
    generator = np.random.default_rng(9)
    x = generator.uniform(-2, 2, (6000, 1))
    logits = np.concatenate([0 * x, 1 + x, 2 * x], axis=1)
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (generator.random((6000, 1)) >= truth.cumsum(axis=1)).sum(axis=1).astype(float)
    model = Discrete.fit(labels, x)
    np.testing.assert_allclose(model.probabilities(x), truth, atol=0.05)
    np.testing.assert_allclose(model.likelihood(labels, x), model.probabilities(x)[np.arange(6000), labels.astype(int)])
    assert model.likelihood(np.array([7.0]), x[:1])[0] == 0


def test_a_written_model_draws_the_same(model):
    read = SourceModel.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    rows = without(people(30), 1, 2)
    drawn = [one.draw(rows, np.random.default_rng(5)) for one in (model, read, model)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])
    np.testing.assert_allclose(read.log_density(people(9)), model.log_density(people(9)))
    assert np.isfinite(model.log_density(people(9))).all() and read.settings == model.settings


def test_what_cannot_be_fitted_is_a_sentence():
    with pytest.raises(MrisynthError, match="no value of any covariate"):
        SourceModel.fit(np.full((4, 5), np.nan), NAMES, seed=1)
    with pytest.raises(MrisynthError, match="'slant' is to be modelled in logarithms"):
        SourceModel.fit(np.array([[-1.0], [2.0]]), NAMES[4:], ModelSettings(log=("slant",)), seed=1)
    zero = SourceModel.fit(np.array([[0.0], [2.0], [5.0]]), NAMES[2:3], seed=1)
    assert not zero.numbers.scaling.log.any()
