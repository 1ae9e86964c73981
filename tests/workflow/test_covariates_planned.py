"""Covariates of real scans, planned: measured where they are wanted, and from the maps or tissues that are wanted."""

from __future__ import annotations

import pytest

SLICES = ("-n", "--configfile", "tests/config/slices.yaml")
FOLDER = "studies/never-run"
TABLE = f"{FOLDER}/covariates/regions.tsv"


@pytest.fixture
def planned(snakemake):
    def plan(*changes: str, targets: tuple[str, ...] = ()):
        return snakemake(*SLICES, "--config", f"folder={FOLDER}", *changes, "--", *targets)

    return plan


def test_a_study_measures_none_by_itself_and_says_so_when_asked(planned):
    assert not {"measure_covariates", "draw_covariates"} & set(planned().jobs)
    asked = planned(targets=(TABLE,))
    assert asked.returncode == 1 and "covariates.regions.from is none" in asked.text


def test_simulated_heads_are_measured_in_maps_of_their_own(planned):
    study = planned("covariates={regions: {from: label_maps}}")
    assert study.returncode == 0, study.text
    assert study.jobs["measure_covariates"] == study.jobs["draw_covariates"] == 1
    job = next(part for part in study.text.split("rule ") if part.startswith("measure_covariates"))
    assert f"{FOLDER}/cohort/simulated/bundle-" in job and f"{FOLDER}/regions/" not in job


def test_maps_of_the_users_own_stand_in_their_place(planned, tmp_path):
    study = planned(f"covariates={{regions: {{from: label_maps, folder: {tmp_path}}}}}", targets=(TABLE,))
    assert study.returncode == 0, study.text
    job = next(part for part in study.text.split("rule ") if part.startswith("measure_covariates"))
    assert str(tmp_path) in job and "cohort/simulated" not in job.split("output:")[0]


def test_tissues_need_the_pyramid_and_no_map(planned):
    study = planned("covariates={regions: {from: tissue}}", targets=(TABLE,))
    assert study.returncode == 0, study.text
    assert study.jobs["measure_real_regions"] == study.jobs["build_pyramid"] == 1
    assert f"{FOLDER}/regions/real.32.tsv" in study.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("cohort={name: ixi}", "a cohort ixi has none of its own; give their folder as covariates.regions.folder"),
        ("title=unchanged", "covariates.regions.numbering is custom, but covariates.regions.structures names no"),
    ],
)
def test_bad_configurations_stop_before_any_work(planned, change, sentence):
    numbering = "custom" if "title" in change else "auto"
    study = planned(
        change, "evaluation={metrics: [fid]}", f"covariates={{regions: {{from: label_maps, numbering: {numbering}}}}}"
    )
    assert study.returncode == 1 and sentence in study.text and "Traceback" not in study.text
