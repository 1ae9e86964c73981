"""The calibration of a classifier by scans that it has not seen."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from mrisynth.errors import MrisynthError
from mrisynth.metrics.calibration import calibrate
from mrisynth.metrics.roc import roc_points

TWO, THREE = ["control", "atrophy"], ["a", "b", "c"]


def people(count: int, *, slices_each: int = 1) -> list[str]:
    return [f"sub-{number // slices_each}" for number in range(count)]


def biased_answers(count: int, *, slope: float, offset: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes whose log-odds would be right as slope * log-odds + offset, and the labels."""
    generator = np.random.default_rng(3)
    right = generator.normal(0, 2.5, count)
    labels = (generator.random(count) < expit(right)).astype(np.int64)
    said = expit((right - offset) / slope)
    return np.stack([1 - said, said], axis=1), labels


def test_two_classes_agree_with_a_logistic_regression_on_log_odds():
    chances, labels = biased_answers(4000, slope=0.5, offset=1.5)
    found = calibrate(chances, labels, people(4000), classes=TWO)
    odds = np.log(chances[:, 1] / chances[:, 0])[:, None]
    reference = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-10).fit(odds, labels)
    assert found.slope == pytest.approx(reference.coef_[0, 0], rel=0.01)
    assert found.offsets[1] - found.offsets[0] == pytest.approx(reference.intercept_[0], abs=0.02)
    assert np.allclose(found.applied(chances)[:, 1], reference.predict_proba(odds)[:, 1], atol=0.01)


def test_a_threshold_that_was_off_is_mended_and_the_order_stays():
    chances, labels = biased_answers(2000, slope=0.7, offset=-3.0)
    found = calibrate(chances[:1000], labels[:1000], people(1000, slices_each=4), classes=TWO)
    before, after = chances[1000:], found.applied(chances[1000:])
    truth = labels[1000:]
    shares = [[(side.argmax(axis=1) == truth)[truth == label].mean() for label in (0, 1)] for side in (before, after)]
    assert min(shares[0]) < 0.6 < 0.75 < min(shares[1])
    areas = [roc_points(side, truth, positive=1).area for side in (before, after)]
    assert areas[0] == pytest.approx(areas[1], abs=1e-12)


def test_three_classes_get_back_the_offsets_that_were_taken():
    generator = np.random.default_rng(5)
    right = generator.normal(0, 2, (6000, 3))
    chances = softmax(right, axis=1)
    labels = (chances.cumsum(axis=1) < generator.random((6000, 1))).sum(axis=1)
    taken = np.array([1.0, -2.0, 1.0])
    found = calibrate(softmax((right - taken) / 0.5, axis=1), labels, people(6000), classes=THREE)
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert np.allclose(found.offsets, taken, atol=0.12) and sum(found.offsets) == pytest.approx(0, abs=1e-9)


def test_few_people_told_apart_without_fault_make_nobody_sure():
    labels = np.array([0, 0, 0, 1, 1, 1])
    chances = np.where(labels[:, None] == [0, 1], 0.9, 0.1)
    few = calibrate(chances, labels, people(6), classes=TWO).applied(chances)
    assert few[0, 0] == pytest.approx(4 / 5, abs=1e-4), "three people a class: (3 + 1) / (3 + 2)"
    one_each = calibrate(chances, labels, ["x", "x", "x", "y", "y", "y"], classes=TWO).applied(chances)
    assert one_each[0, 0] == pytest.approx(2 / 3, abs=1e-4)


def test_missing_labels_are_left_out_and_a_class_of_nobody_has_no_calibration():
    chances, labels = biased_answers(200, slope=1.0, offset=1.0)
    labels[::5] = -1
    kept = labels >= 0
    told = calibrate(chances, labels, people(200), classes=TWO)
    alone = calibrate(chances[kept], labels[kept], [f"p{n}" for n in range(kept.sum())], classes=TWO)
    assert told.participants == alone.participants and told.offsets == pytest.approx(alone.offsets, abs=1e-9)
    assert calibrate(chances, np.minimum(labels, 0), people(200), classes=TWO) is None


def test_probabilities_of_other_classes_are_refused():
    chances, labels = biased_answers(50, slope=1.0, offset=1.0)
    with pytest.raises(MrisynthError, match=r"\(50, 3\); expected \[n, 2\]"):
        calibrate(chances, labels, people(50), classes=TWO).applied(np.ones((50, 3)) / 3)
