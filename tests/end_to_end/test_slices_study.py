"""The smallest study of slices, run whole: every family, a retrained model, all scores, pictures and tables."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.files import read_json, read_table
from mrisynth.score_files import read_scores
from mrisynth.slices.predictions import read_predictions
from mrisynth.slices.slice_set import open_slices

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
MODELS = ("r3gan", "stylegan", "pacgan", "pacgan_again")


@pytest.fixture(scope="module")
def study(run_snakemake, clean_clone) -> Path:
    words = ("--configfile", "tests/config/slices.yaml", "--cores", "1", "--quiet", "rules", "host", "reason")
    done = run_snakemake(*words, seconds=3600)
    assert done.returncode == 0, done.stderr[-8000:]
    return clean_clone / "studies" / "tiny_slices"


def test_every_scan_that_passed_has_both_slices_at_every_size(study):
    passed = read_table(study / "pyramid" / "index.tsv")["scan"]
    for size in (4, 8, 16):
        slices = open_slices(study / "slices", size)
        assert slices.images.shape == (2 * len(passed), size, size)
    assert slices.index["scan"].value_counts().to_dict() == dict.fromkeys(passed, 2)
    assert set(slices.index["plane"]) == {"axial"}


def test_all_models_are_scored_by_all_that_applies_to_slices(study):
    scores = read_scores(study / "metrics.tsv")
    mine = scores[scores["source"] == "model"]
    assert set(mine["model"]) == set(MODELS)
    for model in MODELS:
        found = set(mine[mine["model"] == model]["metric"])
        assert {"fid", "kid", "precision", "recall", "slice_ssim_gap", "separability_sex_auc"} <= found, model
        assert ("classifier_auc" in found) == model.startswith("pacgan")
    assert set(scores[scores["metric"] == "fid"]["view"]) == {"slice 16"}
    assert scores[scores["metric"] == "fid"]["warning"].str.contains("untrained").all()


def test_the_retrained_model_had_the_chosen_lengths_and_no_validation_scans(study):
    levels = read_json(study / "training" / "pacgan" / "candidate-1" / "recipe.json")["levels"]
    again = read_json(study / "models" / "pacgan_again" / "recipe.json")
    assert again["images_seen"] == sum(level["images"] for level in levels)
    splits = open_slices(study / "slices", 16).index["split"]
    assert again["extra"]["training_scans"] == int(splits.isin(["train", "validation"]).sum())
    assert read_table(study / "models" / "pacgan_again" / "validation.tsv")["n_real"].tolist() == [0, 0]


def test_predictions_are_of_every_slice_with_its_true_class(study):
    predictions = read_predictions(study / "classification" / "pacgan.predictions.csv")
    scans = read_table(study / "cohort" / "scans.tsv").set_index("scan")["sex"]
    assert predictions.table["label"].tolist() == scans.loc[predictions.table["scan"]].tolist()
    tested = predictions.table[predictions.table["split"] == "test"]
    confusion = pd.read_csv(study / "classification" / "pacgan.confusion.tsv", sep="\t", index_col="label")
    assert int(confusion.to_numpy().sum()) == len(tested)


def test_samples_stand_as_pictures_and_as_the_stack_of_the_exchange_format(study):
    for model in MODELS:
        folder = study / "samples" / model / "nifti"
        labels = pd.read_csv(folder / "labels_syn.csv")
        table = read_table(study / "samples" / model / "samples.tsv")
        assert labels["Label"].tolist() == table["label"].tolist()[:5]
        assert nib.load(folder / "Generated16x16.nii.gz").shape == (16, 16, 1, 5)
        assert len(list(folder.glob("sample-*.png"))) == 5
        assert np.load(study / "samples" / model / "shards" / "000.npy").shape == (4, 16, 16)


def test_the_report_shows_slices_and_no_brains_in_three_planes(study):
    figures = {path.name for path in (study / "report" / "figures").glob("*.png")}
    assert {"gallery_slice16.png", "spread_slice16.png", *(f"samples_{model}.png" for model in MODELS)} <= figures
    page = (study / "report" / "index.html").read_text()
    assert "real test slices" in page.lower()
    for metric in ("slice_similarity", "separability"):
        assert all((study / metric / f"{model}.png").is_file() for model in MODELS)
