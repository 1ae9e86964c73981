"""Figures of control, and what generators are asked for in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.covariate_requests import extreme_requests, grid_requests, middle_values, steps_of
from mrisynth.covariates.kinds import Covariate
from mrisynth.errors import MrisynthError
from mrisynth.metrics.control import ControlValues, score_control
from mrisynth.reporting.control_scatter import control_panels, control_scatter
from mrisynth.reporting.covariate_grid import covariate_grid, covariate_grid_panels, value_words
from mrisynth.reporting.extremes import Extreme, extremes_figure
from mrisynth.reporting.strata_heatmap import heatmap_panels, strata_heatmap
from mrisynth.reporting.style import house_style

COVARIATES = [Covariate("age"), Covariate("ventricles_ml"), Covariate("sex", kind="binary")]


@pytest.fixture(scope="module")
def control() -> tuple[ControlValues, pd.DataFrame]:
    generator = np.random.default_rng(0)
    truth = np.hstack([generator.normal(60, 9, (40, 1)), generator.normal(30, 8, (40, 1)), np.arange(40)[:, None] % 2])
    near = truth + generator.normal(0, 1, truth.shape) * (4, 4, 0.3)
    values = ControlValues(
        requested=truth, measured=near, real_measured=near, truth=truth, names=[one.name for one in COVARIATES],
        kinds=[one.kind for one in COVARIATES], participants=[str(row) for row in range(40)], sources=["A", "B"] * 20,
    )  # fmt: skip
    found = score_control(values, model="mssg", measured_by="regressor", view="slice 32", seed=1, replicates=50)
    return values, found.summary


def summaries(models) -> pd.DataFrame:
    rows = []
    for number, model in enumerate(models, start=1):
        for covariate in ("age", "ventricles"):
            for measure, best in (("standardised_mse", 0.2), ("standardised_mae", 0.3), ("corr", 0.8), ("mse", 9.0)):
                rows.append({"dataset": "simulated", "covariate": covariate, "model": model, "measure": measure}
                            | {"weighted": best / number, "low": best / number - 0.1, "high": best / number + 0.1})  # fmt: skip
    return pd.DataFrame(rows)


def words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_grids_ask_for_steps_of_two_and_hold_the_others():
    values = np.array([[50.0, np.nan, 1], [70, 20, 1], [np.nan, 40, 0]])
    assert middle_values(values, COVARIATES).tolist() == [60, 30, 1]
    labels = grid_requests(values, COVARIATES, across="age", down="ventricles_ml", steps=3)
    assert labels.shape == (3, 3, 3) and (labels[..., 2] == 1).all()
    assert labels[0, :, 0] == pytest.approx([50.4, 60, 69.6]) and labels[:, 1, 1] == pytest.approx([20.4, 30, 39.6])
    assert steps_of(values, COVARIATES, "sex", steps=5).tolist() == [0, 1]
    extremes = extreme_requests(values, COVARIATES)
    assert extremes[1, :, 1] == pytest.approx([20.4, 39.6]) and (extremes[1, :, 0] == 60).all()
    assert extremes[2, :, 2].tolist() == [0, 1]
    with pytest.raises(MrisynthError, match="'iq'"):
        steps_of(values, COVARIATES, "iq", steps=3)
    with pytest.raises(MrisynthError, match="known of no scan"):
        middle_values(np.full((2, 3), np.nan), COVARIATES)


def test_the_lowest_value_of_a_grid_stands_at_the_bottom_left(tmp_path):
    images = np.zeros((2, 3, 8, 8), np.uint8)
    images[0, 0] = 250  # lowest of both
    figure = covariate_grid_panels(
        {"A": images, "B": images[:0]}, across=("age (years)", [50, 60, 70]), down=("ventricles (ml)", [12.25, 12.5]),
        held="noise 1", title="t",
    )  # fmt: skip
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape == (16, 24) and (shown[8:, :8] == 250).all() and shown.sum() == 250 * 64
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["12.2", "12.5"]
    assert "no images" in words(figure.axes[1])
    covariate_grid({"A": images}, tmp_path / "grid.png", across=("age", [50, 60, 70]), down=("ventricles", [1, 2]))
    assert (tmp_path / "grid.png").stat().st_size > 2000


def test_values_are_written_with_as_many_digits_as_tell_them_apart():
    assert value_words([0.51, 0.991, 1.27]) == ["0.51", "0.991", "1.27"]
    assert value_words([12000.0, 12010.0]) == ["12000", "12010"]


def test_control_shows_r_the_ceiling_and_every_image(control, tmp_path):
    values, summary = control
    with house_style():
        figure = control_panels(values, summary, measured_by="a regressor", units={"age": "years"}, title="mssg")
    r = np.corrcoef(values.requested[:, 0], values.measured[:, 0])[0, 1]
    first, _, sex = figure.axes[:3]
    title = first.get_title(loc="left").splitlines()
    assert title[0] == "age" and title[1].startswith(f"r {r:.2f} (") and title[2].startswith(f"real images {r:.2f}")
    assert sum(len(dots.get_offsets()) for dots in first.collections) == 40
    assert first.get_xlabel() == "asked for (years)" and sex.get_title(loc="left").splitlines()[1].startswith(
        "balanced"
    )
    control_scatter(values, summary, tmp_path / "control.pdf", measured_by="a regressor")
    assert (tmp_path / "control.pdf").read_bytes().startswith(b"%PDF")


def test_a_covariate_that_nothing_measured_has_an_empty_panel(control):
    values, summary = control
    measured = values.measured.copy()
    measured[:, 1] = np.nan
    blind = ControlValues(**{**values.__dict__, "measured": measured})
    figure = control_panels(
        blind, summary[summary["covariate"] != "ventricles_ml"], measured_by="x", units={}, title=""
    )
    assert words(figure.axes[1]) == ["nothing was asked for\nor measured"]


def test_the_heat_map_has_a_number_for_each_model_and_the_ranges_of_the_original(tmp_path):
    table = summaries(["masked", "imputed"])
    with house_style():
        figure = heatmap_panels(table, models=["masked", "single A", "imputed"], title="t")
    panels = [
        axes for axes in figure.axes if axes.images and len(axes.get_xticks()) == 3 and axes.get_title(loc="left")
    ]
    assert [axes.images[0].get_clim() for axes in panels] == [(0, 1.5), (0, 1.5), (0, 1)]
    shown = panels[2].images[0].get_array()
    assert shown.shape == (2, 3) and shown[0].filled(np.nan) == pytest.approx([0.8, np.nan, 0.4], nan_ok=True)
    assert words(panels[2]).count("-") == 2 and "0.70 to 0.90" in words(panels[2])
    strata_heatmap(table, tmp_path / "heat.svg", models=["masked", "imputed"])
    strata_heatmap(table[:0], tmp_path / "none.png", models=["masked"])
    assert "<svg" in (tmp_path / "heat.svg").read_text() and (tmp_path / "none.png").is_file()


def test_extremes_are_drawn_with_and_without_covariates(tmp_path):
    dark, bright = np.zeros((2, 8, 8), np.uint8), np.full((2, 8, 8), 200, np.uint8)
    for name, found in {
        "two": [Extreme("age", 50, 80, dark, bright), Extreme("sex", 0, 1, dark, dark)],
        "none": [],
    }.items():
        extremes_figure(found, tmp_path / f"{name}.png", title="t")
    sizes = [(tmp_path / f"{name}.png").stat().st_size for name in ("two", "none")]
    assert sizes[0] > sizes[1] > 500
