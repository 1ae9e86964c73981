"""The strata prediction score against a toy worked out by hand, and the plan of draws."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.strata import plan_strata
from mrisynth.metrics.strata_scores import Predictions, score_strata

FIELDS = {"model": "mssg", "measured_by": "regressor", "view": "slice 32", "seed": 1}


def toy_plan(num_samples=4):
    """Sixteen heads of ages 0..15, tertiles at 5 and 10: strata of 6, 5 and 5 heads; even rows of A, odd of B."""
    ages = np.arange(16.0)[:, None]
    return plan_strata(ages, ["A", "B"] * 8, covariates=["age"], num_samples=num_samples, seed=3)


def toy_predictions(plan, fakes, reals, *, truth=None, kinds=("continuous",), scales=(2.0,)):
    return Predictions(
        fakes=np.asarray(fakes, float)[:, None], reals=np.asarray(reals, float)[:, None],
        truth=np.asarray(reals if truth is None else truth, float)[:, None], names=["ventricles"], kinds=kinds,
        scales=scales, participants=[f"sub-{row:02d}" for row in range(len(reals))], sources=["A", "B"] * 8,
    )  # fmt: skip


def test_strata_are_thirds_and_draws_half_of_each_source():
    plan = toy_plan(num_samples=7)
    assert [one.reals.tolist() for one in plan.strata] == [list(range(6)), list(range(6, 11)), list(range(11, 16))]
    assert [one.bounds for one in plan.strata] == [((0.0, 5.0),), ((5.0, 10.0),), ((10.0, 15.0),)]
    for one in plan.strata:
        assert set(one.drawn) <= set(one.reals) and ((one.drawn % 2) == 0).sum() == 4 and len(one.drawn) == 7
    assert np.array_equal(plan.rows, toy_plan(num_samples=7).rows) and len(plan.rows) == 21
    assert not len(plan.skipped) and plan.unplaced == plan.unbalanced == 0


def test_three_covariates_make_27_strata_and_small_ones_are_skipped():
    generator = np.random.default_rng(0)
    values = generator.standard_normal((140, 3))
    values[:3, 1] = np.nan
    plan = plan_strata(values, ["A"] * 70 + ["B"] * 70, covariates=["age", "x", "y"], num_samples=10, seed=0)
    assert len(plan.strata) + len(plan.skipped) == 27 and plan.unplaced == 3
    cuts = np.nanquantile(values[3:], [1 / 3, 2 / 3], axis=0)
    counts = np.zeros((3, 3, 3), int)
    for point in values[3:]:
        counts[tuple((point > cuts).sum(axis=0))] += 1
    assert sorted(len(one.reals) for one in plan.strata) == sorted(counts[counts >= 5].tolist())
    assert sorted(plan.skipped["reals"]) == sorted(counts[counts < 5].tolist())
    assert list(plan.skipped.columns) == ["age_min", "age_max", "x_min", "x_max", "y_min", "y_max", "reals"]


def test_a_source_without_images_in_a_stratum_is_replaced_by_the_other():
    plan = plan_strata(np.arange(15.0)[:, None], ["A"] * 5 + ["B"] * 10, covariates=["age"], num_samples=6, seed=0)
    assert plan.unbalanced == 3 and all(len(one.drawn) == 6 for one in plan.strata)


def test_the_score_is_that_of_a_hand_computed_toy():
    plan = toy_plan()
    reals = np.array([1.0, 2, 3, 4, 5, 6] + [10.0, 20, 30, 40, 50] + [7.0] * 5)
    fakes = reals[plan.rows].copy()
    fakes[0:4] += [1, -1, 1, -1]  # first stratum: squared error 1, absolute error 1
    fakes[4:8] += [4, 0, 0, 0]  # second: 4 and 1
    fakes[8:12] += [2, 2, 2, 2]  # third: 4 and 2; the reals do not vary: no r
    found = score_strata(plan, toy_predictions(plan, fakes, reals), **FIELDS)
    table = found.table
    assert table["mse"].tolist() == pytest.approx([1, 4, 4]) and table["mae"].tolist() == pytest.approx([1, 1, 2])
    assert table["standardised_mse"].tolist() == pytest.approx([0.25, 1, 1])
    assert table["num_samples"].tolist() == [4, 4, 4] and table["reals"].tolist() == [6, 5, 5]
    assert table["age_min"].tolist() == [0, 5, 10] and table["age_max"].tolist() == [5, 10, 15]
    for number in range(2):
        mine = slice(4 * number, 4 * number + 4)
        assert table["corr"][number] == pytest.approx(np.corrcoef(fakes[mine], reals[plan.rows[mine]])[0, 1])
    assert np.isnan(table["corr"][2])
    summary = found.summary.set_index("measure")
    assert summary.loc["mse", "weighted"] == pytest.approx((6 * 1 + 5 * 4 + 5 * 4) / 16)
    assert summary.loc["mse", "mean"] == pytest.approx(3) and summary.loc["mse", "sd"] == pytest.approx(np.sqrt(3))
    assert summary.loc["corr", "weighted"] == pytest.approx((6 * table["corr"][0] + 5 * table["corr"][1]) / 11)
    assert summary.loc["corr", ["strata", "left_out", "reals"]].tolist() == [2, 1, 11]
    assert summary.loc["mse", "low"] < summary.loc["mse", "weighted"] < summary.loc["mse", "high"]
    score = found.scored.table.set_index("metric").loc["strata_mse_ventricles"]
    assert score["value"] == pytest.approx(46 / 16) and score["better"] == "lower" and score["n"] == 16


def test_r_of_a_binary_covariate_is_to_the_true_label():
    plan = toy_plan(num_samples=40)
    generator = np.random.default_rng(1)
    truth, reals = np.arange(16) % 2, generator.random(16)
    fakes = np.clip(truth[plan.rows] * 0.5 + 0.3 * generator.random(len(plan.rows)), 0, 1)
    found = score_strata(plan, toy_predictions(plan, fakes, reals, truth=truth, kinds=("binary",)), **FIELDS).table
    first = plan.strata[0].drawn
    assert found["corr"][0] == pytest.approx(np.corrcoef(fakes[:40], truth[first])[0, 1])
    assert found["mse"][0] == pytest.approx(((fakes[:40] - reals[first]) ** 2).mean())


def test_what_does_not_fit_is_refused():
    plan = toy_plan()
    with pytest.raises(MrisynthError, match="11 fakes for the 12 rows"):
        score_strata(plan, toy_predictions(plan, np.zeros(11), np.zeros(16)), **FIELDS)
    with pytest.raises(MrisynthError, match="continuous and binary"):
        toy_predictions(plan, np.zeros(12), np.zeros(16), kinds=("categorical",))
    with pytest.raises(MrisynthError, match="known together"):
        plan_strata(np.full((3, 1), np.nan), ["A"] * 3, covariates=["age"], num_samples=1, seed=0)
    with pytest.raises(MrisynthError, match="0 samples"):
        plan_strata(np.zeros((3, 1)), ["A"] * 3, covariates=["age"], num_samples=0, seed=0)


def test_without_any_large_stratum_there_is_no_score():
    plan = plan_strata(np.arange(6.0)[:, None], ["A"] * 6, covariates=["age"], num_samples=2, seed=0)
    found = Predictions(
        fakes=np.empty((0, 1)), reals=np.zeros((6, 1)), truth=np.zeros((6, 1)), names=["x"], kinds=["continuous"],
        scales=[1.0], participants=list("abcdef"), sources=["A"] * 6,
    )  # fmt: skip
    scored = score_strata(plan, found, **FIELDS)
    assert not len(scored.table) and scored.scored.table["value"].isna().all() and len(plan.skipped) == 3
