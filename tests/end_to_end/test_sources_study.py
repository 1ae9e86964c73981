"""The smallest study of two sources with different covariates, run whole: volumes, models, control, pictures, tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mrisynth.files import read_json, read_table
from mrisynth.score_files import read_scores
from mrisynth.slices.dataset_json import read_dataset

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
CONTROLLED = ("mssg", "imputed", "north_alone")
COVARIATES = ("age", "sex", "ventricles_ml", "hippocampus_left_ml")


@pytest.fixture(scope="module")
def study(run_snakemake, clean_clone) -> Path:
    words = ("--configfile", "tests/config/sources.yaml", "--cores", "1", "--quiet", "rules", "host", "reason")
    done = run_snakemake(*words, seconds=3600)
    assert done.returncode == 0, done.stderr[-8000:]
    return clean_clone / "studies" / "tiny_sources"


def test_what_a_source_does_not_know_is_hidden_from_models_and_known_to_the_scores(study):
    told = read_table(study / "conditions" / "volumes.tsv")
    north = (told["source"] == "north").to_numpy()
    assert told.loc[north, "hippocampus_left_ml"].isna().all()
    assert told.loc[~north, ["sex", "ventricles_ml"]].isna().all(axis=None)
    regions = read_table(study / "covariates" / "regions.tsv")
    assert regions.loc[regions["reason"].isna(), "hippocampus_left_ml"].notna().all()
    real = read_table(study / "regressors" / "16" / "real.tsv")
    assert real["true_hippocampus_left_ml"].notna().all()
    assert set(real["source"]) == {"north", "south"}


def test_slices_are_written_with_what_their_source_knows(study):
    folder = study / "slices" / "labelled" / "16"
    written, index = read_dataset(folder), read_table(study / "slices" / "index.tsv")
    assert len(written.images) == (index["status"] == "passed").sum() and written.images.shape[1:] == (16, 16)
    north = (written.table["source"] == "north").to_numpy()
    assert (
        written.table.loc[north, "ventricles_ml"].notna().all()
        and written.table.loc[~north, "ventricles_ml"].isna().all()
    )
    assert "Terms of the slices" in (folder / "TERMS.md").read_text()


def test_samples_are_told_a_source_and_every_covariate(study):
    for model in ("mssg", "hagan"):
        table = read_table(study / "samples" / model / "samples.tsv")
        assert set(table["label_name"]) <= {"north", "south"}
        assert table[list(COVARIATES)].notna().all(axis=None)
        facts = read_json(study / "models" / model / "recipe.json")
        assert [one["source"] for one in facts["covariates"]["sources"]] == ["north", "south"]
        assert facts["model"]["augmentation_flip"] is False, "a hippocampus has a side"


def test_every_model_of_slices_is_asked_for_all_covariates(study):
    tested = (read_table(study / "regressors" / "16" / "real.tsv")["split"] == "test").sum()
    for model in CONTROLLED:
        fakes = read_table(study / "control" / f"{model}.fakes.tsv")
        assert (fakes["kind"] == "paired").sum() == tested
        assert len(np.load(study / "control" / f"{model}.fakes.npy")) == len(fakes)
        summary = read_table(study / "control" / f"{model}.summary.tsv")
        assert set(summary["covariate"]) == set(COVARIATES)
        told = summary[(summary["covariate"] == "hippocampus_left_ml") & (summary["comparison"] == "requested")]
        told = dict(zip(told["source"], told["told"], strict=False))
        assert told == {"all": "no", "north": "no", "south": "no" if model == "north_alone" else "yes"}
        assert set(summary["measured_by"]) <= {"regressor", "area"}
    maps = np.load(study / "control_regions" / "16.npz", allow_pickle=False)
    assert {"ventricles_ml", "hippocampus_left_ml"} <= set(maps.files)
    compared = read_table(study / "control" / "comparison.tsv")
    assert set(zip(compared["one"], compared["other"], strict=True)) == {
        ("mssg", "imputed"), ("mssg", "north_alone"), ("imputed", "north_alone"),
    }  # fmt: skip


def test_scores_by_source_stand_beside_the_others(study):
    scores = read_scores(study / "metrics.tsv")
    mine = scores[(scores["model"] == "mssg") & (scores["source"] == "model")]
    found = set(mine["metric"])
    assert {"fid", "control_requested_r_ventricles_ml", "control_requested_r_age_north", "paired_ssim"} <= found
    assert any(name.startswith("fid") and name.endswith("north") for name in found), sorted(found)
    alone = set(scores[scores["model"] == "north_alone"]["metric"])
    assert "control_requested_r_hippocampus_left_ml" in alone
    assert not any(name.startswith("separability") for name in alone)


def test_the_pictures_are_there_and_in_the_report(study):
    pictures = [f"control/{model}.png" for model in CONTROLLED] + ["control_strata/models.png"]
    pictures += [f"control_{kind}/{model}.png" for kind in ("grid", "extremes", "area") for model in CONTROLLED]
    pictures += ["conditions/volumes.pairs.png", "covariates/regions.png"]
    assert all((study / name).stat().st_size > 5000 for name in pictures)
    page = (study / "report" / "index.html").read_text()
    assert "What mssg was asked for" in page and "Samples of mssg over two covariates" in page
