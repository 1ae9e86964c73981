"""Faults 10 and 3 on a real Slurm: jobs cancelled, over their time, on a dead node; a scheduler that is down or lies."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support.pretend_cluster import PretendCluster, not_installed
from support.slurm_runs import SlurmRuns, small_workflow

from mrisynth.files import write_json, write_table
from mrisynth.store import row_checksum

pytestmark = [
    pytest.mark.slow_fault,
    pytest.mark.skipif(bool(not_installed(accounting=True)), reason=not_installed(accounting=True)),
]
SCANS = ("first", "second", "victim")
SNAKEFILE = """
rule all:
    input:
        expand("out/{scan}.txt", scan=["first", "second", "victim"]),
    localrule: True


rule measure:
    output:
        "out/{scan}.txt",
    resources:
        mem="1GB",
        runtime=lambda wildcards, attempt: FIRST if wildcards.scan == "victim" and attempt == 1 else 30,
        attempt=lambda wildcards, attempt: attempt,
    shell:
        "echo half > {output:q}; if [ {wildcards.scan:q} = victim ]; then VICTIM; else OTHERS; fi; "
        "echo {resources.attempt} > {output:q}"
"""
FOR_LONG, FAILS, AT_FIRST_FOR_LONG = "sleep 600", "exit 7", "if [ {resources.attempt} = 1 ]; then sleep 600; fi"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[PretendCluster]:
    cluster = PretendCluster(tmp_path_factory.mktemp("slurm"), accounting=True, cores=4)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def study(cluster: PretendCluster, tmp_path: Path):
    """A workflow of three scans, of which one meets a fault."""

    def make(victim: str, *, others: str = ":", first_minutes: int = 30) -> SlurmRuns:
        snakefile = SNAKEFILE.replace("VICTIM", victim).replace("OTHERS", others).replace("FIRST", str(first_minutes))
        return SlurmRuns(cluster, small_workflow(tmp_path / "study", snakefile))

    return make


def of_victim(runs: SlurmRuns) -> list[dict[str, str]]:
    return runs.jobs("measure_wildcards_victim")


def running(runs: SlurmRuns, number: int) -> dict[str, str] | None:
    """The job of the victim's attempt of this number, from 0, once it has begun to write."""
    jobs = of_victim(runs)
    begun = len(jobs) > number and jobs[number]["JobState"] == "RUNNING" and (runs.folder / "out/victim.txt").exists()
    return jobs[number] if begun else None


def finished(runs: SlurmRuns) -> set[str]:
    return {path.stem for path in (runs.folder / "out").glob("*.txt")}


@pytest.mark.fault(10)
def test_a_job_that_is_cancelled_each_time_fails_after_three_tries_and_the_others_finish(study, cluster):
    runs = study(FOR_LONG)
    with runs.started("all") as driver:
        for number in range(3):
            cluster.order("scancel", runs.wait_for(lambda number=number: running(runs, number))["JobId"])
        status = driver.wait(timeout=900)
    assert status != 0
    assert [job["JobState"] for job in of_victim(runs)] == ["CANCELLED"] * 3
    assert finished(runs) == {"first", "second"}, "no half-written file stands at a final path"
    assert "failed, SLURM status is: 'CANCELLED'" in runs.printed()
    assert len(runs.jobs()) == 5


@pytest.mark.fault(10)
def test_a_job_over_its_time_is_submitted_again_with_the_longer_time_of_its_rule(study):
    runs = study(AT_FIRST_FOR_LONG, first_minutes=1)
    done = runs.run("all")
    assert done.returncode == 0, done.stdout[-3000:]
    assert [(job["JobState"], job["TimeLimit"]) for job in of_victim(runs)] == [
        ("TIMEOUT", "00:01:00"),
        ("COMPLETED", "00:30:00"),
    ]
    assert (runs.folder / "out" / "victim.txt").read_text() == "2\n"


