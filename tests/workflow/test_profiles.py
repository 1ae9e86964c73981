"""Profiles: the literal command finds the cluster profile, and it keeps each rule's own threads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.workflow


def test_the_word_slurm_names_the_profile(repository):
    assert (repository / "slurm").is_symlink()
    assert (repository / "slurm").resolve() == (repository / "profiles" / "slurm").resolve()


def test_threads_of_cluster_jobs_are_not_cut_to_the_login_node(snakemake, clean_clone):
    planned = snakemake("-n", "--profile", "slurm", "--cores", "64", "results/fid/wgp_hagan.tsv", folder=clean_clone)
    blocks = re.findall(r"rule train_chunk:.*?(?=\n\n|\n\[|\nrule )", planned.text, re.DOTALL)
    assert len(blocks) == 10
    assert all("threads: 8" in block and "gpu=1" in block for block in blocks)


def test_an_environment_variable_submits_as_well(snakemake, clean_clone):
    planned = snakemake(
        "-n", "--cores", "64", "results/fid/wgp_hagan.tsv", folder=clean_clone, SNAKEMAKE_PROFILE="slurm"
    )
    assert "threads: 8" in planned.text


def test_partitions_have_limits(repository: Path):
    partitions = yaml.safe_load((repository / "profiles/slurm/partitions.yaml").read_text())["partitions"]
    assert {"cpu", "gpu"} == set(partitions)
    assert partitions["gpu"]["max_gpu"] >= 1


def test_no_rule_names_a_partition(repository: Path):
    for rules in (repository / "workflow" / "rules").glob("*.smk"):
        assert "partition" not in rules.read_text(), rules


def test_the_profile_knows_every_rule_that_always_has_a_gpu(repository: Path):
    text = (repository / "profiles/slurm/profile.v9+.yaml").read_text()
    listed = re.search(r'gpu_rules = """(.*?)"""', text, re.DOTALL)[1].split()
    rules = "\n".join(file.read_text() for file in (repository / "workflow" / "rules").glob("*.smk"))
    _, *pieces = re.split(r"^rule (\w+):$", rules, flags=re.MULTILINE)
    with_gpu = {
        rule
        for rule, body in zip(pieces[::2], pieces[1::2], strict=True)
        if re.search(r"^ +gpu=(?!extraction_gpus)", body, re.M)
    }
    assert sorted(listed) == sorted(with_gpu)


def test_a_partitions_file_elsewhere_replaces_the_one_in_the_repository(snakemake, clean_clone, tmp_path: Path):
    site = tmp_path / "site.yaml"
    site.write_text(
        "partitions: {long: {max_gpu: 4}}\nevery_job: {slurm_account: brains}\ngpu_jobs: {gpu_model: a100}\n"
    )
    planned = snakemake(
        "-n", "--profile", "slurm", "results/training/wgp_hagan/state-0.pt", folder=clean_clone,
        SNAKEMAKE_SLURM_PARTITIONS=str(site),
    )  # fmt: skip
    trained = re.search(r"rule train_chunk:.*?resources: ([^\n]*)", planned.text, re.DOTALL)[1]
    assert "slurm_account=brains" in trained
    assert "gpu_model=a100" in trained
    registered = re.search(r"rule register_scans:.*?resources: ([^\n]*)", planned.text, re.DOTALL)[1]
    assert "slurm_account=brains" in registered
    assert "gpu_model" not in registered
