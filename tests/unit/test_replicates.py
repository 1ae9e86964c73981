"""The spread of scores between seeds, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.replicates import COLUMNS, seed_spread
from mrisynth.metrics.table import Score, score_table


def score(model: str, value: float, *, metric: str = "fid", source: str = "model", reference: str = "test") -> Score:
    return Score(
        metric=metric, model=model, source=source, features="random", features_sha256="none", features_trained=False,
        view="32", reference=reference, value=value, floor=10.0, floor_low=5.0, floor_high=20.0,
        better="lower" if metric == "fid" else "higher", n=12, seed=1,
    )  # fmt: skip


SCORES = score_table(
    [
        score("gan", 10.0),
        score("gan_seed2", 14.0),
        score("gan_seed3", 18.0),
        score("gan", 99.0, source="untrained"),
        score("gan", 20.0, reference="train"),
        score("gan_seed2", np.nan, reference="train"),
        score("gan_seed3", np.nan, reference="train"),
        score("gan", 0.5, metric="recall"),
        score("gan_seed2", 0.5, metric="recall"),
        score("gan_seed3", np.nan, metric="recall"),
        score("other", 1.0),
        score("noise", 500.0, source="control"),
    ]
)
REPLICATES = {"gan": ["gan", "gan_seed2", "gan_seed3"]}


def test_mean_and_spread_by_hand():
    table = seed_spread(SCORES, REPLICATES).set_index(["metric", "reference"])
    fid = table.loc[("fid", "test")]
    assert (fid["n"], fid["mean"], fid["standard_deviation"], fid["least"], fid["largest"]) == (
        3,
        14.0,
        4.0,
        10.0,
        18.0,
    )
    assert fid["model"] == "gan" and fid["replicates"] == "gan gan_seed2 gan_seed3" and fid["better"] == "lower"
    assert set(table.index) == {("fid", "test"), ("fid", "train"), ("recall", "test")}  # no control and no other model


def test_a_missing_score_does_not_count_and_one_alone_has_no_spread():
    table = seed_spread(SCORES, REPLICATES).set_index(["metric", "reference"])
    recall, train = table.loc[("recall", "test")], table.loc[("fid", "train")]
    assert recall["n"] == 2 and recall["standard_deviation"] == 0.0 and recall["replicates"] == "gan gan_seed2"
    assert train["n"] == 1 and train["mean"] == 20.0 and np.isnan(train["standard_deviation"])


def test_without_replicates_there_is_a_header_and_no_row():
    table = seed_spread(SCORES, {})
    assert table.empty and list(table.columns) == COLUMNS


def test_feature_spaces_are_kept_apart():
    more = SCORES.assign(features="medicalnet", features_trained=True, value=SCORES["value"] * 2)
    table = seed_spread(pd.concat([SCORES, more]), REPLICATES)
    means = table[(table["metric"] == "fid") & (table["reference"] == "test")].set_index("features")["mean"]
    assert means.to_dict() == {"random": 14.0, "medicalnet": 28.0}


def test_a_replicate_without_scores_is_named():
    with pytest.raises(MrisynthError, match=r"no row of gan_seed4, a replicate of gan"):
        seed_spread(SCORES, {"gan": ["gan", "gan_seed4"]})
