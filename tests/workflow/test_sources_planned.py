"""Studies of sources with covariates, planned: which jobs they have, and which configurations stop before any work."""

from __future__ import annotations

import pytest

SOURCES = ("-n", "--configfile", "tests/config/sources.yaml")


def test_a_study_of_sources_measures_regions_and_scores_control_of_its_models_of_slices(snakemake):
    jobs = snakemake(*SOURCES, "--config", "folder=studies/never-run").jobs
    assert jobs["measure_covariates"] == 1
    assert jobs["draw_covariate_pairs"] == 2, "one a condition of covariates"
    assert jobs["train_regressor"] == 1, "one a size"
    assert jobs["draw_controlled"] == jobs["score_control"] == jobs["draw_control_figures"] == 3, "hagan is of volumes"
    assert jobs["score_control_volumes"] == 1
    assert jobs["compare_control"] == jobs["draw_control_strata"] == 1
    assert jobs["score_classes"] == 6, "a model of one source has no classes"
    assert jobs["score_separability"] == 2


def test_without_covariates_no_job_of_control_is_planned(snakemake):
    jobs = snakemake("-n", "--configfile", "tests/config/slices.yaml", "--config", "folder=studies/never-run").jobs
    assert not {"train_regressor", "draw_controlled", "score_control", "compare_control", "measure_covariates"} & set(
        jobs
    )


def test_the_study_of_sources_that_ships_plans_its_four_models_and_no_download(snakemake):
    planned = snakemake("-n", "--configfile", "config/sources.yaml", "--config", "folder=studies/never-run")
    assert planned.jobs["train_chunk"] == 16
    assert planned.jobs["score_control"] == 4
    assert not {"download_ixi", "download_demographics", "download_weights"} & set(planned.jobs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "models={flat: {family: stylegan, condition: volumes, size: 16}}",
            "which mssg, hagan, wgp_hagan, latent_diffusion, mrgen can be told",
        ),
        ("conditions={empty: {kind: covariates}}", "conditions.empty.sources is missing"),
        ("evaluation={control: {condition: sex}}", "evaluation.control.condition is sex; expected a condition of cov"),
        ("evaluation={control: {grid: [age, height]}}", "evaluation.control.grid names height"),
        (
            "conditions={volumes: {sources: {north: {part: [0.5, 0.5]}}}}",
            "sources.north.part is [0.5, 0.5]; expected the smaller number first",
        ),
        (
            "cohort={validation_fraction: 0}",
            "cohort.validation_fraction is 0, but control of models.mssg is measured by",
        ),
        ("slices={labelled: sites}", "slices.labelled is sites; expected the name of a condition of covariates"),
        ("models={mssg: {only: north}}", "write a condition of that source alone"),
        ("models={hagan: {recipe: {encoders: detached}}}", "by classes and not yet by covariates; expected none"),
    ],
)
def test_what_does_not_fit_stops_before_any_work(snakemake, change, words):
    planned = snakemake(*SOURCES, "--config", change)
    assert planned.returncode == 1
    assert words in planned.text
    assert "Traceback" not in planned.text
