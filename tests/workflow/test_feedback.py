"""Rounds of the cluster feedback: a model of round 2 waits for the model of round 1, and for its samples."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.workflow

SMALL = "family: hagan, condition: umap_cluster, size: 32, images_total: 10, images_per_chunk: 10, allow_cpu: true"
MODELS = f"models={{one: {{{SMALL}, round: 1}}, two: {{{SMALL}, round: 2}}}}"


def inputs_of(text: str, rule: str, output: str) -> str:
    """The inputs of the job of a rule that writes a file."""
    for job in (part.split("\n\n", 1)[0] for part in text.split(f"rule {rule}:\n")[1:]):
        if output in job.split("output: ", 1)[1].split("\n", 1)[0]:
            return job.split("input: ", 1)[1].split("\n", 1)[0]
    raise AssertionError(f"no job of {rule} writes {output}:\n{text}")


def plan(snakemake, tmp_path, feedback: str, *target: str, models: str = MODELS):
    folder = f"studies/{tmp_path.name}-never-run"
    words = ("-n", "--configfile", "config/demo.yaml", "--config", f"folder={folder}", models)
    return folder, snakemake(
        *words, f"clustering={{feedback: {feedback}}}", "--", *(f"{folder}/{one}" for one in target)
    )


def test_a_model_of_round_two_waits_for_the_samples_of_a_model_of_round_one(snakemake, tmp_path):
    folder, planned = plan(snakemake, tmp_path, "[wgp_hagan, one]", "models/two/generator.safetensors")
    assert planned.returncode == 0, planned.text
    chain = [  # from the last to the first: who writes what, and what that needs
        ("train_chunk", "training/two/curve-0.tsv", "conditions/umap_cluster.2.tsv"),
        ("make_cluster_condition", "conditions/umap_cluster.2.tsv", "clusters/one.json"),
        ("cluster_embeddings", "clusters/one.json", "embeddings/random/32/one.npz"),
        ("embed_samples", "embeddings/random/32/one.npz", "samples/one/shards/000.npy"),
        ("train_chunk", "training/one/curve-0.tsv", "conditions/umap_cluster.1.tsv"),
        ("make_cluster_condition", "conditions/umap_cluster.1.tsv", "clusters/wgp_hagan.json"),
        ("cluster_embeddings", "clusters/wgp_hagan.json", "embeddings/random/32/wgp_hagan.npz"),
        ("train_chunk", "training/wgp_hagan/curve-0.tsv", "conditions/none.tsv"),
    ]
    for rule, written, needed in chain:
        assert f"{folder}/{needed}" in inputs_of(planned.text, rule, written), (rule, written)
    expected = {"make_cluster_condition": 2, "cluster_embeddings": 2, "draw_clusters": 2}
    assert {name: planned.jobs[name] for name in expected} == expected


def test_the_judgement_of_clusters_needs_their_page_but_not_the_comparison(snakemake, tmp_path):
    folder, planned = plan(snakemake, tmp_path, "[wgp_hagan]", "conditions/umap_cluster.1.tsv", models="models={}")
    inputs = inputs_of(planned.text, "make_cluster_condition", "conditions/umap_cluster.1.tsv")
    assert f"{folder}/clusters/wgp_hagan.html" in inputs
    assert "compare_maps" not in planned.jobs


def test_comparison_maps_are_made_only_where_they_are_wanted(snakemake, tmp_path):
    words = ("-n", "--configfile", "config/demo.yaml", "--config", f"folder=studies/{tmp_path.name}-never-run")
    jobs = [snakemake(*words, *more, "--", "clusters").jobs for more in ((), ("clustering={comparison_maps: false}",))]
    assert [found.get("compare_maps", 0) for found in jobs] == [1, 0]


def test_a_feedback_names_each_model_but_once(snakemake, tmp_path):
    _, planned = plan(snakemake, tmp_path, "[wgp_hagan, wgp_hagan]", "models/two/generator.safetensors")
    assert planned.returncode == 1 and "clustering.feedback" in planned.text and "non-unique" in planned.text
