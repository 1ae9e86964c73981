"""Faults of snakemake itself: killed with jobs running (2), and two at once on one study (8)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.clone import TINY, Clone, tree, wait_until

from mrisynth.driver_locks import HOLDER

STUDY = "studies/tiny"
FOUR_JOBS = (  # four jobs that simulate a head each, at once, and one that needs them all
    *TINY, "--cores", "4", "--config", "cohort={name: simulated, participants: 4, simulated_voxel_mm: 3.0}",
    "preprocessing={voxel_mm: 4.0, size: 32, scans_per_job: 1, brain_extraction: {method: deepbet}}",
    "--", f"{STUDY}/cohort/scans.tsv",
)  # fmt: skip

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def driven(clone: Clone):
    """A snakemake with four jobs in the middle of their work, held there (SIGSTOP) for the test."""
    process = clone.start(*FOUR_JOBS)
    logs = clone.folder / STUDY / "logs" / "simulate_heads"
    try:
        wait_until(lambda: len(list(logs.glob("*.log"))) == 4 or process.poll() is not None)
        clone.signal_jobs(signal.SIGSTOP)
        assert process.poll() is None and len(clone.jobs()) == 4, clone.terminal.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.fault(2)
def test_after_a_kill_the_same_command_finishes_and_no_orphan_writes(clone: Clone, driven, tmp_path: Path) -> None:
    undisturbed = Clone(tmp_path / "undisturbed", clone.folder)
    jobs = clone.jobs()
    driven.kill()
    driven.wait()
    wait_until(lambda: not set(jobs) & set(clone.jobs()), seconds=60)
    assert list((clone.folder / ".snakemake" / "locks").glob("*.lock"))
    again = clone.run(*FOUR_JOBS)
    assert again.returncode == 0, again.stderr
    assert "its lock is removed and the work goes on" in again.stderr
    assert "is taken over from a snakemake that was killed" in again.stderr
    assert "--unlock" not in again.stderr
    whole = undisturbed.run(*FOUR_JOBS)
    assert whole.returncode == 0, whole.stderr
    assert tree(clone.folder / STUDY) == tree(undisturbed.folder / STUDY)
    assert "Nothing to be done" in clone.run(*FOUR_JOBS).stderr


@pytest.mark.fault(2)
@pytest.mark.slow_fault
def test_a_job_that_outlived_snakemake_is_ended_before_the_next_begins(clone: Clone, driven) -> None:
    """As after a kill of a job that a library holds in its own code, where no thread of ours can look up."""
    jobs = clone.jobs()
    holder = clone.folder / STUDY / HOLDER
    run_id = json.loads(holder.read_text())["run_id"]
    driven.kill()
    driven.wait()
    environment = {"MRISYNTH_RUN": f"{run_id} {holder}", "PATH": os.environ["PATH"]}
    orphan = subprocess.Popen(["sleep", "600"], env=environment)
    again = clone.run(*FOUR_JOBS)
    assert again.returncode == 0, again.stderr
    assert orphan.wait(timeout=1) == -signal.SIGKILL
    assert "1 jobs of it ended" in again.stderr
    assert not set(jobs) & set(clone.jobs())


@pytest.mark.fault(8)
@pytest.mark.slow_fault
def test_a_second_snakemake_in_the_folder_refuses_and_disturbs_nothing(clone: Clone, driven) -> None:
    second = clone.run(*FOUR_JOBS)
    assert second.returncode != 0
    assert f"another snakemake works in this folder (process {driven.pid} of" in second.stderr
    look = clone.run("-n", *FOUR_JOBS)
    assert look.returncode == 0, look.stderr
    assert len(clone.jobs()) == 4
    clone.signal_jobs(signal.SIGCONT)
    assert driven.wait(timeout=300) == 0, clone.terminal.read_text()
    assert not (clone.folder / STUDY / HOLDER).exists()


@pytest.mark.fault(8)
@pytest.mark.slow_fault
def test_a_second_snakemake_in_another_clone_refuses_the_same_study(clone: Clone, driven, tmp_path: Path) -> None:
    other = Clone(tmp_path / "other", clone.folder)
    (other.folder / "studies").symlink_to(clone.folder / "studies")
    second = other.run(*FOUR_JOBS)
    assert second.returncode != 0
    assert f"{STUDY}: another snakemake works on this study (process {driven.pid} of" in second.stderr
    assert not other.jobs()


@pytest.mark.fault(8)
@pytest.mark.slow_fault
def test_the_study_of_a_driver_on_another_machine_is_taken_over_when_that_is_silent(clone: Clone) -> None:
    holder = clone.folder / STUDY / HOLDER
    holder.parent.mkdir(parents=True)
    record = {"run_id": "f" * 32, "host": "login2", "machine": "login2 other", "pid": 1, "started": "1",
              "since": "2026-01-01 00:00:00", "user": "ann"}  # fmt: skip
    holder.write_text(json.dumps(record))
    target = (*FOUR_JOBS[:-1], f"{STUDY}/template/T1w.nii.gz")
    refused = clone.run(*target)
    assert refused.returncode != 0
    assert "process 1 of ann on login2" in refused.stderr
    assert "takes over 10 minutes after it was last heard of" in refused.stderr
    long_ago = time.time() - 3600
    os.utime(holder, (long_ago, long_ago))
    taken = clone.run(*target)
    assert taken.returncode == 0, taken.stderr
    assert "is taken over" in taken.stderr


@pytest.mark.fault(2)
@pytest.mark.slow_fault
def test_a_snakemake_that_is_told_to_stop_leaves_nothing_behind(clone: Clone, driven) -> None:
    clone.signal_jobs(signal.SIGCONT)
    driven.send_signal(signal.SIGTERM)
    assert driven.wait(timeout=900) != 0
    wait_until(lambda: not clone.jobs(), seconds=30)
    assert not list((clone.folder / ".snakemake" / "locks").glob("*.lock"))
    assert not (clone.folder / STUDY / HOLDER).exists()
