"""Gaussian mixtures against Gaussians that are known, scipy's densities and brute force."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mrisynth.covariates.incomplete import gaussian_of_incomplete
from mrisynth.covariates.mixture import Mixture

MEAN = np.array([0.3, -0.2, 0.5])
SPREAD = np.array([[1.0, 0.6, -0.4], [0.6, 1.2, 0.1], [-0.4, 0.1, 0.8]])
TWO = Mixture(
    np.array([0.3, 0.7]),
    np.array([[-2.0, 0.0, 1.0], [1.0, 0.5, -1.0]]),
    np.array([[[0.5, 0.2, 0.0], [0.2, 0.6, 0.1], [0.0, 0.1, 0.4]], SPREAD]),
)


def one(covariance: str) -> Mixture:
    return Mixture(np.ones(1), MEAN[None], SPREAD[None], covariance)


@pytest.mark.parametrize("known", [[0], [2], [0, 2], [1, 0]])
def test_draws_have_the_mean_and_the_covariance_of_the_known_gaussian(known):
    """Mean m_y + S_yx S_xx^-1 (x - m_x) and the Schur complement, worked out here by the inverse of the whole matrix."""
    x = np.array([1.3, -0.7, 0.4])
    free = np.setdiff1d(range(3), known)
    precision = np.linalg.inv(SPREAD)
    covariance = np.linalg.inv(precision[np.ix_(free, free)])
    mean = MEAN[free] - covariance @ precision[np.ix_(free, known)] @ (x - MEAN)[known]
    rows = np.full((40_000, 3), np.nan)
    rows[:, known] = x[known]
    drawn = one("conditional").draw(rows, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn[:, known], rows[:, known])
    np.testing.assert_allclose(drawn[:, free].mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(np.cov(drawn[:, free].T), covariance.squeeze(), atol=0.02)


def test_the_published_covariance_is_too_wide_by_as_much_as_is_known_of_it():
    """Fact 9: with correlation r the variance of draws is 1 + r^2, and the correlation r / sqrt(1 + r^2)."""
    r = 0.8
    spread, rows = np.array([[1.0, r], [r, 1.0]]), np.full((60_000, 2), np.nan)
    generator = np.random.default_rng(2)
    rows[:, 0] = generator.standard_normal(len(rows))
    for covariance, variance, correlation in (("conditional", 1, r), ("marginal", 1 + r**2, r / np.sqrt(1 + r**2))):
        drawn = Mixture(np.ones(1), np.zeros((1, 2)), spread[None], covariance).draw(rows, generator)
        assert drawn[:, 1].var() == pytest.approx(variance, abs=0.03)
        assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(correlation, abs=0.01)


def test_the_component_follows_from_what_is_known():
    """Given x, draws have the mean and variance of p(y | x), integrated here from the joint density on a grid."""
    x, grid = np.array([-0.6, 0.4]), np.linspace(-6, 6, 4001)
    points = np.column_stack([np.full(4001, x[0]), grid, np.full(4001, x[1])])
    density = np.exp(TWO.log_density(points))
    density /= density.sum()
    mean = density @ grid
    drawn = TWO.draw(np.tile([x[0], np.nan, x[1]], (40_000, 1)), np.random.default_rng(3))[:, 1]
    assert drawn.mean() == pytest.approx(mean, abs=0.02)
    assert drawn.var() == pytest.approx(density @ (grid - mean) ** 2, abs=0.03)


def test_densities_of_any_part_are_those_of_scipy():
    rows = np.random.default_rng(4).normal(size=(6, 3))
    rows[[0, 1, 2, 3], [0, 1, 2, 2]] = np.nan
    rows[3, 0], rows[5] = np.nan, np.nan
    expected = []
    for row in rows:
        x = ~np.isnan(row)
        parts = [
            weight * multivariate_normal(mean[x], covariance[np.ix_(x, x)]).pdf(row[x]) if x.any() else weight
            for weight, mean, covariance in zip(TWO.weights, TWO.means, TWO.covariances, strict=True)
        ]
        expected.append(np.log(np.sum(parts)))
    np.testing.assert_allclose(TWO.log_density(rows), expected, atol=1e-10)


def test_a_fit_finds_the_groups_and_is_the_same_for_the_same_seed():
    generator = np.random.default_rng(5)
    rows = np.concatenate([generator.normal(-2, 0.4, (150, 2)), generator.normal(2, 0.4, (350, 2))])
    found, again = (Mixture.fit(rows, components=6, seed=7) for _ in range(2))
    assert sorted(found.weights.round(2)) == [0.3, 0.7]
    np.testing.assert_array_equal(found.means, again.means)
    assert len(Mixture.fit(rows[:150], components=6, seed=7).weights) == 1
    assert len(Mixture.fit(rows, components=1, seed=7).weights) == 1
    read = Mixture.from_dict(json.loads(json.dumps(found.to_dict())))
    blank = np.full((5, 2), np.nan)
    np.testing.assert_array_equal(
        *(model.draw(blank, np.random.default_rng(8)) for model in (found, read)), strict=True
    )


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12])
def test_few_rows_make_a_gaussian_that_draws_numbers(count):
    rows = np.random.default_rng(count).normal(size=(count, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Mixture.fit(rows, components=5, seed=1)
    drawn = model.draw(np.full((500, 3), np.nan), np.random.default_rng(0))
    assert len(model.weights) == 1 and np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=0.3)


def test_incomplete_rows_teach_what_they_hold():
    """Of three columns the first is always known and the others never together: both regressions are found."""
    generator = np.random.default_rng(6)
    rows = generator.multivariate_normal(MEAN, SPREAD, size=6000)
    rows[::2, 1], rows[1::2, 2] = np.nan, np.nan
    mean, spread = gaussian_of_incomplete(rows, ridge=0.0)
    np.testing.assert_allclose(mean, MEAN, atol=0.06)
    np.testing.assert_allclose(np.diag(spread), np.diag(SPREAD), atol=0.08)
    np.testing.assert_allclose(spread[0], SPREAD[0], atol=0.06)
    model = Mixture.fit(rows, components=4, seed=1)
    np.testing.assert_allclose(model.means[0], MEAN, atol=0.06)


def test_complete_rows_give_their_own_moments():
    rows = np.random.default_rng(7).normal(size=(30, 2)) @ [[1.0, 0.5], [0.0, 1.0]]
    mean, spread = gaussian_of_incomplete(rows, ridge=0.01)
    np.testing.assert_allclose(mean, rows.mean(axis=0))
    np.testing.assert_allclose(spread, np.cov(rows.T, bias=True) + 0.01 * np.eye(2))
