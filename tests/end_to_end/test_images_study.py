"""The smallest study whose input is images, grey or in colour, made on the spot and run whole to its report."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.class_images import CLASSES, write_class_folder

from mrisynth.conditions import read_condition
from mrisynth.files import read_json, read_table
from mrisynth.score_files import read_scores
from mrisynth.slices.slice_set import open_slices
from mrisynth.slices.stacks import open_stack

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
PEOPLE, TESTED = 20, 6
BAD = "train/AD/09999_70.png"


@pytest.fixture(scope="module", params=["tiny_images", "tiny_colours"])
def study(request, run_snakemake, clean_clone) -> Path:
    name, colour = f"studies/{request.param}", request.param == "tiny_colours"
    folder = write_class_folder(clean_clone / f"{name}_made", people=PEOPLE, tested=TESTED, colour=colour)
    (folder / BAD).write_bytes(b"no image")
    changed = (f"folder={name}", f"cohort={{folder: {name}_made, colour: {str(colour).lower()}}}")
    words = ("--configfile", "tests/config/images.yaml", "--config", *changed, "--cores", "1")
    done = run_snakemake(*words, "--quiet", "rules", "host", "reason", seconds=1800)
    assert done.returncode == 0, done.stderr[-8000:]
    return clean_clone / name


def _channels(study: Path) -> tuple[int, ...]:
    return (3,) if study.name == "tiny_colours" else ()


def test_the_images_are_packed_with_their_classes_and_the_test_folder_is_kept(study):
    slices = open_slices(study / "slices", 16)
    assert slices.images.shape == (2 * 2 * (PEOPLE + TESTED), 16, 16, *_channels(study))
    assert (slices.index["split"] == "test").tolist() == slices.index["image"].str.startswith("test/").tolist()
    told = read_condition(study / "conditions" / "group.tsv")
    assert told.classes == list(CLASSES)
    named = [told.classes[label] for label in told.labels(slices.index["scan"].tolist())]
    assert named == slices.index["label"].tolist()
    verdicts = read_table(study / "quality" / "scans.tsv", reason="string").set_index("scan")
    assert verdicts.loc[BAD, ["status", "reason"]].tolist() == ["excluded", "unreadable"]


def test_the_model_is_scored_as_models_of_slices_are(study):
    scores = read_scores(study / "metrics.tsv")
    mine = scores[scores["source"] == "model"]
    found = set(mine["metric"])
    assert {"fid", "kid", "precision", "slice_ssim_gap", "separability_group_auc", "classifier_auc"} <= found
    assert {"fid_by_class_group:AD", "condition_accuracy", "utility_diagnosis_synthetic"} <= found
    assert set(scores[scores["metric"] == "fid"]["view"]) == {"slice 16"}
    useful = mine[mine["metric"] == "utility_diagnosis_synthetic"]
    assert np.isfinite(useful["value"]).all(), "the class of an image is what its diagnosis is known by"


def test_samples_and_pictures_have_the_channels_of_the_images(study):
    channels = _channels(study)
    drawn = np.load(study / "samples" / "pacgan" / "shards" / "000.npy")
    assert drawn.shape == (8, 16, 16, *channels)
    folder = study / "samples" / "pacgan" / "nifti"
    assert np.array_equal(np.asarray(Image.open(folder / "sample-000001.png")), drawn[1])
    stack = open_stack(folder / "Generated16x16.nii.gz")
    assert np.array_equal(list(stack.images("unit")), drawn[:5])
    (grid, *_) = sorted((study / "training" / "pacgan").glob("watch-*/grid-*.png"))
    for path in (grid, study / "pictures" / "samples_pacgan.png", study / "pictures" / "gallery_slice16.png"):
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        coloured = (pixels.max(axis=2) - pixels.min(axis=2) > 60).mean()
        assert coloured > 0.05 if channels else coloured == 0, path
    slices = open_slices(study / "slices", 16)
    shown = np.asarray(Image.open(grid).convert("RGB"))[-128:, -256:].reshape(128, 2, 128, 3).mean(axis=(0, 2))
    real = slices.images[slices.rows(split="train")[:2]].reshape(2, 16 * 16, -1).mean(axis=1)
    assert np.abs(shown - real).max() < 2, "the last two images of a grid are real ones, in their own colours"


def test_the_report_speaks_of_images_and_cites_nothing_that_was_not_done(study):
    page = (study / "report" / "index.html").read_text(encoding="utf-8")
    words = re.sub(r"\s+", " ", unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)))
    assert f"images passed {4 * (PEOPLE + TESTED)} of {4 * (PEOPLE + TESTED) + 1}" in words
    assert "Real images beside samples of pacgan" in words
    assert "eft of the brain" not in words and "RESTRICTED COHORT" in words
    cited = set(read_table(study / "provenance" / "citations.tsv")["what"])
    assert "PACGAN" in cited and not {what for what in cited if re.search("ANT|N4|HD-BET|nilearn|ICBM", what)}
    assert (study / "pictures" / "samples_pacgan.png").stat().st_size > 1000


def test_nothing_of_volumes_is_there_and_the_stacks_have_the_classes(study):
    assert not {"pyramid", "preprocessed", "brain_extraction"} & {path.name for path in study.iterdir()}
    assert not (study / "quality" / "index.html").exists()
    for part, count in (("train", 4 * PEOPLE), ("test", 4 * TESTED)):
        table = read_table(study / "slices" / "exchange" / part / "images.tsv")
        assert len(table) == count
    record = read_json(study / "cohort" / "splits.json")
    assert record["settings"]["stratify"] == ["diagnosis"]
    assert record["splits"]["test"]["participants"] == 2 * TESTED
