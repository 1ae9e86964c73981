"""Segmentation arms, planned: one network an arm, one test set for all, and what stops before any work."""

from __future__ import annotations

import pytest

MASKS = ("-n", "--configfile", "tests/config/masks.yaml")
OF_ARMS = {"write_arm": 4, "plan_arm": 4, "train_arm": 4, "predict_arm": 4}
SOURCES = ("source", "source_strong", "source_matched")
OF_ALL = dict.fromkeys(("write_held_out", "score_arms", "draw_arms"), 1)


def arms(text: str) -> tuple[str, str, str]:
    return "--config", "folder=studies/never-run", f"segmentation={{{text}}}"


def test_without_arms_nothing_is_segmented(snakemake):
    assert not {*OF_ARMS, *OF_ALL} & set(snakemake(*MASKS, "--config", "folder=studies/never-run").jobs)


@pytest.mark.parametrize(("images", "folder"), [("dimensions: 2, size: 16", "slices"), ("dimensions: 3, size: 32", "pyramid")])  # fmt: skip
def test_every_arm_has_a_network_and_all_are_tested_on_one_set(snakemake, images, folder):
    wanted = arms(f"arms: [ceiling, source, source_strong, source_matched], {images}")
    planned = snakemake(*MASKS, *wanted)
    assert {name: planned.jobs[name] for name in OF_ARMS | OF_ALL} == OF_ARMS | OF_ALL
    told = snakemake(*MASKS, *wanted, "--printshellcmds", "--", "studies/never-run/segmentation/arms.tsv").text
    seen = {arm: told.split(f"{arm}/raw\n")[0].rsplit("input:", 1)[1] for arm in (*SOURCES, "ceiling")}
    size = images.rsplit(" ", 1)[1]
    assert f"masks/{folder}/{size}.known.npy" in seen["ceiling"]
    assert all(f"masks/{folder}/{size}.shown.npy" in seen[arm] for arm in SOURCES)
    assert not any("known.npy" in seen[arm] for arm in SOURCES), "no label may leak"


def test_arms_with_synthetic_images_wait_for_the_filter_and_see_no_hidden_mask(snakemake):
    wanted = arms("arms: [source, both, ceiling], synthesis: target")
    assert snakemake(*MASKS, *wanted).jobs["collect_candidates"] == 1
    told = snakemake(*MASKS, *wanted, "--printshellcmds", "--", "studies/never-run/segmentation/arms.tsv").text
    given = told.split("both/raw\n")[0].rsplit("input:", 1)[1]
    assert "synthesis/target/images.npy" in given and "synthesis/target/masks.npy" in given
    assert "known.npy" not in given


def test_the_report_shows_what_the_filter_kept_and_the_scores(snakemake):
    report = "studies/never-run/report/index.html"
    wanted = arms("arms: [source, both], synthesis: target")
    told = snakemake(*MASKS, *wanted, "--printshellcmds", "--", report).text
    given = told.split(f"output: {report}")[0].rsplit("input:", 1)[1]
    assert "synthesis/target/acceptance.tsv" in given
    assert "segmentation/arms.tsv" in given and "segmentation/differences.tsv" in given


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arms: [target], dimensions: 2, size: 16", "segmentation.arms.0"),
        ("arms: [source, both], dimensions: 2, size: 16", "segmentation.arms has both, which is trained on synthetic"),
        ("arms: [source], synthesis: nothing", "segmentation.synthesis is nothing"),
    ],
)
def test_what_does_not_fit_stops_before_any_work(snakemake, text, words):
    planned = snakemake(*MASKS, *arms(text))
    assert planned.returncode != 0
    assert words in planned.text
