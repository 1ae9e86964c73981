"""Measures of agreement against scikit-learn and numpy, and weights against rows that stand there so often."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from mrisynth.errors import MrisynthError
from mrisynth.metrics.agreement import agreement, better


def test_errors_and_correlation_are_those_of_numpy():
    generator = np.random.default_rng(0)
    wanted = 1500 + 80 * generator.standard_normal(40)
    found = 0.6 * wanted + 500 + 50 * generator.standard_normal(40)
    measures = {name: float(value[0]) for name, value in agreement(found, wanted, kind="continuous", scale=80).items()}
    assert measures["mse"] == pytest.approx(metrics.mean_squared_error(wanted, found))
    assert measures["mae"] == pytest.approx(metrics.mean_absolute_error(wanted, found))
    assert measures["standardised_mse"] == pytest.approx(measures["mse"] / 6400)
    assert measures["standardised_mae"] == pytest.approx(measures["mae"] / 80)
    assert measures["r"] == pytest.approx(np.corrcoef(found, wanted)[0, 1])


def test_a_binary_covariate_has_the_measures_of_scikit_learn():
    generator = np.random.default_rng(1)
    wanted, found = generator.integers(0, 2, 60).astype(float), generator.random(60)
    answer, measures = (found >= 0.5).astype(int), agreement(found, wanted, kind="binary")
    theirs = {
        "accuracy": metrics.accuracy_score, "precision": metrics.precision_score, "recall": metrics.recall_score,
        "f1": metrics.f1_score, "balanced_accuracy": metrics.balanced_accuracy_score,
    }  # fmt: skip
    for name, function in theirs.items():
        assert measures[name][0] == pytest.approx(function(wanted.astype(int), answer)), name


def test_categories_have_the_measures_of_scikit_learn():
    generator = np.random.default_rng(2)
    wanted = generator.integers(0, 3, 60)
    found = np.where(generator.random(60) < 0.6, wanted, generator.integers(0, 3, 60))
    measures = agreement(found.astype(float), wanted.astype(float), kind="categorical")
    assert measures["accuracy"][0] == pytest.approx(metrics.accuracy_score(wanted, found))
    assert measures["balanced_accuracy"][0] == pytest.approx(metrics.balanced_accuracy_score(wanted, found))


@pytest.mark.parametrize("kind", ["continuous", "binary", "categorical"])
def test_a_weight_is_a_row_that_stands_there_so_often(kind):
    generator = np.random.default_rng(3)
    wanted = generator.integers(0, 2 if kind == "binary" else 3, 30).astype(float)
    found = np.clip(wanted + generator.integers(-1, 2, 30), 0, 2)
    times = generator.integers(0, 4, 30)
    weighted = agreement(found, wanted, kind=kind, weights=times[None].astype(float))
    repeated = agreement(np.repeat(found, times), np.repeat(wanted, times), kind=kind)
    for name, value in repeated.items():
        assert weighted[name][0] == pytest.approx(value[0]), name


def test_what_cannot_be_computed_is_missing():
    constant = np.full(5, 0.1) * 3  # 0.30000000000000004
    assert np.isnan(agreement(constant, np.arange(5.0), kind="continuous")["r"][0])
    never = agreement(np.zeros(4), np.zeros(4), kind="binary")
    assert never["accuracy"][0] == 1 and all(np.isnan(never[name][0]) for name in ("precision", "recall", "f1"))
    assert np.isnan(agreement(np.empty(0), np.empty(0), kind="continuous")["mse"][0])
    assert better("mse") == "lower" and better("r") == "higher"
    with pytest.raises(MrisynthError, match="ordinal"):
        agreement(np.zeros(2), np.zeros(2), kind="ordinal")
