"""Job counts per rule of every configuration, and of the commands that users type."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.workflow

FULL_PREPROCESSING = {
    "download_ixi": 1,
    "download_hd_bet_weights": 1,
    "download_template": 1,
    "prepare_template": 1,
    "extract_brains": 26,
    "register_scans": 26,
    "summarise_quality": 1,
    "write_quality_page": 1,
    "accept_scans": 1,
    "build_pyramid": 1,
}
ONE_MODEL = {
    "download_demographics": 1,
    "download_medicalnet_weights": 1,
    "convert_weights": 1,
    "build_cohort": 1,
    "make_condition": 1,
    "plan_training": 1,
    "train_chunk": 10,
    "validate_chunk": 10,
    "keep_state": 1,
    "export_model": 1,
    "draw_samples": 4,
    "collect_samples": 1,
    "draw_untrained": 1,
    "train_encoder": 1,
    "embed_real": 2,
    "embed_samples": 2,
    "score_model": 1,
}
EACH_MODEL = {  # what every model more brings, but for its chunks and shards
    "plan_training": 1,
    "keep_state": 1,
    "export_model": 1,
    "collect_samples": 1,
    "write_nifti": 1,
    "draw_untrained": 1,
    "embed_samples": 2,
    "score_model": 4,
    "score_self_distance": 1,
    "score_structure": 1,
    "measure_regions": 1,
    "score_morphometry": 1,
    "score_condition_fidelity": 1,
    "score_memorisation": 1,
    "train_utility_network": 1,
    "score_utility": 1,
}
FIVE_MODELS = {
    **ONE_MODEL,
    **{name: 5 * count for name, count in EACH_MODEL.items()},
    "make_condition": 3,
    "make_cluster_condition": 1,
    "score_classes": 6,  # of the three models with a condition, by two metrics
    "train_chunk": 50,
    "validate_chunk": 50,
    "draw_samples": 20,
    "draw_controls": 4,
    "embed_control": 8,
    "score_controls": 4,
    "score_structure_controls": 1,
    "measure_real_regions": 1,
    "measure_control_regions": 1,
    "score_morphometry_controls": 1,
    "judge_controls": 1,
    "cluster_embeddings": 1,
    "draw_clusters": 1,
    "compare_maps": 1,
    "collect_metrics": 1,
    "compare_models": 1,
    "collect_replicates": 1,
    "write_quality_page": 1,
    "write_report": 1,
    "write_comparison": 1,
    "write_scorecards": 1,
    "collect_citations": 1,
    "write_crate": 1,
    "state_terms": 1,
    "all": 1,
}
SMALL_STUDY = {
    name: count
    for name, count in FIVE_MODELS.items()
    if not name.startswith(("download_", "convert_"))
    and name not in ("train_chunk", "validate_chunk", "draw_samples", "train_encoder")
} | dict.fromkeys(("prepare_template", "summarise_quality", "write_quality_page", "accept_scans", "build_pyramid"), 1)
ONE_SPACE = {"embed_real": 1, "embed_control": 4, "embed_samples": 5}  # the demo has random features alone


@pytest.fixture
def fresh(tmp_path):
    """A study folder that nothing was computed in."""
    return f"folder=studies/{tmp_path.name}-never-run"


@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        (["--profile", "slurm", "all"], FULL_PREPROCESSING | FIVE_MODELS),
        (["results/fid/wgp_hagan.tsv"], FULL_PREPROCESSING | ONE_MODEL),
        (["--profile", "slurm", "preprocessed"], FULL_PREPROCESSING | {"preprocessed": 1}),
    ],
)
def test_the_literal_commands_plan_the_full_study(snakemake, clean_clone, words, jobs):
    planned = snakemake("-n", *words, folder=clean_clone)
    assert planned.returncode == 0, planned.text
    assert planned.jobs == jobs | {"total": sum(jobs.values())}


def test_the_demo_plans_every_stage_and_no_download(snakemake, fresh):
    jobs = SMALL_STUDY | ONE_SPACE | {"simulate_heads": 2, "extract_brains": 2, "register_scans": 2}
    planned = snakemake("-n", "--configfile", "config/demo.yaml", "--config", fresh)
    found = planned.jobs
    assert found["train_chunk"] == 5, planned.text
    assert found.pop("validate_chunk") == found.pop("train_chunk")
    assert found.pop("draw_samples") == 5
    found.pop("total")
    assert found == jobs


@pytest.mark.parametrize("configuration", ["ixi_2mm", "slices_ixi_2mm"])
def test_ixi_2mm_plans_144_scans_of_a_local_folder(snakemake, fresh, tmp_path, repository, configuration):
    names = (repository / "resources" / "ixi_2mm_scans.tsv").read_text().splitlines()[1:]
    for line in names:
        (tmp_path / line.split("\t")[0]).touch()
    (tmp_path / "IXI.xls").touch()
    cohort = f"cohort={{folder: {tmp_path}, demographics: {tmp_path}/IXI.xls}}"
    planned = snakemake("-n", "--configfile", f"config/{configuration}.yaml", "--config", fresh, cohort)
    assert len(names) == 144
    assert planned.returncode == 0, planned.text
    assert planned.jobs["extract_brains"] == 8
    assert not [name for name in planned.jobs if name.startswith("download_")]


def test_ixi_2mm_works_for_a_stranger_through_the_public_archive(snakemake, clean_clone):
    planned = snakemake("-n", "--configfile", "config/ixi_2mm.yaml", folder=clean_clone)
    assert planned.jobs["download_ixi"] == planned.jobs["download_demographics"] == 1


def test_a_model_more_is_one_model_more(snakemake, fresh):
    more = "models={extra: {family: hagan, size: 32, images_total: 10, images_per_chunk: 10, allow_cpu: true}}"
    before = snakemake("-n", "--configfile", "config/demo.yaml", "--config", fresh).jobs
    after = snakemake("-n", "--configfile", "config/demo.yaml", "--config", fresh, more).jobs
    grown = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
    expected = EACH_MODEL | dict.fromkeys(("train_chunk", "validate_chunk", "draw_samples", "embed_samples"), 1)
    assert grown == expected | {"total": sum(expected.values())}


def _jobs_of(text: str, rule: str) -> list[str]:
    """What is printed of each job of a rule."""
    return [job.split("\n\n", 1)[0] for job in text.split(f"rule {rule}:\n")[1:]]


def _wildcards(job: str) -> list[str]:
    """Model and chunk of a job."""
    return list(re.search(r"wildcards: model=(\w+), chunk=(\w+)", job).groups())


def test_a_model_that_starts_from_another_waits_for_its_kept_state(snakemake, fresh):
    small = "size: 32, images_total: 20, images_per_chunk: 10, allow_cpu: true"
    models = f"models={{one: {{family: hagan, {small}}}, two: {{family: hagan, start_from: one, {small}}}}}"
    folder = fresh.removeprefix("folder=")
    target = f"{folder}/models/two/generator.safetensors"
    planned = snakemake("-n", "--configfile", "config/demo.yaml", "--config", fresh, models, "--", target)
    assert planned.returncode == 0, planned.text
    expected = {"train_chunk": 4, "keep_state": 2, "validate_chunk": 2, "export_model": 1}
    assert {name: planned.jobs[name] for name in expected} == expected  # of the first model only its training is needed
    jobs = {tuple(_wildcards(job)): job for job in _jobs_of(planned.text, "train_chunk")}
    kept = f"{folder}/training/one/kept-1.pt"
    assert [kept in jobs[model, chunk] for model in ("one", "two") for chunk in ("0", "1")] == [
        False,
        False,
        True,
        False,
    ]


def test_a_file_of_weights_to_start_from_must_be_there(snakemake, fresh, tmp_path):
    weights = tmp_path / "generator.safetensors"
    models = (
        f"models={{one: {{family: hagan, start_from: {weights}, size: 32, images_total: 10, images_per_chunk: 10}}}}"
    )
    target = f"{fresh.removeprefix('folder=')}/models/one/generator.safetensors"
    words = ("-n", "--configfile", "config/demo.yaml", "--config", fresh, models, "--", target)
    without = snakemake(*words)
    assert without.returncode == 1 and str(weights) in without.text
    weights.touch()
    assert str(weights) in _jobs_of(snakemake(*words).text, "train_chunk")[0]


def test_a_model_trained_on_two_devices_asks_for_two_gpus(snakemake, fresh):
    small = "family: hagan, size: 32, images_total: 10, images_per_chunk: 10"
    models = f"models={{one: {{{small}}}, two: {{{small}, devices: 2}}}}"
    folder = fresh.removeprefix("folder=")
    targets = [f"{folder}/training/{model}/curve-0.tsv" for model in ("one", "two")]
    planned = snakemake("-n", "--configfile", "config/demo.yaml", "--config", fresh, models, "--", *targets)
    jobs = {_wildcards(job)[0]: job for job in _jobs_of(planned.text, "train_chunk")}
    assert {model: re.search(r"\bgpu=(\d+)", job)[1] for model, job in jobs.items()} == {"one": "1", "two": "2"}


def test_a_longer_training_goes_on_from_the_state_that_was_kept(snakemake, tmp_path, clean_clone):
    """The files of a finished training of two chunks stand there; the third goes on from the kept state."""
    folder = clean_clone / "studies" / tmp_path.name
    inputs = ("pyramid/index.tsv", "pyramid/32.npy", "cohort/scans.tsv", "conditions/none.tsv")
    chunks = [f"training/one/{part}" for n in (0, 1) for part in (f"candidate-{n}/", f"watch-{n}/", f"curve-{n}.tsv")]
    scored = [f"training/one/validation-{n}.tsv" for n in (0, 1)]
    for name in (*inputs, "embeddings/random/32/real.npz", *chunks, "training/one/kept-1.pt", *scored):
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()
    longer = "models={one: {family: hagan, size: 32, images_total: 30, images_per_chunk: 10}}"
    named = f"studies/{tmp_path.name}"
    words = ("--configfile", "config/demo.yaml", "--config", f"folder={named}", longer, "--rerun-triggers", "mtime")
    planned = snakemake("-n", *words, "--", f"{named}/models/one/generator.safetensors", folder=clean_clone)
    assert planned.returncode == 0, planned.text
    (job,) = _jobs_of(planned.text, "train_chunk")
    assert _wildcards(job) == ["one", "2"]
    assert f"{named}/training/one/kept-1.pt" in job
    assert planned.jobs["keep_state"] == planned.jobs["validate_chunk"] == planned.jobs["export_model"] == 1


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("sead=3", "unknown key sead; did you mean seed"),
        ("seed=many", "seed is 'many' (text); expected an integer"),
        ("models={wgp_hagan: {size: 48}}", "models.wgp_hagan.size is 48; expected a multiple of 32"),
        ("cohort={name: ixi, folder: no/such/folder}", "no/such/folder"),
    ],
)
def test_bad_configurations_stop_before_any_work(snakemake, change, sentence):
    planned = snakemake("-n", "--configfile", "config/demo.yaml", "--config", change)
    assert planned.returncode == 1
    assert sentence in planned.text
    assert "Traceback" not in planned.text


def test_an_unknown_model_is_no_target(snakemake):
    planned = snakemake("-n", "results/fid/vae.tsv")
    assert planned.returncode == 1
    assert "results/fid/vae.tsv" in planned.text
