"""The smallest study of latent diffusion, run whole: volumes, slices and pixels, their scores, reconstructions, pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mrisynth.files import read_json, read_table
from mrisynth.score_files import read_scores

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
MODELS = ("volumes", "slices", "pixels")


@pytest.fixture(scope="module")
def study(run_snakemake, clean_clone) -> Path:
    words = ("--configfile", "tests/config/latent.yaml", "--cores", "1", "--quiet", "rules", "host", "reason")
    done = run_snakemake(*words, seconds=3600)
    assert done.returncode == 0, done.stderr[-8000:]
    return clean_clone / "studies" / "tiny_latent"


def test_chunks_of_both_stages_leave_their_losses(study):
    curves = [read_table(study / "training" / "volumes" / f"curve-{chunk}.tsv") for chunk in range(4)]
    assert curves[0]["generator_reconstruction"].notna().all() and "generator_denoising" not in curves[0]
    assert curves[3]["generator_denoising"].notna().all() and "generator_reconstruction" not in curves[3]
    validated = read_table(study / "models" / "volumes" / "validation.tsv")
    assert validated["kid"].isna().tolist() == [True, False, False, False], "no sample of the autoencoder alone"
    assert not validated["chosen"].iloc[0]


def test_samples_are_of_the_size_and_told_what_they_show(study):
    shapes = {name: np.load(study / "samples" / name / "shards" / "000.npy").shape[1:] for name in MODELS}
    assert shapes == {"volumes": (32, 32, 32), "slices": (16, 16), "pixels": (16, 16)}
    told = read_table(study / "samples" / "slices" / "samples.tsv")
    assert told[["age", "sex"]].notna().all(axis=None)
    facts = read_json(study / "models" / "pixels" / "recipe.json")
    assert facts["model"]["family_recipe"]["sampler"] == "pndm" and facts["model"]["dimensions"] == 2


def test_reconstructions_are_scored_where_there_is_an_autoencoder(study):
    assert not (study / "reconstruction" / "pixels.tsv").exists()
    for name in ("volumes", "slices"):
        scores = read_scores(study / "reconstruction" / f"{name}.tsv")
        assert set(scores["reference"]) == {"test", "train"} and scores["value"].notna().all()
        images = read_table(study / "reconstruction" / f"{name}.images.tsv")
        means = images[images["split"] == "test"].groupby("participant_id")["l1"].mean()
        row = scores[(scores["metric"] == "reconstruction_l1") & (scores["reference"] == "test")].iloc[0]
        assert row["value"] == pytest.approx(means.mean()) and row["n"] == len(means)
    page = (study / "report" / "index.html").read_text()
    assert "What the autoencoder of volumes gives back" in page