@pytest.mark.fault(10)
def test_a_node_that_goes_down_is_avoided_and_the_job_finishes_elsewhere(study, cluster):
    runs = study(AT_FIRST_FOR_LONG)
    with runs.started("all") as driver:
        runs.wait_for(lambda: {"first", "second"} <= finished(runs) and running(runs, 0))
        node = of_victim(runs)[0]["NodeList"]
        cluster.order("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        try:
            status = driver.wait(timeout=900)
        finally:
            cluster.order("scontrol", "update", f"NodeName={node}", "State=RESUME")
    assert status == 0, runs.printed()[-3000:]
    lost, again = of_victim(runs)
    assert (lost["JobState"], again["JobState"]) == ("NODE_FAIL", "COMPLETED")
    assert again["ExcNodeList"] == node
    assert again["NodeList"] != node


LIES = {
    "says nothing": "exit 0",
    "talks nonsense": "printf 'JobIDRaw State\\n||\\n12|\\n\\377\\0|COMPLETED\\nall jobs are fine\\n'",
    "refuses": "echo 'Slurm accounting storage is disabled' >&2; exit 1",
    "never answers": "sleep 600",
}


@pytest.mark.fault(10)
@pytest.mark.parametrize("lie", LIES)
def test_an_accounting_that_lies_is_found_out(lie, study, cluster, tmp_path: Path):
    liar = tmp_path / "liar"
    liar.mkdir()
    (liar / "sacct").write_text(f"#!/bin/sh\n{LIES[lie]}\n")
    (liar / "sacct").chmod(0o755)
    runs = study(FAILS)
    done = runs.run("all", PATH=f"{liar}:{cluster.environment['PATH']}")
    assert done.returncode != 0
    assert [job["JobState"] for job in of_victim(runs)] == ["FAILED"] * 3
    assert finished(runs) == {"first", "second"}
    assert "failed, SLURM status is: 'FAILED'" in done.stdout


@pytest.mark.fault(10)
def test_a_controller_that_is_down_for_a_while_loses_no_job(study, cluster):
    runs = study("sleep 5", others="sleep 5")
    with runs.started("all") as driver:
        runs.wait_for(lambda: len(runs.jobs()) == 3)
        cluster.stop_controller()
        try:
            time.sleep(15)
            assert driver.poll() is None
        finally:
            cluster.start_controller()
        status = driver.wait(timeout=900)
    assert status == 0, runs.printed()[-3000:]
    assert finished(runs) == set(SCANS)
    assert len(runs.jobs()) == 3


ENDLESS = "models={wgp_hagan: {images_total: 400000, images_per_chunk: 400000}}"
CONFIGURED = ("--configfile", "tests/config/slurm.yaml", "--config", ENDLESS)


@pytest.fixture
def prepared(clean_clone: Path, cluster: PretendCluster, tmp_path: Path) -> SlurmRuns:
    """A clone in which all that a training reads is there."""
    clone = tmp_path / "clone"
    shutil.copytree(clean_clone, clone, symlinks=True, ignore=shutil.ignore_patterns("studies", ".snakemake"))
    study = clone / "studies" / "slurm"
    for name in ("pyramid", "cohort", "conditions"):
        (study / name).mkdir(parents=True)
    scans = [f"sub-{number}" for number in range(4)]
    volumes = np.random.default_rng(0).integers(0, 256, (len(scans), 32, 32, 32), dtype=np.uint8)
    np.save(study / "pyramid" / "32.npy", volumes)
    index = {"row": range(len(scans)), "scan": scans, "sha256_32": [row_checksum(volume) for volume in volumes]}
    write_table(pd.DataFrame(index), study / "pyramid" / "index.tsv")
    write_table(pd.DataFrame({"scan": scans, "split": "train"}), study / "cohort" / "scans.tsv")
    write_table(pd.DataFrame({"scan": scans, "label": 0, "label_name": "all"}), study / "conditions" / "none.tsv")
    facts = {"classes": [], "column_order": [], "columns": {}, "name": "none", "origin": {}, "warnings": []}
    write_json(facts, study / "conditions" / "none.json")
    return SlurmRuns(cluster, clone)


@pytest.mark.fault(3)
@pytest.mark.fault(10)
def test_a_training_over_its_time_keeps_its_work_and_the_next_try_goes_on(prepared: SlurmRuns, cluster):
    study = prepared.folder / "studies" / "slurm"
    log, stopped = study / "logs/train_chunk/wgp_hagan/0.log", study / "training/wgp_hagan/stopped-0.pt"

    def says(text: str) -> bool:
        return log.is_file() and text in log.read_text()

    with prepared.started("studies/slurm/training/wgp_hagan/state-0.pt", *CONFIGURED, "--allowed-rules", "train_chunk"):
        prepared.wait_for(lambda: says(" of 400,000 images"))
        first = prepared.jobs("train_chunk")[0]["JobId"]
        cluster.order("scontrol", "update", f"JobId={first}", "TimeLimit=1")  # which is over, or soon
        prepared.wait_for(stopped.exists)
        step = torch.load(stopped, weights_only=True)["step"]
        assert step > 0
        assert says(f"told to stop (SIGTERM) after update {step} of")
        prepared.wait_for(lambda: says(f"goes on after update {step}, where this chunk was stopped"))
        assert [job["JobState"] for job in prepared.jobs("train_chunk")] == ["TIMEOUT", "RUNNING"]
    cluster.order("scancel", "--name", prepared.jobs()[0]["JobName"])
