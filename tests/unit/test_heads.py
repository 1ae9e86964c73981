"""Linear heads: the same as scikit-learn's on whole features, and folds that keep participants together."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from mrisynth.errors import MrisynthError
from mrisynth.metrics.heads import PENALTIES, fit_classifier, fit_regressor


def _scans(count: int, width: int, *, classes: int = 2, effect: float = 2.0) -> tuple[np.ndarray, list[str], list[str]]:
    generator = np.random.default_rng(count + width + classes)
    words = [f"c{n}" for n in generator.integers(0, classes, count)]
    features = generator.normal(5.0, 3.0, (count, width))
    features[:, 0] += effect * np.array([int(word[1]) for word in words])
    return features, words, [f"p{n}" for n in range(count)]


@pytest.mark.parametrize(("count", "width", "classes"), [(40, 200, 2), (60, 150, 3), (120, 10, 2), (120, 10, 4)])
def test_a_head_in_the_span_of_its_rows_is_the_head_of_whole_features(count: int, width: int, classes: int) -> None:
    features, words, groups = _scans(count, width, classes=classes)
    others, _, _ = _scans(30, width)
    head = fit_classifier(features, words, groups=groups, seed=0, penalty=0.1)
    scaler = StandardScaler().fit(features)
    whole = LogisticRegression(C=10.0, class_weight="balanced", max_iter=5000, tol=1e-8)
    whole.fit(scaler.transform(features) / np.sqrt(width), words)
    expected = whole.predict_proba(scaler.transform(others) / np.sqrt(width))
    np.testing.assert_allclose(head.probabilities(others), expected, atol=2e-3)
    assert head.classes == list(whole.classes_)


def test_a_regressor_is_ridge_regression_of_whole_features() -> None:
    features, _, groups = _scans(40, 200)
    ages = 50 + 3 * features[:, 1] + np.random.default_rng(0).normal(size=40)
    head = fit_regressor(features, ages, groups=groups, seed=0, penalty=0.1)
    scaler = StandardScaler().fit(features)
    whole = Ridge(0.1).fit(scaler.transform(features) / np.sqrt(200), ages)
    others, _, _ = _scans(30, 200)
    np.testing.assert_allclose(head.numbers(others), whole.predict(scaler.transform(others) / np.sqrt(200)), rtol=1e-6)


def test_the_penalty_is_weak_where_features_tell_and_strong_where_they_do_not() -> None:
    features, words, groups = _scans(80, 20, effect=30.0)
    told = fit_classifier(features, words, groups=groups, seed=0)
    blind = fit_classifier(features[:, 1:], words, groups=groups, seed=0)
    assert told.penalty < blind.penalty
    assert np.mean(told.probabilities(features).argmax(axis=1) == [int(word[1]) for word in words]) > 0.99


def test_the_penalty_is_chosen_by_scans_of_other_participants() -> None:
    """Ten scans of each of ten participants whose label means nothing: between scans of one it can be remembered."""
    generator = np.random.default_rng(1)
    people = generator.normal(size=(10, 30))
    features = np.repeat(people, 10, axis=0) + 0.1 * generator.normal(size=(100, 30))
    words, groups = np.repeat(["a", "b"] * 5, 10).tolist(), np.repeat([f"p{n}" for n in range(10)], 10).tolist()
    by_person = fit_classifier(features, words, groups=groups, seed=0)
    by_scan = fit_classifier(features, words, groups=[f"s{n}" for n in range(100)], seed=0)
    assert by_person.penalty >= 1000 * by_scan.penalty


def test_with_a_single_participant_of_a_class_the_middle_penalty_is_taken() -> None:
    features, _, _ = _scans(6, 8)
    head = fit_classifier(features, ["a", "b", "b", "b", "b", "b"], groups=list("123456"), seed=0)
    assert head.penalty == PENALTIES[len(PENALTIES) // 2]


def test_a_rare_class_counts_as_much_as_a_common_one() -> None:
    generator = np.random.default_rng(0)
    words = ["rare"] * 10 + ["usual"] * 190
    features = generator.normal(size=(200, 3)) + np.array([[1.5 * (word == "rare"), 0, 0] for word in words])
    head = fit_classifier(features, words, groups=[str(n) for n in range(200)], seed=0)
    fresh = generator.normal(size=(400, 3)) + np.array([[1.5, 0, 0]])
    assert np.mean(head.probabilities(fresh).argmax(axis=1) == head.classes.index("rare")) > 0.6


def test_features_that_are_not_finite_are_refused() -> None:
    with pytest.raises(MrisynthError, match="not finite"):
        fit_regressor(np.full((5, 2), np.nan), np.arange(5.0), groups=list("abcde"), seed=0)
