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
OF_ONE_CLASS = "stylegan_f"


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
    assert set(mine["model"]) == {*MODELS, OF_ONE_CLASS}
    for model in MODELS:
        found = set(mine[mine["model"] == model]["metric"])
        assert {"fid", "kid", "precision", "recall", "slice_ssim_gap", "separability_sex_auc"} <= found, model
        assert {"slice_area_m", "slice_area_f", "slice_area_effect_m_minus_f", "slice_area_measured"} <= found, model
        assert ("classifier_auc" in found) == model.startswith("pacgan")
    assert set(scores[scores["metric"] == "fid"]["view"]) == {"slice 16"}
    assert scores[scores["metric"] == "fid"]["warning"].str.contains("untrained").all()


def test_the_area_of_the_hippocampi_is_measured_by_class_in_real_slices_and_in_samples(study):
    positions = read_table(study / "slice_regions" / "positions.tsv")
    assert positions["plane"].tolist() == ["axial", "axial"] and set(positions["labels"]) == {"5 6"}
    assert positions["area_mm2"][0] > 100, "the lower slice goes through both hippocampi"
    for size in (4, 8, 16):
        region = np.load(study / "slice_regions" / f"{size}.npy")
        assert region.shape == (2, size, size) and region.min() >= 0 and region.max() <= 1
        areas = region.sum(axis=(1, 2)) * (224 / size) ** 2
        np.testing.assert_allclose(areas, positions["area_mm2"], rtol=1e-3, atol=0.02)
    tested = (open_slices(study / "slices", 16).index["split"] == "test").sum()
    for model in MODELS:
        table = read_table(study / "slice_areas" / f"{model}.summary.tsv")
        areas = table[table["kind"] == "area"]
        assert areas["source"].tolist() == ["real", "real", "synthetic", "synthetic"]
        assert areas["label"].tolist() == ["m", "f", "m", "f"]
        assert areas.groupby("source")["n"].sum().to_dict() == {"real": tested, "synthetic": 6}
        assert areas["unmeasured"].dropna().between(0, 1).all()
        assert (areas["mean_mm2"].dropna() >= 0).all()
        apart = table[table["kind"] == "difference"].set_index("source")
        assert apart["label"].tolist() == ["m", "m"] and apart["against"].tolist() == ["f", "f"]
        assert set(apart["same_sign"].dropna()) <= {"yes", "no"}


def test_every_class_has_its_own_distances_and_a_reason_where_it_has_none(study):
    scores = read_scores(study / "metrics.tsv")
    scans = read_table(study / "slices" / "index.tsv").merge(read_table(study / "cohort" / "scans.tsv"), on="scan")
    scans = scans[scans["row"].notna() & (scans["split_y"] == "test")]
    names = {f"{metric}_by_class_sex:{label}" for metric in ("fid", "kid") for label in ("m", "f")}
    for model in MODELS:
        mine = scores[(scores["model"] == model) & (scores["reference"] == "test") & (scores["source"] == "model")]
        mine = mine.set_index("metric").loc[sorted(names)]
        asked = read_table(study / "samples" / model / "samples.tsv")["label_name"]
        for name, row in mine.iterrows():
            label = name.split(":")[1]
            assert row["n"] <= min((scans["sex"] == label).sum(), (asked == label).sum())
            assert np.isfinite(row["value"]) == (row["n"] >= 2), name
            assert np.isfinite(row["value"]) or row["warning"].startswith("Not computed")
        assert (study / "fid_by_class" / f"{model}.npz").is_file()
    of_classes = scores[scores["metric"].str.contains("_by_class_")]
    assert set(of_classes.loc[of_classes["value"].notna(), "source"]) == {"model", "untrained"}


