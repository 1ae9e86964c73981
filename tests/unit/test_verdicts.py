"""Controls, what they look like, and whether scores notice them; and models against one another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mrisynth.controls import CONTROLS, control_volumes
from mrisynth.errors import MrisynthError
from mrisynth.metrics.pairs import UNDECIDED, best_models, compare_models
from mrisynth.metrics.table import Score, score_table
from mrisynth.metrics.verdicts import control_verdicts, untrusted_sentences

SPACE = {
    "features": "random",
    "features_sha256": "none",
    "features_trained": False,
    "view": "32",
    "reference": "test",
    "n": 12,
    "seed": 1,
}
FLOORS = {
    "fid": (10.0, 5.0, 20.0, "lower"),
    "kid": (0.0, -1.0, 1.0, "lower"),
    "recall": (0.9, 0.8, 1.0, "higher"),
    "coverage": (0.9, 0.8, 1.0, "higher"),
}


def score(metric, model, value, *, source="model", **changed):
    floor, low, high, better = FLOORS[metric]
    return Score(
        metric=metric, model=model, source=source, value=value, floor=floor, floor_low=low, floor_high=high,
        better=better, **(SPACE | changed),
    )  # fmt: skip


def test_controls_are_spoilt_scans_and_the_same_on_repeat():
    generator = np.random.default_rng(0)
    scans = np.zeros((8, 32, 32, 32), np.uint8)
    scans[:, 8:24, 8:24, 8:24] = generator.integers(50, 255, (8, 16, 16, 16))
    made = {name: control_volumes(name, scans, count=6, seed=3) for name in CONTROLS}
    for name, volumes in made.items():
        assert volumes.shape == (6, 32, 32, 32) and volumes.dtype == np.uint8
        np.testing.assert_array_equal(volumes, control_volumes(name, scans, count=6, seed=3))
    assert made["blurred"].std() < scans[:6].std()
    np.testing.assert_array_equal(np.sort(made["shuffled"], axis=3), np.sort(scans[:6], axis=3))
    assert (made["shuffled"] != scans[:6]).any(axis=(1, 2, 3)).all()
    assert len({volume.tobytes() for volume in made["duplicated"]}) == 5
    assert {volume.tobytes() for volume in made["duplicated"]} <= {scan.tobytes() for scan in scans}
    assert len(control_volumes("blurred", scans, count=20, seed=3)) == 8
    with pytest.raises(MrisynthError, match="'salt' is unknown"):
        control_volumes("salt", scans, count=2, seed=3)
    with pytest.raises(MrisynthError, match="training split is empty"):
        control_volumes("noise", scans[:0], count=2, seed=3)


def verdicts_of(**values):
    """Values of (metric, control); all others are far off."""
    rows = []
    for control, metrics in {
        "noise": ("fid", "kid"), "blurred": ("fid", "kid"), "duplicated": ("fid", "recall", "coverage"),
    }.items():  # fmt: skip
        for metric in metrics:
            bad = 1e4 if FLOORS[metric][3] == "lower" else 0.1
            rows.append(score(metric, control, values.get(f"{metric}_{control}", bad), source="control"))
    return control_verdicts(score_table(rows))


def test_a_space_that_notices_every_control_is_trusted():
    verdicts = verdicts_of()
    assert len(verdicts) == 7 and verdicts["noticed"].all()
    assert untrusted_sentences(verdicts) == []
    assert untrusted_sentences(verdicts_of(fid_duplicated=10.0)) == []  # recall and coverage notice repetition


def test_a_missed_control_is_named_and_an_unknown_one_is_not_passed_over():
    (sentence,) = untrusted_sentences(verdicts_of(kid_blurred=0.9, coverage_duplicated=0.85, recall_duplicated=0.9))
    assert "random at view 32 cannot be trusted" in sentence
    assert "blurred (kid)" in sentence and "duplicated (recall, coverage)" in sentence and "fid" not in sentence
    assert untrusted_sentences(verdicts_of(coverage_duplicated=0.85)) == []  # recall notices
    (sentence,) = untrusted_sentences(verdicts_of(fid_noise=float("nan")))
    assert "not known: too few scans" in sentence


def test_worse_than_the_floor_counts_on_the_right_side():
    missed = verdicts_of(fid_noise=20.0, recall_duplicated=0.8).set_index(["control", "metric"])["noticed"]
    assert not missed["noise", "fid"] and not missed["duplicated", "recall"]


def pairs_of(values, spreads, *, shared=0.0, metric="fid"):
    generator = np.random.default_rng(1)
    luck = shared * generator.standard_normal(400)
    rows, replicates = [], {}
    for (model, value), spread in zip(values.items(), spreads, strict=True):
        rows.append(score(metric, model, value))
        key = (model, "model", "random", "32", "test", metric)
        replicates[key] = value + luck + spread * generator.standard_normal(400)
    return compare_models(score_table(rows), replicates)


def test_the_luck_of_the_scans_that_both_share_falls_out():
    apart = pairs_of({"one": 10.0, "two": 14.0}, [0.5, 0.5], shared=10.0).iloc[0]
    assert apart.difference == pytest.approx(-4.0)
    assert apart.high - apart.low == pytest.approx(2 * stats.t.ppf(0.975, 11) * np.hypot(0.5, 0.5), rel=0.1)
    assert apart.ahead == "one"
    assert pairs_of({"one": 10.0, "two": 14.0}, [3.0, 3.0]).iloc[0].ahead == UNDECIDED


def test_higher_is_better_for_shares():
    assert pairs_of({"one": 0.2, "two": 0.8}, [0.05, 0.05], metric="recall").iloc[0].ahead == "two"


def test_best_is_ahead_of_every_other_or_undecided():
    clear = best_models(pairs_of({"one": 10.0, "two": 20.0, "three": 21.0}, [0.5, 0.5, 0.5]))
    assert clear["best"].tolist() == ["one"]
    close = best_models(pairs_of({"one": 10.0, "two": 10.1, "three": 21.0}, [0.5, 0.5, 0.5]))
    assert close["best"].tolist() == [UNDECIDED]


def test_models_of_other_sizes_and_scores_without_resampling_are_not_compared():
    rows = [score("fid", "one", 1.0), score("fid", "two", 2.0, view="64"), score("fid", "three", 3.0)]
    replicates = {
        (name, "model", "random", view, "test", "fid"): np.ones(9) for name, view in (("one", "32"), ("two", "64"))
    }
    assert compare_models(score_table(rows), replicates).empty


def test_a_range_that_runs_backwards_is_a_mistake_of_the_metric():
    with pytest.raises(MrisynthError, match=r"range from 2\.0 to 1\.0"):
        score_table([score("fid", "one", 1.5, low=2.0, high=1.0)])
    assert pd.isna(score_table([score("fid", "one", 1.5)])["low"][0])
