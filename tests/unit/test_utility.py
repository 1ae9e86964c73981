"""Utility: planted samples are as good as real scans, mislabelled ones as good as guessing, and gaps are said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from mrisynth.conditions import Condition, build_condition
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.roc import area
from mrisynth.metrics.utility import SHARE, Draw, draw_rows, plan_utility, utility_task
from mrisynth.metrics.utility_heads import linear_predictions
from mrisynth.metrics.utility_scores import reverse_scores, utility_scores
from mrisynth.prediction_tables import predictions_of_table, table_of_predictions
from mrisynth.utility_study import utility_of_model

META = {"features": "planted", "weights_sha256": "none", "trained": True, "view": 32}
SETTINGS = {"targets": ["sex", "age", "diagnosis"], "repeats": 5, "equal_numbers": True}
COUNT = 160


def _brains(generator: np.random.Generator, sex: np.ndarray, age: np.ndarray) -> np.ndarray:
    features = generator.normal(size=(len(sex), 10))
    features[:, 0] += 2.5 * (sex == "m")
    features[:, 1] += (age - 50) / 8
    return features.astype(np.float32)


def _study(seed: int = 0) -> tuple[pd.DataFrame, Embeddings, Condition]:
    generator = np.random.default_rng(seed)
    names = [f"scan-{n:03d}" for n in range(COUNT)]
    scans = pd.DataFrame({"scan": names, "participant_id": names, "split": ["train", "train", "test", "train"] * 40})
    scans["sex"], scans["age"] = generator.choice(["f", "m"], COUNT), generator.uniform(20, 80, COUNT)
    scans["age_tercile"] = [["low", "middle", "high"][n] for n in np.digitize(scans["age"], [40, 60])]
    scans["diagnosis"] = None
    condition = build_condition("demographics", scans, kind="categorical", columns=["sex", "age_tercile"])
    features = _brains(generator, scans["sex"].to_numpy(), scans["age"].to_numpy())
    return scans, Embeddings(features, names, META), condition


def _samples(condition: Condition, *, count: int = 150, mislabelled: bool = False) -> tuple[Embeddings, list[int]]:
    """Return new scans of every class, with its label or with that of another."""
    generator = np.random.default_rng(9)
    asked = generator.integers(0, len(condition.classes), count)
    sex = np.array([condition.classes[label].split()[0] for label in asked])
    age = np.array(
        [{"low": 30.0, "middle": 50.0, "high": 70.0}[condition.classes[label].split()[1]] for label in asked]
    )
    features = _brains(generator, sex, age + generator.uniform(-10, 10, count))
    shown = generator.permutation(asked) if mislabelled else asked
    return Embeddings(features, [f"s{n}" for n in range(count)], META), shown.tolist()


def _scored(
    real: Embeddings, samples: Embeddings, *, model: str = "m", settings: dict | None = None, **others: object
) -> pd.DataFrame:
    found = {("planted", "real"): real, ("planted", model): samples}
    return utility_of_model(found, model=model, settings=settings or SETTINGS, seed=1, **others).set_index("metric")


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    scans, real, condition = _study()
    samples, asked = _samples(condition)
    return _scored(real, samples, scans=scans, condition=condition, asked=asked)


@pytest.fixture(scope="module")
def mislabelled() -> pd.DataFrame:
    scans, real, condition = _study()
    samples, asked = _samples(condition, mislabelled=True)
    return _scored(real, samples, model="other", scans=scans, condition=condition, asked=asked)


def test_samples_that_are_new_scans_teach_as_much_as_real_ones(planted: pd.DataFrame) -> None:
    for metric in ("utility_sex_synthetic", "utility_sex_both", "utility_sex_auc_synthetic"):
        assert planted.loc[metric, "value"] > 0.8
        assert planted.loc[metric, "low"] > 0.5
    for name in ("utility_sex", "utility_sex_auc", "utility_age"):
        real = planted.loc[f"{name}_real"]
        assert (real["model"], real["source"]) == ("real", "control")
        assert planted.loc[f"{name}_synthetic", "floor"] == real["value"]
        for arm in ("synthetic", "both"):
            apart = planted.loc[f"{name}_{arm}_minus_real"]
            assert apart["value"] == pytest.approx(planted.loc[f"{name}_{arm}", "value"] - real["value"])
            assert apart["low"] < 0 < apart["high"]
    assert planted.loc["utility_age_synthetic", "value"] < 10  # guessing the mean age is off by 15 years
    assert "mean age of its class" in planted.loc["utility_age_synthetic", "warning"]


def test_samples_with_the_labels_of_others_teach_nothing(mislabelled: pd.DataFrame) -> None:
    low, high = mislabelled.loc["utility_sex_auc_synthetic", ["low", "high"]]
    assert low <= 0.5 <= high
    assert mislabelled.loc["utility_sex_synthetic_minus_real", "high"] < 0
    assert mislabelled.loc["utility_sex_auc_synthetic_minus_real", "high"] < 0
    assert mislabelled.loc["utility_age_synthetic_minus_real", "low"] > 0
    assert mislabelled.loc["utility_age_synthetic_minus_real", "better"] == "lower"


def _classes_apart(asked: Sequence[int], apart: float, condition: Condition) -> Embeddings:
    """Return samples of which women and men lie this far apart; real ones lie 2.5 apart."""
    features = np.random.default_rng(5).normal(size=(len(asked), 10))
    features[:, 0] += 1.25 + apart * np.array([-0.5 + (condition.classes[label][0] == "m") for label in asked])
    return Embeddings(features.astype(np.float32), [f"s{n}" for n in range(len(asked))], META)


def test_who_learned_from_real_scans_reads_samples_as_well_as_they_are(planted: pd.DataFrame) -> None:
    expected = norm.cdf(2.5 / np.sqrt(2))  # the area for normal distributions so far apart
    assert planted.loc["utility_sex_auc_reverse", "value"] == pytest.approx(expected, abs=0.03)
    for name in ("utility_sex", "utility_sex_auc"):
        row = planted.loc[f"{name}_reverse"]
        assert (row["model"], row["source"], row["better"]) == ("m", "model", "neither")
        assert row["floor"] == planted.loc[f"{name}_real", "value"] and row["floor_low"] < row["floor"]
        assert row["low"] < row["value"] <= row["high"] and row["n"] == planted.loc[f"{name}_real", "n"]
    assert not planted.index.str.fullmatch("utility_(age|diagnosis)(_auc)?_reverse").any()
    scans, real, condition = _study()
    settings = SETTINGS | {"targets": ["sex"], "repeats": 2}
    _, asked = _samples(condition)
    found = {}
    for apart in (0.0, 1.0, 6.0):
        samples = _classes_apart(asked, apart, condition)
        table = _scored(real, samples, settings=settings, scans=scans, condition=condition, asked=asked)
        found[apart] = table.loc["utility_sex_auc_reverse"]
        assert found[apart]["value"] == pytest.approx(norm.cdf(apart / np.sqrt(2)), abs=0.06)
    assert found[0.0]["low"] < 0.5 < found[0.0]["high"] < found[0.0]["floor_low"]
    assert found[6.0]["low"] > found[6.0]["floor"]  # caricatures


def test_heads_that_are_turned_round_are_those_of_the_real_arm() -> None:
    """Samples that are the test scans themselves are read as these are, number by number."""
    sets = _sets(40, 1, 40)
    generator = np.random.default_rng(0)
    train, test = (
        replace(sets[name], features=generator.normal(size=(len(sets[name].groups), 3))) for name in ("train", "test")
    )
    twins = {"train": train, "samples": test, "test": test}
    [(task, draws)] = plan_utility(["sex"], **twins, equal_numbers=True, repeats=2, seed=0)
    predictions = linear_predictions(task, draws, **twins, seed=0)
    np.testing.assert_array_equal(predictions["reverse"], predictions["real"])
    values = utility_scores(task, predictions, draws, test=test, seed=0)
    turned = reverse_scores(task, predictions["reverse"], draws, samples=test, forward=values, seed=0)
    real = [found for found in values if found.arm == "real"]
    assert [found.metric for found in turned] == ["utility_sex_reverse", "utility_sex_auc_reverse"]
    assert [found.estimate for found in turned] == [found.estimate for found in real] == [one.real for one in turned]
    lone = replace(test, words={"sex": ["f"] * 20})
    task = utility_task("sex", **twins | {"samples": lone})
    assert set(linear_predictions(task, draws, **twins | {"samples": lone}, seed=0)) == {"real"}


def test_classes_without_a_sample_are_said_where_samples_are_read() -> None:
    scans, real, condition = _study()
    asked = [condition.classes.index(name) for name in ("f low", "m high") for _ in range(30)]
    samples = _classes_apart(asked, 2.5, condition)
    settings = SETTINGS | {"targets": ["age_tercile"], "repeats": 2}
    table = _scored(real, samples, settings=settings, scans=scans, condition=condition, asked=asked)
    assert "No sample of: middle." in table.loc["utility_age_tercile_reverse", "warning"]
    assert "No sample" not in table.loc["utility_age_tercile_synthetic", "warning"]


def test_models_are_compared_with_the_same_real_arm(planted: pd.DataFrame, mislabelled: pd.DataFrame) -> None:
    rows = [table[table["model"] == "real"].reset_index() for table in (planted, mislabelled)]
    pd.testing.assert_frame_equal(*rows)


def test_what_the_samples_or_the_scans_do_not_say_is_missing_in_words(planted: pd.DataFrame) -> None:
    assert np.isnan(planted.loc["utility_diagnosis_synthetic", "value"])
    assert (
        "0 training and 0 test scans with a usable diagnosis" in planted.loc["utility_diagnosis_synthetic", "warning"]
    )
    scans, real, _ = _study()
    samples = Embeddings(real.features, [f"s{n}" for n in range(COUNT)], META)
    none = build_condition("none", scans, kind="none")
    settings = SETTINGS | {"targets": ["sex", "age"], "repeats": 2}
    table = _scored(real, samples, settings=settings, scans=scans, condition=none, asked=[-1] * COUNT)
    for target in ("sex", "age"):
        assert np.isnan(table.loc[f"utility_{target}_synthetic", "value"])
        assert f"does not say their {target}" in table.loc[f"utility_{target}_synthetic", "warning"]
        assert np.isfinite(table.loc[f"utility_{target}_real", "value"])
    assert not any("minus" in metric for metric in table.index)


def _sets(people: int, scans_each: int, samples: int) -> dict[str, LabelledSet]:
    def one(count: int, groups: list[str]) -> LabelledSet:
        words = {"sex": ["f", "m"] * (count // 2)}
        age = np.linspace(20, 80, count)
        return LabelledSet(features=np.zeros((count, 2)), words=words, age=age, class_age=age, groups=groups)

    groups = [f"p{n // scans_each}" for n in range(people * scans_each)]
    return {
        "train": one(len(groups), groups),
        "samples": one(samples, [f"s{n}" for n in range(samples)]),
        "test": one(20, [f"t{n}" for n in range(20)]),
    }


@pytest.mark.parametrize(
    ("samples", "equal", "expected"), [(100, True, (64, 64)), (40, True, (32, 32)), (100, False, (64, 80))]
)
def test_draws_have_equal_numbers_where_asked(samples: int, equal: bool, expected: tuple[int, int]) -> None:
    sets = _sets(40, 2, samples)
    task = utility_task("age", **sets)
    draws = draw_rows(
        task, real_groups=sets["train"].groups, samples_in_all=samples, equal_numbers=equal, repeats=4, seed=0
    )
    for draw in draws:
        assert (len(draw.real), len(draw.samples)) == expected
        assert len(set(draw.real)) == expected[0]
        people = np.bincount(draw.real // 2, minlength=40)
        assert (people == 1).sum() <= 1  # both scans of a participant, or none
        assert [len(rows) for rows in draw.of("both")] == list(expected)
        assert [len(rows) for rows in draw.of("synthetic")] == [0, expected[1]]
    assert len({tuple(draw.real) for draw in draws}) == 4
    assert SHARE == 0.8


def test_a_target_needs_scans_of_two_classes_in_both_splits() -> None:
    sets = _sets(40, 1, 40)
    assert utility_task("sex", **sets).problem == ""
    test = sets["test"]
    alone = LabelledSet(
        features=test.features, words={"sex": ["f"] * 20}, age=test.age, class_age=test.age, groups=test.groups
    )
    assert "of each of two classes" in utility_task("sex", **sets | {"test": alone}).problem
    assert "usable diagnosis" in utility_task("diagnosis", **sets).problem
    one = LabelledSet(
        features=np.zeros((40, 2)),
        words={"sex": ["m"] * 40},
        age=test.age,
        class_age=test.age,
        groups=sets["samples"].groups,
    )
    assert "all 40 samples have one sex" in utility_task("sex", **sets | {"samples": one}).missing


def test_who_learns_from_one_class_alone_always_says_it() -> None:
    sets = _sets(40, 1, 40)
    task = utility_task("sex", **sets)
    men, both = np.arange(1, 21, 2), np.arange(20)
    predictions = linear_predictions(task, [Draw(real=men, samples=both)], **sets, seed=0)
    assert (predictions["real"][0] == [0.0, 1.0]).all()
    assert np.allclose(predictions["synthetic"].sum(axis=2), 1.0)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_area_is_that_of_scikit_learn(classes: int) -> None:
    generator = np.random.default_rng(classes)
    chances = generator.dirichlet(np.ones(classes), 60).round(2)  # with ties
    chances /= chances.sum(axis=1, keepdims=True)
    truth = np.arange(60) % classes
    expected = roc_auc_score(truth, chances[:, 1] if classes == 2 else chances, multi_class="ovr", average="macro")
    assert area(chances, truth) == pytest.approx(expected, abs=1e-12)


def test_predictions_survive_their_table_and_others_are_refused() -> None:
    task = utility_task("sex", **_sets(40, 1, 40))
    names = [f"t{n}" for n in range(20)]
    given = {arm: np.random.default_rng(0).random((3, 20, 2)) for arm in ("real", "both")}
    table = table_of_predictions(task, given, names)
    found = predictions_of_table(table, task, names, repeats=3)
    assert list(found) == ["real", "both"]
    np.testing.assert_array_equal(found["both"], given["both"])
    for scans, repeats in ((names[::-1], 3), (names, 2)):
        with pytest.raises(MrisynthError, match="delete their table"):
            predictions_of_table(table, task, scans, repeats=repeats)
