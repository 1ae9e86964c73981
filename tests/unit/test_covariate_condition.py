"""Conditions of covariates: who is of which source, what is hidden, and what networks and people are told."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mrisynth.conditions import read_condition, write_condition
from mrisynth.covariate_condition import build_covariate_condition, covariate_rows
from mrisynth.covariate_wishes import covariate_wish_of
from mrisynth.covariates.rows import CovariateRows
from mrisynth.errors import MrisynthError
from mrisynth.told import ToldCovariates

SOURCES = {
    "first": {"where": {"site": ["north"]}, "covariates": ["age", "ventricles_ml"]},
    "second": {"where": {"site": ["south"]}, "covariates": ["age", "left_ml", "diagnosis"]},
}


def _scans(count: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(1)
    age = random.uniform(20, 80, count)
    table = pd.DataFrame({"scan": [f"scan-{number:03d}" for number in range(count)]})
    table["participant_id"] = [f"sub-{number // 2:03d}" for number in range(count)]
    table["site"] = random.choice(["north", "south"], count)
    table["split"] = random.choice(["train", "train", "test"], count)
    table["age"] = age.round(1)
    table["ventricles_ml"] = np.exp(2 + 0.02 * age + random.normal(0, 0.1, count))
    table["left_ml"] = 4 - 0.01 * age + random.normal(0, 0.2, count)
    table["diagnosis"] = pd.Series(random.choice(["atrophy", "control"], count)).where(random.random(count) < 0.9)
    return table


@pytest.fixture
def condition():
    return build_covariate_condition("volumes", _scans(), sources=SOURCES, seed=3)


def test_classes_are_the_sources_and_what_a_source_does_not_know_is_hidden(condition):
    scans, table = _scans(), condition.table
    assert condition.classes == ["first", "second"]
    assert (table["label_name"] == np.where(scans["site"] == "north", "first", "second")).all()
    north = (scans["site"] == "north").to_numpy()
    assert table.loc[north, ["left_ml", "diagnosis"]].isna().all(axis=None)
    assert table.loc[~north, "ventricles_ml"].isna().all()
    pd.testing.assert_series_equal(table["age"], scans["age"])
    assert table.loc[~north, "diagnosis"].isna().any()  # missing in the study stays missing


def test_numbers_are_standardised_by_the_training_scans_that_know_them(condition):
    scans = _scans()
    rows = covariate_rows(condition, list(scans["scan"]))
    assert condition.covariates.columns == (2, 0, 0, 0, 2)
    train = (scans["split"] == "train").to_numpy()
    known = train & (scans["site"] == "north").to_numpy()
    logarithms = np.log(scans["ventricles_ml"].to_numpy())
    expected = (logarithms - logarithms[known].mean()) / logarithms[known].std()
    np.testing.assert_allclose(rows[known, 2], expected[known], atol=1e-9)
    assert rows[train, 1].mean() == pytest.approx(0, abs=1e-9)
    assert set(rows[~np.isnan(rows[:, 4]), 4]) == {0.0, 1.0}
    values, sources = condition.covariates.values(rows)
    np.testing.assert_allclose(values[:, 0], scans["age"], atol=1e-9)
    assert (sources == (scans["site"] == "south")).all()


def test_it_is_read_as_it_was_written_and_draws_the_same(condition, tmp_path):
    write_condition(condition, tmp_path / "volumes.tsv")
    again = read_condition(tmp_path / "volumes.tsv")
    scans = list(_scans()["scan"][:9])
    rows = covariate_rows(condition, scans)
    np.testing.assert_allclose(covariate_rows(again, scans), rows, rtol=1e-9)
    one, other = (kind.covariates.complete(rows, np.random.default_rng(5)) for kind in (condition, again))
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert not np.isnan(one).any()
    np.testing.assert_array_equal(one[~np.isnan(rows)], rows[~np.isnan(rows)])
    assert again.classes == condition.classes


def test_what_is_missing_is_drawn_beside_what_is_known(condition):
    rows = np.full((4000, 5), np.nan)
    rows[:, 0], rows[:2000, 1], rows[2000:, 1] = 0, -1.5, 1.5
    values, _ = condition.covariates.values(condition.covariates.complete(rows, np.random.default_rng(2)))
    young, old = values[:2000], values[2000:]
    assert np.median(young[:, 2]) - np.median(old[:, 2]) == pytest.approx(0.01 * (old[0, 0] - young[0, 0]), rel=0.35)
    assert np.median(np.log(old[:, 1] / np.median(young[:, 1]))) == pytest.approx(
        0.02 * (old[0, 0] - young[0, 0]), rel=0.2
    )


def test_a_part_cuts_by_participant_and_stays_where_it_is():
    parts = {
        "one": {"part": [0, 0.5], "covariates": ["age", "ventricles_ml"]},
        "two": {"part": [0.5, 1], "covariates": ["age", "left_ml"]},
    }
    scans = _scans(400)
    both = build_covariate_condition("both", scans, sources=parts, seed=3).table
    people = both.groupby(scans["participant_id"])["label"].nunique()
    assert (people == 1).all()
    assert 0.4 < (both["label"] == 0).mean() < 0.6
    alone = build_covariate_condition("alone", scans, sources={"two": parts["two"]}, seed=3)
    assert alone.classes == []
    assert ((alone.table["label"] == 0) == (both["label"] == 1)).all()
    fewer = build_covariate_condition("both", scans[100:], sources=parts, seed=3).table
    assert (fewer["label"].to_numpy() == both["label"][100:].to_numpy()).all()


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"a": {"covariates": ["height"]}}, "height, which is not known"),
        ({"a": {"covariates": ["age"]}, "b": {"covariates": ["age"]}}, "is of source a, too"),
        ({"a": {"where": {"site": ["east"]}, "covariates": ["age"]}}, "no training scan"),
        ({"a": {"where": {"town": ["east"]}, "covariates": ["age"]}}, "where names town"),
        ({"a": {"covariates": ["label"]}}, "which no covariate can be"),
    ],
)
def test_what_does_not_fit_is_named(sources, words):
    with pytest.raises(MrisynthError, match=words):
        build_covariate_condition("volumes", _scans(), sources=sources, seed=3)


def test_a_covariate_that_no_training_scan_has_is_named():
    scans = _scans()
    scans.loc[scans["split"] == "train", "left_ml"] = np.nan
    with pytest.raises(MrisynthError, match="left_ml has no value"):
        build_covariate_condition("volumes", scans, sources=SOURCES, seed=3)


def test_people_read_labels_in_real_units(condition):
    told = ToldCovariates(condition.covariates)
    scan = condition.table.index[condition.table["label_name"] == "second"][0]
    row = covariate_rows(condition, [condition.table["scan"][scan]])[0]
    found = told.values(tuple(row))
    assert found["source"] == told.name(tuple(row)) == "second"
    assert found["age"] == pytest.approx(condition.table["age"][scan], rel=1e-5)
    assert found["ventricles_ml"] == "n/a"
    assert set(told.values(told.nothing).values()) == {"n/a"}
    assert told.number(told.nothing) == -1


@pytest.fixture
def facts(condition):
    plain = json.loads(json.dumps(condition.covariates.to_dict(), allow_nan=False))
    return {"covariates": plain, "label_counts": [30, 10], "model": {"name": "mssg"}}


def test_wishes_are_kept_and_the_rest_is_drawn_beside_them(facts):
    rows = CovariateRows.from_dict(facts["covariates"])
    wish = covariate_wish_of({"age": 71, "source": "second", "diagnosis": "atrophy"}, facts=facts)
    drawn = np.array([wish.draw(seed) for seed in range(50)])
    values, sources = rows.values(drawn)
    assert set(sources) == {1}
    np.testing.assert_allclose(values[:, 0], 71)
    assert set(values[:, 3]) == {0.0}
    assert len(set(values[:, 1])) == 50
    assert wish.draw(7) == tuple(drawn[7])


def test_without_a_wish_sources_come_as_often_as_in_the_training_set(facts):
    wish = covariate_wish_of(None, facts=facts)
    drawn = [wish.draw(seed)[0] for seed in range(400)]
    assert np.mean(drawn) == pytest.approx(0.25, abs=0.07)
    assert {covariate_wish_of("second", facts=facts).draw(1)[0], covariate_wish_of(1, facts=facts).draw(1)[0]} == {1.0}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"weight": 3}, "no covariate 'weight'; it has source, age"),
        ({"age": "old"}, "expected a number"),
        ({"diagnosis": "ill"}, "expected one of atrophy, control"),
        ({"ventricles_ml": -2}, "above 0"),
        ("third", "no source 'third'"),
    ],
)
def test_a_wish_that_cannot_be_kept_is_named(facts, wish, words):
    with pytest.raises(MrisynthError, match=words):
        covariate_wish_of(wish, facts=facts)


def test_the_models_of_what_is_missing_follow_their_settings():
    published = {"covariance": "marginal", "age": "beta", "components": 3, "log": []}
    rows = build_covariate_condition("volumes", _scans(), sources=SOURCES, completion=published, seed=3).covariates
    assert not rows.logarithmic.any()
    settings = {name: model.settings.to_dict() for name, model in rows.completion.models.items()}
    assert settings == dict.fromkeys(("first", "second"), published)
    with pytest.raises(MrisynthError, match=r"conditions\.volumes: covariance is 'none'"):
        build_covariate_condition("volumes", _scans(), sources=SOURCES, completion={"covariance": "none"}, seed=3)


def test_words_that_are_no_categories_are_named():
    scans = _scans()
    scans["town"], scans["name"] = "Leeds", scans["scan"]
    for column, words in (
        ("name", r"conditions\.volumes: the covariate name has \d+ different words"),
        ("town", "'town'"),
    ):
        with pytest.raises(MrisynthError, match=words):
            build_covariate_condition("volumes", scans, sources={"a": {"covariates": ["age", column]}}, seed=3)
