"""Morphometry: distances against closed forms and independent implementations, planted effects found."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mrisynth.errors import MrisynthError
from mrisynth.metrics.morphometry import Regions, one_scan_each, regions_of, score_morphometry
from mrisynth.metrics.region_distances import (
    MorphometryComparison,
    cohens_d,
    joint_wasserstein,
    wasserstein_by_region,
)
from mrisynth.metrics.region_effects import covariate_effects, region_effects
from mrisynth.morphometry_study import effects_of_model, score_volumes, sources_of

NAMES = ["ventricles", "grey", "white"]
MEAN, SPREAD = np.array([25e3, 900e3, 770e3]), np.array([10e3, 20e3, 30e3])


def drawn(count, *, seed, shift=0.0, spread=1.0):
    return MEAN + SPREAD * (np.random.default_rng(seed).normal(0, spread, (count, 3)) + shift)


def source(volumes, *, name="m", kind="model", failed=0):
    return Regions(name, kind, volumes, [f"{name}-{row}" for row in range(len(volumes))], failed)


@pytest.fixture(scope="module")
def real():
    return {"train": drawn(120, seed=0), "test": drawn(40, seed=1)}


def test_distances_are_those_of_other_implementations():
    one, other = (np.random.default_rng(seed).gamma(2, 1, (6, 3)) for seed in (0, 1))
    expected = [stats.wasserstein_distance(one[:, column], other[:, column]) for column in range(3)]
    np.testing.assert_allclose(wasserstein_by_region(one, other), expected)
    lengths = np.linalg.norm(one[:, None] - other[None], axis=2) / np.sqrt(3)
    best = min(np.mean([lengths[row, place] for row, place in enumerate(order)]) for order in permutations(range(6)))
    assert joint_wasserstein(one, other) == pytest.approx(best)
    assert joint_wasserstein(one, other) == pytest.approx(stats.wasserstein_distance_nd(one, other) / np.sqrt(3))
    pooled = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / 2)
    np.testing.assert_allclose(cohens_d(one, other), (one.mean(axis=0) - other.mean(axis=0)) / pooled)


def test_a_shift_and_a_copy_have_closed_forms():
    one = np.random.default_rng(0).normal(0, 1, (50, 4))
    assert joint_wasserstein(one, one[::-1] + 0.7) == pytest.approx(0.7)
    np.testing.assert_allclose(wasserstein_by_region(one, one[::-1] - 0.7), 0.7)
    np.testing.assert_allclose(MorphometryComparison(one, one[::-1])(), [0, 0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(MorphometryComparison(one, 0.5 * one)()[3], 0.5)


def test_constant_columns_are_defined():
    same, other = np.ones((4, 2)), np.ones((4, 2)) * [1, 3]
    assert cohens_d(other, same).tolist() == [0.0, np.inf]
    assert np.isfinite(MorphometryComparison(np.random.default_rng(0).normal(size=(5, 2)), np.ones((5, 2)))()).all()


def test_unequal_numbers_are_refused():
    with pytest.raises(MrisynthError, match="equal numbers"):
        joint_wasserstein(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(MrisynthError, match="expected 3 or more"):
        MorphometryComparison(np.zeros((2, 2)), np.zeros((4, 2)))


def rows_of(real, *sources, **changes):
    scored = score_morphometry(real, sources, view="32", seed=5, replicates=60, **changes)
    return scored, scored.table.set_index(["model", "reference", "metric"])


def test_sets_of_known_volumes_rank(real):
    scored, rows = rows_of(
        real,
        source(drawn(80, seed=2), name="as_real"),
        source(drawn(80, seed=3, shift=1.0), name="shifted"),
        source(drawn(80, seed=4, spread=0.3), name="alike"),
    )
    value = rows["value"].xs("test", level=1).unstack()
    floor_high = rows["floor_high"].xs("test", level=1).unstack()
    for name in ("region_wasserstein", "region_wasserstein_joint", "region_effect_size"):
        assert value[name]["as_real"] < floor_high[name]["as_real"]
        assert value[name]["as_real"] < value[name]["shifted"]
    assert value["region_wasserstein"]["shifted"] == pytest.approx(1.0, abs=0.2)
    assert value["region_effect_size"]["shifted"] == pytest.approx(1.0, abs=0.25)
    assert value["region_spread"]["alike"] == pytest.approx(0.3, abs=0.1)
    assert value["region_spread"]["as_real"] == pytest.approx(1.0, abs=0.2)
    low, high = (rows[end].xs("test", level=1).unstack()["region_spread"] for end in ("low", "high"))
    assert high["alike"] < 0.5 < low["as_real"] < 1.0 < high["as_real"]
    assert rows["n"].unstack()["region_wasserstein"]["as_real"].tolist() == [40, 60]  # test; half of train
    assert scored.replicates["as_real", "model", "regions", "32", "test", "region_spread"].shape == (60,)


def test_units_do_not_matter(real):
    one = score_morphometry(real, [source(drawn(50, seed=2))], view="32", seed=5, replicates=20).table
    litres = {split: values / 1e6 for split, values in real.items()}
    other = score_morphometry(litres, [source(drawn(50, seed=2) / 1e6)], view="32", seed=5, replicates=20).table
    np.testing.assert_allclose(one["value"], other["value"], rtol=1e-9)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_measured_volumes_say_so(real, count):
    _, rows = rows_of(real, source(drawn(count, seed=2), failed=9), real_measured=0.97)
    found = rows.loc["m", "test"]
    assert np.isnan(found["value"].drop("regions_measured")).all()
    assert found["value"]["regions_measured"] == pytest.approx(count / (count + 9))
    assert found["floor"]["regions_measured"] == 0.97 and found["n"]["regions_measured"] == count + 9
    assert found["warning"].str.contains("Not computed").all() and found["warning"].str.contains("In 9 of").all()


def test_few_scans_are_warned_about(real):
    few = {"train": real["train"][:10], "test": real["test"][:5]}
    _, rows = rows_of(few, source(drawn(50, seed=2)))
    assert rows["warning"].str.contains("Only 5 scans").all()
    assert rows["low"]["m"]["test"].drop("regions_measured").isna().all()
    assert rows["warning"]["m"]["test"].drop("regions_measured").str.startswith("No interval").all()
    _, rows = rows_of({"train": real["train"]}, source(drawn(50, seed=2)))
    assert np.isnan(rows["value"]["m"]["test"]["region_spread"]) and rows["value"]["m"]["train"]["region_spread"] > 0


def table_of(volumes, *, prefix="s", reasons=()):
    table = pd.DataFrame(volumes, columns=["total_csf", *NAMES[1:]]).rename(columns={"total_csf": "ventricles"})
    table.insert(0, "total_csf", table["ventricles"] * 2)
    table.insert(0, "reason", "")
    table.insert(0, "id", [f"{prefix}{row}" for row in range(len(volumes))])
    for row in reasons:
        table.loc[row, "reason"] = "off_template"
        table.loc[row, table.columns[2:]] = np.nan
    return table


def scans_of(count, *, per_person=1):
    scans = pd.DataFrame({"scan": [f"s{row}" for row in range(count)]})
    scans["participant_id"] = [f"p{row // per_person}" for row in range(count)]
    scans["split"] = ["test" if row // per_person % 3 == 0 else "train" for row in range(count)]
    return scans


def test_one_scan_of_each_participant_counts():
    found = one_scan_each(
        source(drawn(60, seed=0), name="s"), scans_of(60).assign(scan=[f"s-{k}" for k in range(60)]), seed=1
    )
    assert {split: len(part) for split, part in found.items()} == {"test": 20, "train": 40}
    table = table_of(drawn(60, seed=0), reasons=[0])
    measured = regions_of(table, NAMES, name="real", kind="real")
    assert (measured.failed, len(measured.ids), measured.ids[0]) == (1, 59, "s1")
    found = one_scan_each(measured, scans_of(60, per_person=2), seed=1)
    assert {split: len(part) for split, part in found.items()} == {"test": 10, "train": 20}
    with pytest.raises(MrisynthError, match="not in the scans table"):
        one_scan_each(measured, scans_of(30), seed=1)
    with pytest.raises(MrisynthError, match="no column amygdala"):
        regions_of(table, ["amygdala"], name="real", kind="real")


def test_whole_tissues_are_not_counted_twice():
    real, samples = table_of(drawn(90, seed=0)), table_of(drawn(60, seed=1), prefix="m-", reasons=[3])
    sources = sources_of({"m": samples, "untrained": samples[:3], "noise": samples[:3]}, model="m")
    assert [(one.name, one.kind, one.volumes.shape) for one in sources] == [
        ("m", "model", (59, 3)), ("m", "untrained", (3, 3)), ("noise", "control", (3, 3)),
    ]  # fmt: skip
    settings = {"view": "32", "seed": 1, "draws": 5, "replicates": 20}
    one = score_volumes(real, sources[:1], scans_of(90), **settings).table
    other = score_volumes(real.drop(columns="total_csf"), sources[:1], scans_of(90), **settings).table
    pd.testing.assert_frame_equal(one, other)


def test_effects_on_each_region_are_those_planted(real):
    shift = np.array([0.0, 0.8, -0.5])
    found = region_effects(source(drawn(300, seed=2, shift=shift)), real, NAMES, seed=1, replicates=50)
    difference = found[found["effect"] == "difference"].set_index("region")
    for region, planted in zip(NAMES, shift, strict=True):
        assert difference["low"][region] < planted < difference["high"][region]
        assert difference["real_low"][region] < 0 < difference["real_high"][region]
    distance = found[found["effect"] == "wasserstein"].set_index("region")
    assert distance["value"]["grey"] == pytest.approx(0.8, abs=0.25)
    assert (distance["low"] <= distance["value"]).all() and (distance["value"] <= distance["high"]).all()
    assert distance["value"]["ventricles"] < distance["real_high"]["ventricles"] < distance["value"]["grey"]


def test_effects_of_too_few_samples_are_missing(real):
    found = region_effects(source(drawn(2, seed=2)), real, NAMES, seed=1)
    assert len(found) == 6 and found["value"].isna().all() and found["warning"].str.contains("Not computed").all()


def test_interval_of_a_difference_covers():
    """Of 300 differences of .5 the 95 % interval holds about 285."""
    real = {"train": drawn(10, seed=0)}
    covered = []
    for seed in range(100):
        real["test"] = drawn(30, seed=1000 + seed)
        found = region_effects(source(drawn(40, seed=seed, shift=0.5)), real, NAMES, seed=1, draws=1, replicates=2)
        rows = found[found["effect"] == "difference"]
        covered += [(rows["low"] < 0.5) & (rows["high"] > 0.5)]
    assert 0.91 < np.mean(covered) < 0.985


@pytest.mark.parametrize("count", [20, 200])
def test_interval_of_a_distance_is_as_wide_as_draws_of_all_differ(count):
    values, reaches = [], []
    for run in range(60):
        real = {"train": drawn(200, seed=0), "test": drawn(20, seed=1000 + run)}
        samples = source(drawn(count, seed=5000 + run, shift=np.array([1.0, 0.8, 0.9])))
        found = region_effects(samples, real, NAMES, seed=run, draws=2, replicates=40)
        distance = found[found["effect"] == "wasserstein"]
        values.append(distance["value"])
        reaches.append(distance["high"] - distance["value"])
    errors = np.sqrt(np.mean(np.square(reaches), axis=0)) / stats.t.ppf(0.975, 19)
    assert 0.75 < np.mean(errors / np.std(values, axis=0)) < 1.2


def people(count, *, seed, age_effect, sex_effect):
    generator = np.random.default_rng(seed)
    labels = pd.DataFrame({"sex": generator.choice(["m", "f"], count), "age": generator.uniform(20, 80, count)})
    labels["age_tercile"] = pd.cut(labels["age"], [0, 40, 60, 99], labels=["low", "middle", "high"]).astype(str)
    shift = age_effect * (labels["age"].to_numpy() - 50) / 10 + sex_effect * (labels["sex"] == "m").to_numpy()
    return labels, drawn(count, seed=seed + 1, shift=shift[:, None] * [1, 0, 0])


def test_sex_and_age_are_read_from_samples_and_scans():
    real_labels, real_volumes = people(400, seed=0, age_effect=0.3, sex_effect=0.0)
    labels, volumes = people(400, seed=9, age_effect=0.0, sex_effect=1.0)
    real = source(real_volumes, name="real", kind="real")
    for told, spare in ((["sex", "age"], 0.0), (["sex", "age_tercile"], 0.05)):
        found = covariate_effects(source(volumes), labels[told], real, real_labels, NAMES)
        of = found.set_index(["effect", "region"])
        scale = SPREAD[0] / real_volumes[:, 0].std()
        assert of["real_low"]["age", "ventricles"] - spare < 0.3 * scale < of["real_high"]["age", "ventricles"] + spare
        assert abs(of["value"]["age", "ventricles"]) < 0.1
        assert of["low"]["sex", "ventricles"] < 1.0 < of["high"]["sex", "ventricles"]
        assert of["real_low"]["sex", "ventricles"] < 0 < of["real_high"]["sex", "ventricles"]
        assert of["low"]["sex", "grey"] < 0 < of["high"]["sex", "grey"]
    assert covariate_effects(source(volumes), labels[[]], real, real_labels, NAMES).empty
    one_sex = covariate_effects(source(volumes), labels[["sex"]].assign(sex="m"), real, real_labels, NAMES)
    assert one_sex["value"].isna().all() and one_sex["warning"].str.contains("Only 0").all()


def test_effects_of_a_model_follow_the_order_of_its_samples():
    labels, volumes = people(200, seed=9, age_effect=0.4, sex_effect=0.0)
    samples = table_of(volumes, prefix="m-samples-", reasons=[0, 7])
    real = table_of(drawn(90, seed=0))
    scans = scans_of(90).assign(sex="m", age=np.linspace(20, 80, 90))
    settings = {"model": "m", "seed": 1, "draws": 3, "replicates": 20}
    found = effects_of_model(samples, labels, real, scans, **settings).set_index(["effect", "region"])
    assert found["low"]["age", "ventricles"] > 0.15
    assert found["n"]["age", "ventricles"] == 198 and found["n_real"]["age", "ventricles"] == 90
    assert found["value"]["age", "total_csf"] == pytest.approx(found["value"]["age", "ventricles"])
    without = effects_of_model(samples, labels[[]], real, scans, **settings)
    assert set(without["effect"]) == {"wasserstein", "difference"}
