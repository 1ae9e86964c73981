"""Studies of latent diffusion, planned: volumes and slices in one study, and what stops before any work."""

from __future__ import annotations

import pytest

LATENT = ("-n", "--configfile", "tests/config/latent.yaml")


def test_volumes_and_slices_of_one_family_are_planned_as_those_of_others(snakemake):
    jobs = snakemake(*LATENT, "--config", "folder=studies/never-run").jobs
    assert jobs["train_chunk"] == 12
    assert jobs["score_reconstruction"] == jobs["draw_reconstruction"] == 2, "pixels has no autoencoder"
    assert jobs["embed_samples"] == 1 and jobs["embed_drawn_slices"] == 2
    assert jobs["score_control"] == 1, "slices is told covariates"


WORDS = "conditions={words: {kind: text, columns: [sex, age]}}"


def test_a_model_that_is_told_prompts_is_scored_without_classes(snakemake):
    model = "models={volumes: {condition: words}, slices: {condition: words}, pixels: {condition: words}}"
    planned = snakemake(*LATENT, "--config", "folder=studies/never-run", WORDS, model)
    assert planned.jobs["make_condition"] == 1 and planned.jobs["train_chunk"] == 12
    assert not {"score_control", "score_classes"} & set(planned.jobs)


@pytest.mark.parametrize(("told", "planned"), [((), 0), (("slices",), 1), (("slices", "volumes"), 2)])
def test_similarity_to_text_is_of_models_that_are_told_prompts(snakemake, told, planned):
    models = ", ".join(f"{name}: {{condition: words}}" for name in told)
    change = (WORDS, f"models={{{models}}}", "evaluation={metrics: [kid, text_similarity]}")
    jobs = snakemake(*LATENT, "--config", "folder=studies/never-run", *change).jobs
    assert jobs["score_model"] == 3 and jobs.get("score_text_similarity", 0) == planned


def test_similarity_to_text_is_in_no_study_that_does_not_ask_for_it(snakemake):
    model = "models={slices: {condition: words}}"
    jobs = snakemake(*LATENT, "--config", "folder=studies/never-run", WORDS, model).jobs
    assert "score_text_similarity" not in jobs


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("evaluation={biomedclip: nowhere}", "evaluation.biomedclip is nowhere, which is no folder"),
        ("conditions={sex: {kind: text, text: {encoder: biomedclip}}}", "conditions.sex.text.folder is None"),
        ("conditions={ages: {kind: text, columns: [age], text: {length: 2}}}", "conditions.ages.text.length"),
        (
            "models={flat: {family: stylegan, dimensions: 3, size: 16}}",
            "models.flat.dimensions is 3, which stylegan decides",
        ),
        ("models={slices: {size: 48}}", "models.slices.size"),
        ("models={volumes: {recipe: {sampler: ddpm}}}", "ddpm"),
    ],
)
def test_what_does_not_fit_stops_before_any_work(snakemake, change, words):
    planned = snakemake(*LATENT, "--config", change)
    assert planned.returncode != 0
    assert words in planned.text
