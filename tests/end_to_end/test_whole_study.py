"""Every stage of a small study for real, then what must not run again, and what must."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.files import read_table, sha256_of
from mrisynth.metrics.table import COLUMNS
from mrisynth.sampling import Sampler
from mrisynth.score_files import read_scores

pytestmark = pytest.mark.end_to_end
TINY = ("--configfile", "tests/config/tiny.yaml")
MODELS = ("wgp_hagan", "hagan_demographics", "wgp_hagan_umap_cluster")


@pytest.fixture(scope="module")
def study(tiny_study) -> Path:
    return tiny_study


def test_scans_in_are_passed_and_excluded(study):
    quality = read_table(study / "quality" / "scans.tsv")
    assert len(quality) == 10
    assert set(quality["status"]) <= {"passed", "excluded"}
    assert (quality["status"] == "passed").sum() == len(read_table(study / "pyramid" / "index.tsv"))


def test_packed_brains_have_a_background_of_zero(study):
    packed = np.load(study / "pyramid" / "32.npy", allow_pickle=False)
    assert packed.dtype == np.uint8
    assert (packed[:, :2] == 0).all()
    inside = (packed > 0).mean(axis=(1, 2, 3))
    assert ((inside > 0.08) & (inside < 0.4)).all()


def test_scores_hold_the_model_its_untrained_generator_and_the_floor(study):
    for model in MODELS:
        table = read_scores(study / "fid" / f"{model}.tsv")
        assert list(table.columns) == COLUMNS
        assert set(zip(table["view"], table["source"], strict=True)) == {
            ("32", "model"),
            ("32", "untrained"),
            ("32 low", "model"),
        }
        assert set(table["model"]) == {model}
        assert table["warning"].str.contains("untrained").all()
    everything = read_scores(study / "metrics.tsv")
    controls = everything[(everything["source"] == "control") & (everything["metric"] == "fid")]
    assert set(controls["model"]) == {"noise", "blurred", "shuffled", "duplicated"}


def test_samples_are_those_that_the_library_draws(study):
    table = read_table(study / "samples" / "wgp_hagan" / "samples.tsv")
    assert list(table["sample"]) == list(range(6))
    sampler = Sampler.load(study / "models" / "wgp_hagan")
    drawn = sampler.draw(1, seed=1, first=5)
    shard = np.load(study / "samples" / "wgp_hagan" / "shards" / "001.npy", allow_pickle=False)
    again = np.rint((drawn.volumes[0].clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    assert np.abs(shard[1].astype(int) - again).max() <= 1
    image = nib.load(study / "samples" / "wgp_hagan" / "nifti" / "sample-000000_T1w.nii.gz")
    assert np.allclose(image.affine, sampler.affine)
    assert np.allclose(nib.affines.voxel_sizes(image.affine), 7.0)


def test_the_label_beside_a_sample_is_the_label_that_was_used(study):
    table = read_table(study / "samples" / "hagan_demographics" / "samples.tsv")
    sampler = Sampler.load(study / "models" / "hagan_demographics")
    row = table.iloc[3]
    same = sampler.draw(1, seed=1, first=3, condition=row["label_name"])
    other = sampler.draw(1, seed=1, first=3, condition=next(name for name in ("m", "f") if name != row["label_name"]))
    shard = np.load(study / "samples" / "hagan_demographics" / "shards" / "000.npy", allow_pickle=False)[3]
    volumes = [np.rint((found.volumes[0].clip(-1, 1) + 1) * 127.5) for found in (same, other)]
    distances = [np.abs(shard - volume).mean() for volume in volumes]
    assert distances[0] < 0.01 < distances[1]


def test_clusters_reach_the_next_model(study):
    clusters = read_table(study / "clusters" / "wgp_hagan.tsv").set_index("scan")
    condition = read_table(study / "conditions" / "umap_cluster.1.tsv").set_index("scan")
    joined = clusters[["cluster"]].join(condition[["label"]], how="inner")
    assert len(joined) == len(clusters)
    assert joined.groupby("cluster")["label"].nunique().eq(1).all()
    recipe = json.loads((study / "models" / "wgp_hagan_umap_cluster" / "recipe.json").read_text())
    assert len(recipe["classes"]) == 2


def test_the_report_is_one_page_that_works_alone(study):
    page = (study / "report" / "index.html").read_text()
    assert "data:image/png;base64," in page
    assert "untrained" in page.lower()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert list((study / "report" / "figures").glob("*.png"))


def test_a_second_run_has_nothing_to_do(study, run_snakemake):
    again = run_snakemake(*TINY)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def test_another_recipe_retrains_that_model_alone(study, run_snakemake):
    change = "models={hagan_demographics: {recipe: {latent: 12}}}"
    planned = run_snakemake("-n", *TINY, "--config", change)
    text = planned.stdout + planned.stderr
    assert planned.returncode == 0, text
    retrained = {
        line.split("/training/")[1].split("/")[0]
        for line in text.splitlines()
        if "output:" in line and "/training/" in line
    }
    assert retrained == {"hagan_demographics"}
    assert "rule register_scans" not in text


def test_where_a_model_may_run_is_no_reason_to_train_it_again(study, run_snakemake):
    planned = run_snakemake("-n", *TINY, "--config", "models={wgp_hagan: {allow_cpu: false}}")
    assert "rule train_chunk" not in planned.stdout + planned.stderr


def test_training_again_gives_the_same_weights(study, run_snakemake):
    weights = study / "models" / "wgp_hagan" / "generator.safetensors"
    before = sha256_of(weights)
    shutil.copy(weights, study / "before.safetensors")
    target = "studies/tiny/models/wgp_hagan/generator.safetensors"
    finished = run_snakemake(*TINY, "--forcerun", "train_chunk", "--", target)
    assert finished.returncode == 0, finished.stderr[-4000:]
    assert sha256_of(weights) == before


def test_snakemake_makes_its_own_report(study, run_snakemake, clean_clone):
    finished = run_snakemake(*TINY, "--report", "studies/tiny/snakemake_report.html")
    assert finished.returncode == 0, finished.stderr[-4000:]
    assert "Scores" in (clean_clone / "studies/tiny/snakemake_report.html").read_text()


def test_metrics_gather_all_models(study):
    metrics = read_scores(study / "metrics.tsv")
    of_every_folder = {"fid", "kid", "recall", "coverage", "ms_ssim_gap", "region_wasserstein", "condition_accuracy"}
    of_every_folder |= {"nn_ratio", "copies", "membership_auc", "release", "utility_sex_synthetic"}
    assert of_every_folder <= set(metrics["metric"])
    assert set(MODELS) <= set(metrics["model"])
    assert not pd.isna(metrics.loc[metrics["metric"] == "fid", "value"]).any()
