"""Means over classes and their intervals, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from mrisynth.metrics.class_means import Estimate, half_sample_estimate, half_samples, mean_over_classes


def _people(count: int) -> list[str]:
    return [f"p{n}" for n in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_items_of_right_and_wrong_give_the_balanced_accuracy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth, read = generator.integers(0, 3, 60), generator.integers(0, 3, 60)
    found = mean_over_classes((truth == read).astype(float), truth.astype(str), groups=_people(60), extremes=(0, 1))
    assert found.value == pytest.approx(balanced_accuracy_score(truth, read))


@pytest.mark.parametrize(
    ("shares", "counts"), [((0.5, 0.5), (20, 20)), ((0.95, 0.9), (15, 40)), ((1.0, 0.97), (8, 12))]
)
def test_the_interval_of_a_balanced_accuracy_holds_the_truth(shares: tuple, counts: tuple) -> None:
    generator = np.random.default_rng(0)
    classes = ["a"] * counts[0] + ["b"] * counts[1]
    held = []
    for _ in range(400):
        right = np.concatenate([generator.random(n) < share for n, share in zip(counts, shares, strict=True)])
        found = mean_over_classes(right.astype(float), classes, groups=_people(len(classes)), extremes=(0, 1))
        low, high = found.ends(lowest=0.0, highest=1.0)
        held.append(low <= np.mean(shares) <= high)
    assert 0.925 < np.mean(held) < 0.995


def test_a_perfect_score_still_has_an_interval_and_its_end_is_one() -> None:
    found = mean_over_classes(np.ones(20), ["a"] * 10 + ["b"] * 10, groups=_people(20), extremes=(0, 1))
    low, high = found.ends(lowest=0.0, highest=1.0)
    assert high == 1.0
    assert 0.75 < low < 0.95


def test_scans_of_one_participant_do_not_count_as_many() -> None:
    right = np.tile([1.0, 0.0], 20).repeat(5)
    alone = mean_over_classes(right, ["a"] * 200, groups=_people(200), extremes=(0, 1))
    together = mean_over_classes(right, ["a"] * 200, groups=[f"p{n // 5}" for n in range(200)], extremes=(0, 1))
    assert alone.value == together.value
    assert together.error == pytest.approx(alone.error * np.sqrt(5), rel=0.1)


def test_a_paired_difference_is_surer_than_two_values() -> None:
    generator = np.random.default_rng(3)
    one = generator.random(60) < 0.7
    other = np.where(generator.random(60) < 0.1, ~one, one)
    classes = ["a", "b"] * 30
    both = [mean_over_classes(x.astype(float), classes, groups=_people(60), extremes=(0, 1)) for x in (one, other)]
    apart = mean_over_classes(one.astype(float) - other, classes, groups=_people(60), extremes=(-1, 1))
    assert apart.value == pytest.approx(both[0].value - both[1].value)
    assert apart.error < 0.7 * np.hypot(both[0].error, both[1].error)


def test_errors_in_years_have_the_plain_standard_error() -> None:
    years = np.random.default_rng(0).exponential(8, 50)
    found = mean_over_classes(years, ["all"] * 50, groups=_people(50))
    assert (found.value, found.error) == pytest.approx((years.mean(), years.std(ddof=1) / np.sqrt(50)))
    assert np.isnan(mean_over_classes(years[:1], ["all"], groups=["p"]).error)
    assert np.isnan(mean_over_classes(years[:0], [], groups=[], extremes=(0, 1)).value)


def test_halves_spread_as_the_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=80)
    found = half_sample_estimate(lambda rows: values[rows].mean(), ["a"] * 80, groups=_people(80), seed=1, halves=2000)
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(80), rel=0.06)


def test_a_half_holds_whole_participants_and_half_of_every_class() -> None:
    groups, classes = [f"p{n // 2}" for n in range(24)], ["a"] * 8 + ["b"] * 16
    for rows in half_samples(classes, groups=groups, seed=0, halves=20):
        assert sorted(set(rows // 2)) == sorted(rows[::2] // 2) == sorted(rows[1::2] // 2)
        assert [(rows < 8).sum(), (rows >= 8).sum()] == [4, 8]
    assert list(half_samples(["a", "b", "b"], groups=list("abc"), seed=0, halves=5)) == []


def test_the_ends_hold_the_value_and_stay_in_their_bounds() -> None:
    assert Estimate(0.5, 0.6, 0.01).ends() == pytest.approx((0.5, 0.6 + 0.0196), abs=1e-4)
    assert Estimate(0.9, 0.9, 0.2).ends(lowest=0.0, highest=1.0)[1] == 1.0
    assert np.isnan(Estimate(0.9, 0.9, float("nan")).ends(highest=1.0)).all()
    assert Estimate(0.5, 0.5, 0.3).widened(0.4).error == pytest.approx(0.5)
