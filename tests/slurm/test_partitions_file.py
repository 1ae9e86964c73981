"""Every worked example of profiles/README.md, as the partitions file of a run on a real Slurm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from support.pretend_cluster import PretendCluster
from support.slurm_runs import REPOSITORY, SlurmRuns, rule_of, small_workflow

pytestmark = pytest.mark.slurm
EXAMPLES = dict(
    re.findall(
        r"^### (.+?)\n.*?```yaml\n(.*?)```", (REPOSITORY / "profiles" / "README.md").read_text(), re.DOTALL | re.M
    )
)
SNAKEFILE = """
rule all:
    input:
        "template.txt",
        "registered.txt",
        "trained.txt",
    localrule: True


rule prepare_template:
    output:
        "template.txt",
    resources:
        mem="4GB",
        runtime="30m",
    shell:
        "echo $TMPDIR > {output}"


rule register_scans:
    output:
        "registered.txt",
    resources:
        mem="8GB",
        runtime="3h",
    shell:
        "echo $TMPDIR > {output}"


rule train_chunk:
    output:
        "trained.txt",
    threads: 8
    resources:
        gpu=1,
        mem="48GB",
        runtime="16h",
    shell:
        "echo $TMPDIR > {output}; test -n \\"$CUDA_VISIBLE_DEVICES\\""
"""


def test_the_readme_has_the_examples():
    written = "".join(EXAMPLES.values())
    assert len(EXAMPLES) >= 4
    for key in ("slurm_account", "qos", "gpu_model", "tmpdir", "available_gpu_models"):
        assert key in written, key


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_does_what_it_says(title: str, cluster: PretendCluster, tmp_path: Path):
    site_file = tmp_path / "site.yaml"
    site_file.write_text(EXAMPLES[title].replace("/scratch", str(tmp_path / "scratch")))
    site = yaml.safe_load(site_file.read_text())
    runs = SlurmRuns(cluster, small_workflow(tmp_path / "workflow", SNAKEFILE))
    finished = runs.run("all", SNAKEMAKE_SLURM_PARTITIONS=str(site_file), USER="someone")
    assert finished.returncode == 0, finished.stdout[-4000:]
    jobs = {rule_of(job): job for job in runs.jobs()}
    for rule, job in jobs.items():
        asked = (site.get("every_job") or {}) | ((site.get("gpu_jobs") or {}) if rule == "train_chunk" else {})
        assert job["Account"] == asked.get("slurm_account", "brains"), "the user's own account where none is asked for"
        assert job["QOS"] == asked.get("qos", "normal")
    model = (site.get("gpu_jobs") or {}).get("gpu_model")
    assert jobs["train_chunk"]["TresPerJob"] == (f"gres:gpu:{model}:1" if model else "gres:gpu:1")
    short = "short" if "short" in site["partitions"] else "cpu"
    assert [jobs[rule]["Partition"] for rule in ("prepare_template", "register_scans", "train_chunk")] == [short, "cpu", "gpu"]  # fmt: skip
    scratch = [(runs.folder / f"{name}.txt").read_text().strip() for name in ("template", "registered", "trained")]
    if "tmpdir" in (site.get("every_job") or {}):
        assert scratch == [str(tmp_path / "scratch" / "someone" / jobs[rule]["JobId"]) for rule in ("prepare_template", "register_scans", "train_chunk")]  # fmt: skip


def test_the_short_form_submits_as_well_where_the_profile_is_in_the_environment(cluster, tmp_path: Path):
    runs = SlurmRuns(cluster, small_workflow(tmp_path / "workflow", SNAKEFILE))
    finished = runs.run("template.txt", profile=(), SNAKEMAKE_PROFILE="slurm")
    assert finished.returncode == 0, finished.stdout[-4000:]
    assert [(rule_of(job), job["JobState"]) for job in runs.jobs()] == [("prepare_template", "COMPLETED")]
