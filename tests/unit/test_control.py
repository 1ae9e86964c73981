"""Control: each comparison by hand, sources apart, missing values, intervals that hold, and paired differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.control import SUMMARY, ControlValues, score_control
from mrisynth.metrics.control_pairs import compare_control
from mrisynth.metrics.pairs import compare_models
from mrisynth.metrics.participant_draws import ParticipantDraws

FIELDS = {"model": "mssg", "measured_by": "regressor", "view": "slice 32", "seed": 1}


def values(noise=0.5, *, people=24, seed=0) -> ControlValues:
    generator = np.random.default_rng(seed)
    persons = [f"sub-{number:02d}" for number in range(people) for _ in range(2)]
    own = np.repeat(generator.standard_normal((people, 2)), 2, axis=0) * (10, 1) + (60, 4)
    sex = np.repeat(generator.integers(0, 2, people), 2)[:, None]
    stage = np.repeat(generator.integers(0, 3, people), 2)[:, None]
    truth = np.hstack([own, sex, stage]).astype(float)
    around = np.random.default_rng(seed + 1)

    def near(amount: float) -> np.ndarray:
        moved = truth + amount * around.standard_normal(truth.shape) * (10, 1, 0.5, 0)
        moved[:, 2] = moved[:, 2].clip(0, 1)
        return moved

    return ControlValues(
        requested=truth, measured=near(noise), real_measured=near(0.3), truth=truth,
        names=["age", "ventricles", "sex", "stage"], kinds=["continuous", "continuous", "binary", "categorical"],
        participants=persons, sources=["A" if number % 4 < 2 else "B" for number in range(2 * people)],
        scales=np.array([10.0, 1.0, 1.0, 1.0]), told={"A": ["age", "ventricles"], "B": ["age"]},
    )  # fmt: skip


def row(summary, **where):
    for name, value in where.items():
        summary = summary[summary[name] == value]
    assert len(summary) == 1
    return summary.iloc[0]


def test_each_comparison_is_what_its_name_says():
    one = values()
    found = score_control(one, **FIELDS)
    assert list(found.summary.columns) == SUMMARY
    sides = {
        "requested": (one.measured, one.requested),
        "paired": (one.measured, one.real_measured),
        "ceiling": (one.real_measured, one.truth),
    }
    for comparison, (here, there) in sides.items():
        for source, mine in {"all": slice(None), "B": np.array(one.sources) == "B"}.items():
            where = {"comparison": comparison, "source": source, "covariate": "age"}
            r = row(found.summary, measure="r", **where)
            assert r["value"] == pytest.approx(np.corrcoef(here[mine, 0], there[mine, 0])[0, 1])
            error = row(found.summary, measure="standardised_mse", **where)
            assert error["value"] == pytest.approx(((here[mine, 0] - there[mine, 0]) ** 2).mean() / 100)
            assert error["low"] < error["value"] < error["high"] and -1 < r["low"] < r["value"] < r["high"] < 1
            assert r["n"] == (48 if source == "all" else 24) and r["participants"] == r["n"] // 2
    right = (one.measured[:, 2] >= 0.5) == one.requested[:, 2]
    shown = row(found.summary, comparison="requested", source="all", covariate="sex", measure="accuracy")
    assert shown["value"] == pytest.approx(right.mean())
    told = found.summary.drop_duplicates(["source", "covariate"]).set_index(["source", "covariate"])["told"]
    assert [told[key] for key in (("A", "ventricles"), ("B", "ventricles"), ("all", "ventricles"), ("all", "age"))] == [
        "yes", "no", "no", "yes",
    ]  # fmt: skip


def test_scores_stand_beside_what_real_images_reach():
    found = score_control(values(), **FIELDS)
    table = found.scored.table.set_index("metric")
    ceiling = row(found.summary, comparison="ceiling", source="A", covariate="age", measure="r")
    score = table.loc["control_requested_r_age_A"]
    assert (
        score["floor"] == pytest.approx(ceiling["value"]) and score["floor_low"] < score["floor"] < score["floor_high"]
    )
    assert np.isnan(table.loc["control_paired_r_age", "floor"]) and score["better"] == "higher" and score["n"] == 12
    assert table.loc["control_requested_mae_age", "better"] == "lower" and set(table["features"]) == {"regressor"}


def test_missing_values_are_left_out_and_counted():
    whole, one = values(), values()
    one.measured[:6, 0], one.requested[6:8, 0], one.truth[:, 1] = np.nan, np.nan, np.nan
    summary = score_control(one, **FIELDS).summary
    r = row(summary, comparison="requested", source="all", covariate="age", measure="r")
    assert r["value"] == pytest.approx(np.corrcoef(whole.measured[8:, 0], whole.requested[8:, 0])[0, 1])
    assert (r["n"], r["left_out"]) == (40, 6)
    unknown = row(summary, comparison="ceiling", source="all", covariate="ventricles", measure="mse")
    assert np.isnan(unknown["value"]) and unknown["warning"] == "Not computed: no rows."


def test_too_few_participants_have_no_interval_and_one_source_no_parts():
    one = values(people=3)
    one = replace(one, sources=["A"] * 6)
    found = score_control(one, **FIELDS)
    r = row(found.summary, comparison="requested", covariate="age", measure="r")
    assert r["source"] == "all" and np.isfinite(r["value"]) and np.isnan(r["low"])
    assert r["warning"] == "No interval: 3 participants, 4 or more are needed." and not found.scored.replicates


def test_arrays_that_do_not_belong_together_are_refused():
    one = values()
    with pytest.raises(MrisynthError, match="measured values"):
        replace(one, measured=one.measured[:-1])
    with pytest.raises(MrisynthError, match="ordinal"):
        replace(one, kinds=["continuous", "ordinal", "binary", "categorical"])
    with pytest.raises(MrisynthError, match="above 0"):
        replace(one, scales=np.zeros(4))
    with pytest.raises(MrisynthError, match="1 sources"):
        replace(one, sources=["A"])


@pytest.mark.parametrize(("measure", "truth"), [("r", 0.8), ("mse", 0.36)])
def test_intervals_over_participants_hold_the_truth(measure, truth):
    """20 participants with two rows each, whose errors are half their own: rows alone would give too narrow ones."""
    generator, held, trials = np.random.default_rng(5), 0, 100
    for trial in range(trials):
        wanted = np.repeat(generator.standard_normal(20), 2)
        own, each = np.repeat(generator.standard_normal(20), 2), generator.standard_normal(40)
        found = 0.8 * wanted + 0.6 * (own + each) / np.sqrt(2)
        if measure == "mse":
            found += 0.2 * wanted
        one = ControlValues(
            requested=wanted[:, None], measured=found[:, None], real_measured=found[:, None], truth=wanted[:, None],
            names=["age"], kinds=["continuous"], participants=[str(row // 2) for row in range(40)], sources=["A"] * 40,
            scales=np.ones(1),
        )  # fmt: skip
        summary = score_control(one, **(FIELDS | {"seed": trial}), replicates=60).summary
        found_row = row(summary, comparison="requested", covariate="age", measure=measure)
        held += found_row["low"] <= truth <= found_row["high"]
    assert 0.88 <= held / trials <= 0.99


def test_draws_do_not_depend_on_the_order_of_rows():
    people, sources = ["a", "a", "b", "c", "d"], ["A", "A", "A", "B", "B"]
    order = [4, 2, 0, 3, 1]
    one = ParticipantDraws(people, sources, seed=3, replicates=20)
    other = ParticipantDraws([people[row] for row in order], [sources[row] for row in order], seed=3, replicates=20)
    assert np.array_equal(one.weights[:, order], other.weights)
    assert (one.weights.sum(axis=1)[1:] >= 4).all() and one.sources == ["all", "A", "B"]


def test_models_asked_for_the_same_are_compared_in_pairs():
    good, poor = values(0.4), values(1.5)
    found = compare_control({"good": good, "poor": poor}, seed=1)
    r = row(found, comparison="requested", source="all", covariate="age", measure="r")
    ours = [np.corrcoef(one.measured[:, 0], one.requested[:, 0])[0, 1] for one in (good, poor)]
    assert r["difference"] == pytest.approx(ours[0] - ours[1]) and 0 < r["low"] < r["difference"] < r["high"]
    assert r["ahead"] == "good" and [r["value_one"], r["value_other"]] == pytest.approx(ours)
    error = row(found, comparison="requested", source="all", covariate="age", measure="mse")
    assert error["difference"] < 0 and error["ahead"] == "good"
    same = compare_control({"one": good, "two": good}, seed=1)
    assert (same["difference"].dropna() == 0).all() and set(same["ahead"]) == {"undecided"}
    with pytest.raises(MrisynthError, match="same labels"):
        compare_control({"good": good, "other": values(seed=7)}, seed=1)


def test_pairs_only_count_images_measured_of_both():
    good, poor = values(0.4), values(1.5)
    poor.measured[:4, 0] = np.nan
    found = compare_control({"good": good, "poor": poor}, seed=1)
    r = row(found, comparison="requested", source="all", covariate="age", measure="r")
    assert r["n"] == 44 and r["value_one"] == pytest.approx(
        np.corrcoef(good.measured[4:, 0], good.requested[4:, 0])[0, 1]
    )


def test_the_house_compares_models_by_their_resampled_values():
    """The comparison of all scores pairs the same draws: its interval is about that of the paired comparison."""
    models = {"good": values(0.4), "poor": values(1.5)}
    scored = {name: score_control(one, **(FIELDS | {"model": name})).scored for name, one in models.items()}
    table = pd.concat([one.table for one in scored.values()])
    pairs = compare_models(table, {key: value for one in scored.values() for key, value in one.replicates.items()})
    theirs = row(pairs, metric="control_requested_r_age")
    ours = row(compare_control(models, seed=1), comparison="requested", source="all", covariate="age", measure="r")
    assert theirs["ahead"] == "good" and theirs["difference"] == pytest.approx(ours["difference"])
    assert theirs["high"] - theirs["low"] == pytest.approx(ours["high"] - ours["low"], rel=0.1)
