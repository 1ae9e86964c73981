"""Synthesis for masks, planned: its jobs and what they are given, and what stops before any work."""

from __future__ import annotations

import pytest

MASKS = ("-n", "--configfile", "tests/config/masks.yaml")


def test_jobs_of_a_synthesis_are_given_what_may_be_seen_alone(snakemake):
    planned = snakemake(*MASKS, "--config", "folder=studies/never-run")
    expected = {
        "train_filter": 1,
        "set_standards": 1,
        "make_candidates": 2,
        "collect_candidates": 1,
        "draw_candidates": 1,
    }
    assert {rule: planned.jobs[rule] for rule in expected} == expected
    for rule in expected:
        for job in planned.text.split(f"rule {rule}:")[1:]:
            inputs = job.split("input: ")[1].split("\n")[0]
            assert "masks/slices/16.shown.npy" in inputs and "known" not in inputs, rule


def test_two_syntheses_of_one_size_share_the_filter(snakemake):
    second = "synthesis={other: {model: slices, masks: 5, thresholds: published}, whole: {model: volumes, masks: 2}}"
    jobs = snakemake(*MASKS, "--config", "folder=studies/never-run", second).jobs
    assert jobs["train_filter"] == 2 and jobs["set_standards"] == 3 and jobs["make_candidates"] == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("synthesis={target: {model: nobody}}", "synthesis.target.model is nobody; expected a model of family mrgen"),
        (
            "synthesis={target: {condition: {age: 60}}}",
            "condition names age, which slices is not told; its columns: site",
        ),
        ("synthesis={target: {kept: 9}}", "synthesis.target.kept is 9 of 3 tries"),
        ("synthesis={target: {scorer: sam2}}", "synthesis.target.sam2_folder"),
        ("synthesis={target: {scorer: atropos}}", "synthesis.target.tissues"),
        ("synthesis={target: {scorer: eyes}}", "synthesis.target.scorer"),
    ],
)
def test_what_does_not_fit_stops_before_any_work(snakemake, change, words):
    planned = snakemake(*MASKS, "--config", change)
    assert planned.returncode != 0
    assert words in planned.text
