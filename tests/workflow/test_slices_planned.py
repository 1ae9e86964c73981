"""Studies of slices, planned: which jobs they have, and which configurations stop before any work."""

from __future__ import annotations

import re

import pytest

SLICES = ("-n", "--configfile", "tests/config/slices.yaml")


def test_a_study_of_slices_plans_no_job_of_volumes_but_those_that_slices_are_cut_from(snakemake):
    jobs = snakemake(*SLICES, "--config", "folder=studies/never-run").jobs
    assert {name: jobs[name] for name in ("build_pyramid", "cut_slices", "embed_real_slices", "export_exchange")} == {
        "build_pyramid": 1, "cut_slices": 1, "embed_real_slices": 1, "export_exchange": 1,
    }  # fmt: skip
    assert jobs["train_chunk"] == jobs["validate_chunk"] == 9, "two chunks of four models, one of a fifth"
    assert jobs["classify_slices"] == jobs["score_classification"] == 2, "only pacgan has a classifier"
    assert jobs["score_slice_similarity"] == 5
    assert jobs["score_separability"] == jobs["score_utility"] == 4, "a model of one class has none"
    assert jobs["score_self_distance"] == jobs["score_slice_similarity"]
    assert (jobs["map_slice_regions"], jobs["score_slice_areas"]) == (1, 5)
    assert not {"embed_real", "embed_samples", "draw_controls", "score_structure", "score_memorisation"} & set(jobs)
    assert jobs["score_classes"] == 8, "four models are told a condition"
    assert "train_utility_network" not in jobs


def test_a_model_of_slices_beside_volumes_leaves_their_jobs_as_they_are(snakemake):
    more = "models={flat: {family: r3gan, size: 16, images_total: 8, images_per_chunk: 8, allow_cpu: true}}"
    folder = "folder=studies/never-run"
    before = snakemake("-n", "--configfile", "config/demo.yaml", "--config", folder).jobs
    after = snakemake("-n", "--configfile", "config/demo.yaml", "--config", folder, more).jobs
    of_volumes = ("embed_real", "embed_samples", "score_structure", "score_morphometry", "score_memorisation")
    assert {name: after[name] for name in of_volumes} == {name: before[name] for name in of_volumes}
    assert after["cut_slices"] == after["embed_drawn_slices"] == after["score_slice_similarity"] == 1
    assert after["score_self_distance"] == before["score_self_distance"] + 1, "volumes have it, and no class is needed"
    assert "score_separability" not in after, "an unconditional model has no classes"
    assert after["score_classes"] == before["score_classes"]
    assert not {"map_slice_regions", "score_slice_areas"} & set(after), "not every cohort has label maps"
    assert after["build_pyramid"] == 1


def test_a_retrained_model_waits_for_the_last_candidate_of_the_other(snakemake):
    planned = snakemake(
        *SLICES, "--config", "folder=studies/never-run", "--", "studies/never-run/training/pacgan_again/curve-0.tsv"
    )
    job = next(job for job in re.split(r"\n\n", planned.text) if "model=pacgan_again, chunk=0" in job)
    assert "studies/never-run/training/pacgan/candidate-1" in job


def test_a_model_of_one_class_is_asked_for_nothing_that_needs_two(snakemake):
    folder = "studies/never-run"
    planned = snakemake(*SLICES, "--config", f"folder={folder}", "--", f"{folder}/metrics.tsv")
    jobs = [part.split(":", 1)[0].strip() for part in planned.text.split("rule ") if "model=stylegan_f" in part]
    assert jobs.count("score_model") == 4 and jobs.count("choose_class") == 1
    assert {"score_slice_similarity", "score_slice_areas"} <= set(jobs)
    assert not {
        "score_classes", "score_separability", "score_condition_fidelity", "score_utility", "score_classification",
    } & set(jobs)  # fmt: skip
    assert planned.jobs["choose_class"] == 1, "of no other model"
    chosen = next(part for part in planned.text.split("rule ") if part.startswith("validate_chunk") and "_f," in part)
    assert f"{folder}/one_class/stylegan_f.tsv" in chosen


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("models={r3gan: {size: 48}}", "models.r3gan.size is 48; expected one of 4, 8, 16, 32, 64, 128, 256"),
        ("models={r3gan: {size: 64}}", "models.r3gan.size is 64 but slices are cut from volumes of 32"),
        ("slices={positions: [{plane: axial, mm: 500}]}", "axial 500 mm lies"),
        ("slices={positions: [{plane: oblique, mm: 0}]}", "oblique"),
        (
            "models={pacgan_again: {retrain_of: r3gan}}",
            "models.pacgan_again.retrain_of is r3gan; expected another model",
        ),
        (
            "models={stylegan_f: {condition: none}}",
            "models.stylegan_f.only is f, a class of no condition; name a condition",
        ),
        (
            "models={stylegan_f: {condition: chance}} conditions={chance: {kind: random, classes: 2}}",
            "models.stylegan_f.only is f, and condition chance has the classes random-0, random-1",
        ),
        (
            "models={whole: {family: wgp_hagan, condition: sex, only: f, size: 32}}",
            "models.whole.only is f, but wgp_hagan is of volumes; expected one of the families pacgan, stylegan, r3gan",
        ),
        (
            "conditions={group: {kind: categorical, columns: [diagnosis]}} "
            "slices={matching: {case: atrophy, control: control}} models={stylegan_f: {condition: group}}",
            "models.stylegan_f.only is f, and condition group has the classes atrophy, control",
        ),
        ("features={random: {network: medicalnet_resnet50}}", "no network of evaluation.features takes them"),
        ("clustering={feedback: [r3gan]}", "clustering.feedback names r3gan"),
        ("evaluation={slice_areas: {regions: [amygdala]}}", "names amygdala; simulated heads have cerebrospinal_fluid"),
        ("cohort={name: ixi}", "a cohort ixi has no label maps; give their folder as evaluation.label_maps"),
        ("models={pacgan: {recipe: {level_batch_size: [4]}}}", "unknown key models.pacgan.recipe.level_batch_size"),
    ],
)
def test_bad_configurations_of_slices_stop_before_any_work(snakemake, change, sentence):
    planned = snakemake(*SLICES, "--config", *re.split(r" (?=[a-z]+=)", change))
    assert planned.returncode == 1
    assert sentence in planned.text
    assert "Traceback" not in planned.text


def test_the_study_of_slices_that_ships_plans_its_four_models_and_no_download(snakemake):
    planned = snakemake("-n", "--configfile", "config/slices.yaml", "--config", "folder=studies/never-run")
    assert planned.jobs["train_chunk"] == 8
    assert planned.jobs["classify_slices"] == 2
    assert not {"download_ixi", "download_demographics", "download_weights"} & set(planned.jobs)
