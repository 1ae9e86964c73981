"""Tables and figures of covariates: joined by scan, gaps kept, and everything shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.covariate_tables import correlation, covariate_table, covariates_in, summarised
from mrisynth.errors import MrisynthError
from mrisynth.reporting.covariates_figure import covariates_figure, covariates_panels


@pytest.fixture
def scans():
    return pd.DataFrame(
        {"scan": ["a", "b", "c", "d"], "sex": ["m", "f", None, "f"], "age": [20.0, 40.0, 60.0, np.nan]},
        index=[7, 5, 3, 1],
    )


@pytest.fixture
def regions():
    return pd.DataFrame({
        "scan": ["c", "a", "b", "z"], "reason": [None, None, "sides", None], "numbering": ["dlmuse"] * 4,
        "ventricles_ml": [30.0, 10.0, 99.0, 1.0], "hippocampus_left_ml": [4.0, 3.0, 99.0, 1.0],
        "hippocampus_right_ml": [4.5, 3.5, 99.0, 1.0],
    })  # fmt: skip


def test_covariates_stand_beside_their_scans_and_rows_with_a_reason_are_empty(scans, regions):
    table = covariate_table(scans, regions)
    assert table["scan"].tolist() == ["a", "b", "c", "d"] and table.index.tolist() == [7, 5, 3, 1]
    assert covariates_in(table) == ["ventricles_ml", "hippocampus_left_ml", "hippocampus_right_ml"]
    assert list(table) == ["scan", "sex", "age", *covariates_in(table)]
    assert table["ventricles_ml"].dtype == np.float64
    np.testing.assert_array_equal(table["ventricles_ml"], [10.0, np.nan, 30.0, np.nan])
    assert list(scans) == ["scan", "sex", "age"], "the scans table stays as it was"
    assert covariate_table(scans, None).equals(scans)


def test_a_column_of_the_users_own_and_a_scan_twice_are_refused(scans, regions):
    with pytest.raises(MrisynthError, match="column ventricles_ml of its own"):
        covariate_table(scans.assign(ventricles_ml=1.0), regions)
    with pytest.raises(MrisynthError, match="has c twice"):
        covariate_table(scans, pd.concat([regions, regions.head(1)]))


def test_the_summary_says_what_there_is(scans, regions):
    table = covariate_table(scans.assign(age=[20.0, 40.0, 60.0, 70.0]), regions)
    table.loc[1, "ventricles_ml"] = 35.0
    row = summarised(table, covariates_in(table)).set_index("covariate").loc["ventricles_ml"]
    assert row[["scans", "missing", "min", "median", "max", "mean"]].tolist() == [3, 1, 10, 30, 35, 25]
    assert row["r_age"] == pytest.approx(np.corrcoef([20, 60, 70], [10, 30, 35])[0, 1], abs=1e-4)
    assert row["scans_with_age"] == 3


def test_no_correlation_of_two_scans_or_of_a_constant():
    assert np.isnan(correlation(pd.Series([1.0, 2.0, np.nan]), pd.Series([1.0, 2.0, 3.0])))
    assert np.isnan(correlation(pd.Series([1.0, 1.0, 1.0]), pd.Series([1.0, 2.0, 3.0])))
    assert correlation(pd.Series([1.0, 2.0, 3.0]), pd.Series([3.0, 2.0, 1.0])) == pytest.approx(-1.0)


def many(count=60):
    draw = np.random.default_rng(0)
    age, size = draw.uniform(20, 80, count), draw.normal(4.0, 0.4, count)
    table = pd.DataFrame({"sex": np.where(np.arange(count) % 2, "m", "f").astype(object), "age": age})
    table["ventricles_ml"] = 0.5 * age + draw.normal(0.0, 1.0, count)
    table["hippocampus_left_ml"], table["hippocampus_right_ml"] = size, size + draw.normal(0.0, 0.1, count)
    table.loc[:3, "sex"] = None
    table.loc[7, ["ventricles_ml", "hippocampus_left_ml"]] = np.nan
    return table


def test_each_covariate_has_its_histogram_its_ages_and_its_sides(tmp_path: Path):
    table = many()
    figure = covariates_panels(table, title="60 scans")
    titles = [axes.get_title() for axes in figure.axes if axes.axison]
    assert titles[:2] == ["ventricles (1 of 60 not measured)", f"over age: r = {_r(table):.2f} (n 59)"]
    assert titles[-1].startswith("hippocampus, right against left: r = 0.9") and titles[-1].endswith("(n 59)")
    assert len(titles) == 7
    words = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [line.split(":")[0] for line in words] == ["women", "men"], "four without a sex have no histogram"
    assert "(n 27)" in words[0] or "(n 28)" in words[0]
    shown = [points.get_offsets().data[:, 1] for points in figure.axes[1].collections]
    assert sum(np.isfinite(part).sum() for part in shown) == 59 and len(shown) == 3
    covariates_figure(table, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def _r(table):
    known = table.dropna(subset=["ventricles_ml"])
    return np.corrcoef(known["age"], known["ventricles_ml"])[0, 1]


def test_what_is_not_known_is_said_in_its_panel():
    table = many().drop(columns=["age", "sex", "hippocampus_right_ml"]).assign(ventricles_ml=np.nan)
    figure = covariates_panels(table, title="")
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words == ["not measured in any scan", *["no age is known of a scan that was measured"] * 2]