def test_halves_of_the_samples_stand_beside_halves_of_as_many_participants(study):
    index = open_slices(study / "slices", 16).index
    people = {split: index.loc[index["split"] == split, "participant_id"].nunique() for split in ("test", "train")}
    for model in MODELS:
        summary = read_table(study / "self_distance" / f"{model}.summary.tsv")
        whole = summary[summary["label"] == "all"]
        assert set(summary["label"]) == {"all", "m", "f"} and len(whole) == 2 * 2 * 3
        for reference, count in people.items():
            assert set(whole.loc[whole["reference"] == reference, "n"]) == {min(count, 6) // 2}
        assert (summary["mean"].notna() == (summary["n"] >= 2)).all() and whole["mean"].notna().all()
        scores = read_scores(study / "self_distance" / f"{model}.tsv").set_index(["reference", "metric"])
        drawn = whole.set_index(["reference", "distance", "kind"]).loc[("test", "fid")]["mean"]
        row = scores.loc[("test", "fid_fake_fake")]
        assert [row["value"], row["floor"]] == pytest.approx([drawn["fake_fake"], drawn["real_real"]])
        assert (study / "self_distance" / f"{model}.png").is_file()
    assert "two halves of the samples" in (study / "report" / "index.html").read_text()


def test_a_model_of_one_class_is_trained_on_it_alone_and_its_scores_are_of_it_alone(study):
    index = open_slices(study / "slices", 16).index
    sexes = index["scan"].map(read_table(study / "cohort" / "scans.tsv").set_index("scan")["sex"])
    mine = {split: int(((index["split"] == split) & (sexes == "f")).sum()) for split in ("train", "validation", "test")}
    chosen = read_table(study / "one_class" / f"{OF_ONE_CLASS}.tsv")["split"]
    assert chosen.tolist() == index["split"].where(sexes == "f", "other class").tolist()
    facts = read_json(study / "models" / OF_ONE_CLASS / "recipe.json")
    assert facts["extra"]["training_scans"] == mine["train"] and facts["classes"] == []
    assert facts["extra"]["only"]["class"] == "f"
    validated = read_table(study / "models" / OF_ONE_CLASS / "validation.tsv")
    assert validated["n_real"].tolist() == [mine["validation"]]

    samples = read_table(study / "samples" / OF_ONE_CLASS / "samples.tsv")
    assert samples[["label", "label_name", "sex"]].drop_duplicates().to_numpy().tolist() == [[1, "f", "f"]]
    drawn = pd.read_csv(study / "samples" / OF_ONE_CLASS / "nifti" / "labels_syn.csv")
    assert drawn["Label"].tolist() == [1] * 5

    scores = read_scores(study / "metrics.tsv")
    of_model = scores[(scores["model"] == OF_ONE_CLASS) & (scores["source"] == "model")]
    assert {"fid_by_class_sex:f", "kid_by_class_sex:f", "precision_by_class_sex:f"} <= set(of_model["metric"])
    assert {"slice_ssim_gap_f", "slice_area_f", "slice_area_measured"} <= set(of_model["metric"])
    assert of_model.loc[~of_model["metric"].eq("slice_area_measured"), "metric"].str.contains(r"sex:f$|_f$").all()
    fid = of_model[of_model["metric"] == "fid_by_class_sex:f"].set_index("reference")
    assert fid.loc["test", "n"] == min(mine["test"], mine["train"], len(samples)) and np.isfinite(fid["value"]["test"])
    assert not (study / "utility" / f"{OF_ONE_CLASS}.tsv").exists()
    page = (study / "report" / "index.html").read_text()
    assert "stylegan, of class f of condition sex alone" in page


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


def test_real_slices_stand_in_the_exchange_format_with_the_classes_of_the_condition(study):
    sexes = read_table(study / "cohort" / "scans.tsv").set_index("participant_id")["sex"]
    index, count = open_slices(study / "slices", 16).index, 0
    for part in ("train", "test"):
        folder = study / "slices" / "exchange" / part
        labels = pd.read_csv(folder / "labels.csv")
        assert ["mf"[label] for label in labels["Label"]] == sexes[labels["Subject_ID"]].tolist()
        assert [nib.load(folder / f"Real{size}x{size}.nii.gz").shape[3] for size in (4, 8, 16)] == [len(labels)] * 3
        count += len(labels)
    assert count == len(index)
    assert "# Terms of the slices" in (study / "slices" / "exchange" / "TERMS.md").read_text()


def test_the_report_shows_slices_and_no_brains_in_three_planes(study):
    figures = {path.name for path in (study / "report" / "figures").glob("*.png")}
    assert {"gallery_slice16.png", "spread_slice16.png", *(f"samples_{model}.png" for model in MODELS)} <= figures
    page = (study / "report" / "index.html").read_text()
    assert "real test slices" in page.lower()
    for metric in ("slice_similarity", "slice_areas", "separability"):
        assert all((study / metric / f"{model}.png").is_file() for model in MODELS)
