"""Studies with masks, planned: what training is given of them, and what stops before any work."""

from __future__ import annotations

import pytest

MASKS = ("-n", "--configfile", "tests/config/masks.yaml")


def test_training_is_given_what_it_may_see_alone(snakemake):
    planned = snakemake(*MASKS, "--config", "folder=studies/never-run")
    assert planned.jobs["pack_masks"] == planned.jobs["draw_masks"] == 2 and planned.jobs["train_chunk"] == 8
    jobs = planned.text.split("rule train_chunk:")[1:]
    inputs = [job.split("input: ")[1].split("\n")[0] for job in jobs]
    assert len(inputs) == 8
    for given in inputs:
        assert ("masks/pyramid/32.shown.npy" in given) != ("masks/slices/16.shown.npy" in given)
        assert "known" not in given


def test_models_that_masks_do_not_steer_are_given_none(snakemake):
    planned = snakemake("-n", "--configfile", "tests/config/latent.yaml", "--config", "folder=studies/never-run")
    assert "pack_masks" not in planned.jobs and "masks" not in planned.text


def test_masks_of_tissues_need_the_largest_packed_scans_and_no_label_map(snakemake):
    tissues = "masks={from: tissue, classes: {fluid: [ventricles, csf], grey: [grey_matter]}}"
    changes = ("folder=studies/never-run", tissues, "covariates={regions: {from: none}}")
    planned = snakemake(*MASKS, "--config", *changes)
    assert planned.returncode == 0, planned.text
    assert planned.jobs["segment_tissues"] >= 2 and planned.jobs["pack_masks"] == 2
    assert "measure_covariates" not in planned.jobs
    jobs = [part.split("output:")[0] for part in planned.text.split("rule ") if part.startswith("segment_tissues")]
    assert all("pyramid/32.npy" in job for job in jobs)
    packing = [part.split("output:")[0] for part in planned.text.split("rule ") if part.startswith("pack_masks")]
    assert all("masks/tissue/bundle-" in job and "cohort/simulated" not in job for job in packing)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("covariates={regions: {from: none}}", "covariates.regions.from is none; masks are made of label maps"),
        ("masks={classes: {tail: [tail]}}", "names 'tail'; known are"),
        ("masks={classes: {again: [ventricles]}}", "masks.classes.again has no label"),
        (
            "masks={from: tissue, classes: {left: [hippocampus_left]}}",
            "known are csf, grey_matter, white_matter, ventri",
        ),
        ("masks={from: tissue, classes: {stem: [35]}}", "masks.classes.stem names '35'; known are csf"),
        ("models={slices: {recipe: {mask_input: red}}}", "mask_input"),
    ],
)
def test_what_does_not_fit_stops_before_any_work(snakemake, change, words):
    planned = snakemake(*MASKS, "--config", change)
    assert planned.returncode != 0
    assert words in planned.text
