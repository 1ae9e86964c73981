"""The smallest study of images with ``dataset.json``: two sources that know different covariates, run to the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.labelled_digits import write_labelled_digits

from mrisynth.files import read_table
from mrisynth.slices.dataset_json import read_tables

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
MODELS, BAD = ("masked", "first_alone"), "00000/img00000003.png"


@pytest.fixture(scope="module")
def study(run_snakemake, clean_clone) -> Path:
    write_labelled_digits(clean_clone / "studies" / "tiny_labelled_made")
    words = ("--configfile", "tests/config/labelled.yaml", "--cores", "1", "--quiet", "rules", "host", "reason")
    done = run_snakemake(*words, seconds=1800)
    assert done.returncode == 0, done.stderr[-8000:]
    return clean_clone / "studies" / "tiny_labelled"


def test_labels_of_the_file_are_the_covariates_of_the_scans(study):
    given, form = read_tables(study.with_name("tiny_labelled_made"))
    scans = read_table(study / "cohort" / "scans.tsv").set_index("scan").loc[given["file"]]
    assert form == "pairs"
    for name in ("thickness", "slant", "digit"):
        np.testing.assert_array_equal(scans[name], given[name])
    assert (scans.groupby("participant_id")["split"].nunique() == 1).all(), "writers are divided, not images"
    verdicts = read_table(study / "quality" / "scans.tsv", reason="string").set_index("scan")
    assert verdicts.loc[BAD, "reason"] == "unreadable" and (verdicts["status"] == "passed").sum() == len(given) - 1


def test_sources_know_their_own_and_models_are_asked_for_all(study):
    told = read_table(study / "conditions" / "strokes.tsv")
    first = (told["source"] == "first").to_numpy()
    assert told.loc[first, "slant"].isna().all() and told.loc[~first, ["intensity", "digit"]].isna().all(axis=None)
    for model in MODELS:
        summary = read_table(study / "control" / f"{model}.summary.tsv")
        assert set(summary["covariate"]) == {"thickness", "intensity", "slant", "digit"}
        assert set(summary["measured_by"]) == {"regressor"}, "no label map says where a structure lies"
        assert (study / "control_extremes" / f"{model}.png").stat().st_size > 0
    assert "test study of labelled images" in (study / "report" / "index.html").read_text()
