"""Control of models of volumes by the tissues of their samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.control_volumes import volume_control
from mrisynth.errors import MrisynthError
from mrisynth.metrics.control import score_control

FACTS = {
    "model": {"name": "hagan", "size": 32},
    "covariates": {
        "sources": [
            {"source": "north", "covariates": ["age", "ventricles_ml"]},
            {"source": "south", "covariates": ["age", "hippocampus_left_ml"]},
        ]
    },
}
REGIONS = ("ventricles", "total_grey", "total_white")


def _tissues(names: list[str], ventricles: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"id": names, "reason": "", "ventricles": ventricles, "total_grey": 7e5, "total_white": 5e5})


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(2)
    names = [f"scan-{number:02d}" for number in range(40)]
    truth = random.uniform(10, 60, 40)
    known = pd.DataFrame({"scan": names, "participant_id": names, "split": ["train"] * 25 + ["test"] * 15})
    known = known.assign(source=["north", "south"] * 20, ventricles_ml=truth, age=50.0)
    asked = random.uniform(10, 60, 30)
    samples = pd.DataFrame({"sample": range(30), "source": ["north", "south"] * 15, "ventricles_ml": asked})
    drawn = _tissues([str(number) for number in range(30)], 500 * asked + 3000 + random.normal(0, 500, 30))
    drawn.loc[3, ["reason", *REGIONS]] = ["noise", np.nan, np.nan, np.nan]
    return {"samples": samples, "drawn": drawn, "real": _tissues(names, 500 * truth + 3000), "known": known}


def test_samples_are_measured_by_a_line_through_real_training_scans(tables):
    values = volume_control(FACTS, **tables)
    assert values.names == ["ventricles_ml"]
    assert values.requested.shape == (45, 1)
    rows = [number for number in range(30) if number != 3]
    np.testing.assert_allclose(values.measured[rows, 0], tables["samples"]["ventricles_ml"][rows], atol=4)
    assert np.isnan(values.measured[3, 0]) and np.isnan(values.measured[30:]).all()
    np.testing.assert_allclose(values.real_measured[30:, 0], values.truth[30:, 0], atol=1e-6)
    summary = score_control(values, model="hagan", measured_by="tissue", view="32", seed=1).summary
    r = summary[(summary["measure"] == "r") & (summary["source"] == "all")].set_index("comparison")
    assert r.loc["requested", "value"] > 0.98 and r.loc["requested", "n"] == 29
    assert r.loc["ceiling", "value"] == pytest.approx(1.0) and r.loc["ceiling", "n"] == 15
    told = summary[(summary["comparison"] == "requested") & (summary["measure"] == "r")]
    assert dict(zip(told["source"], told["told"], strict=True)) == {"all": "no", "north": "yes", "south": "no"}


def test_a_model_that_is_told_no_tissue_is_named(tables):
    facts = FACTS | {"covariates": {"sources": [{"source": "south", "covariates": ["hippocampus_left_ml"]}]}}
    with pytest.raises(MrisynthError, match="hagan is told no volume that tissues show"):
        volume_control(facts, **tables)
