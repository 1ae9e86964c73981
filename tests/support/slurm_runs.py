"""Runs of snakemake on the pretend cluster, with the repository's profile."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.pretend_cluster import PretendCluster

REPOSITORY = Path(__file__).resolve().parents[2]
QUICK = (  # the profile's own values suit clusters, where the state of jobs is asked for every 40 s or more
    "--slurm-init-seconds-before-status-checks=2", "--seconds-between-status-checks=2", "--latency-wait=10",
    "--max-status-checks-per-second=2", "--slurm-keep-successful-logs",
)  # fmt: skip


class SlurmRuns:
    """Starts snakemake in a folder, as a user of the cluster does.

    Args:
        cluster: a cluster that runs.
        folder: of the repository, or of a workflow that borrows its profile.
    """

    def __init__(self, cluster: PretendCluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self._known = {job["JobId"] for job in cluster.jobs()}

    @contextmanager
    def started(self, *words: str, profile: tuple[str, ...] = ("--profile", "slurm"), **environment: str) -> Iterator:
        """Start `snakemake --profile slurm` with further words; it is killed if it still runs at the end of the block."""
        log = self.folder / "driver.log"
        own = {"OMP_NUM_THREADS": "1", "MRISYNTH_QUIET": "1", "PYTHONPATH": str(self.folder / "workflow")}
        with log.open("w") as output:
            process = subprocess.Popen(
                ["snakemake", *profile, *QUICK, *words],
                cwd=self.folder,
                env=self.cluster.environment | own | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    process.wait()

    def run(self, *words: str, seconds: float = 1200, **options: str) -> subprocess.CompletedProcess:
        """Run the same to its end; return its exit status and all that it printed."""
        with self.started(*words, **options) as process:
            status = process.wait(timeout=seconds)
        return subprocess.CompletedProcess(process.args, status, self.printed())

    def printed(self) -> str:
        """Return what the last run printed so far."""
        return (self.folder / "driver.log").read_text()

    def jobs(self, rule: str = "") -> list[dict[str, str]]:
        """Return the jobs that Slurm knows of runs of this object, those of one rule or `rule_wildcards` if named."""
        known = [job for job in self.cluster.jobs() if job["JobId"] not in self._known]
        return (
            [job for job in known if re.match(rf"rule_{rule}(_wildcards_|$)", job.get("Comment", ""))]
            if rule
            else known
        )

    def wait_for(self, what: Callable[[], object], *, seconds: float = 600) -> object:
        """Return what the function returns as soon as that is true."""
        until = time.monotonic() + seconds
        while not (found := what()):
            if time.monotonic() > until:
                raise AssertionError(f"waited {seconds} s in vain; the run printed:\n{self.printed()[-3000:]}")
            time.sleep(0.2)
        return found


def small_workflow(folder: Path, snakefile: str) -> Path:
    """Write a workflow that runs with the repository's profiles; return its folder."""
    folder.mkdir(parents=True)
    shutil.copytree(REPOSITORY / "profiles", folder / "profiles")
    (folder / "slurm").symlink_to("profiles/slurm")
    (folder / "Snakefile").write_text(snakefile)
    return folder


def rule_of(job: dict[str, str]) -> str:
    """Return the rule that a job of Slurm runs."""
    return job["Comment"].removeprefix("rule_").split("_wildcards_")[0]
