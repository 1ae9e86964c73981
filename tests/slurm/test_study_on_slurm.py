"""A whole small study through `snakemake --profile slurm all`; its second training is killed in the middle."""

from __future__ import annotations

import re
import shutil
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from support.pretend_cluster import PretendCluster
from support.slurm_runs import SlurmRuns, rule_of

from mrisynth.files import read_table, sha256_of

pytestmark = pytest.mark.slurm
CONFIGURED = ("--configfile", "tests/config/slurm.yaml")
MINUTES = {"m": 1, "h": 60}
COMPUTED_MINUTES = {  # of rules that ask for more on each attempt, or for more scans
    "extract_brains": 60,
    "register_scans": 180,
    "measure_covariates": 60,
    "segment_tissues": 60,
    "pack_masks": 60,
}


@dataclass
class Declared:
    """What a rule asks for."""

    gpus: int
    threads: int
    memory_mb: int
    minutes: int


@dataclass
class Run:
    """The run, the folder of its study, and its jobs as Slurm describes them."""

    status: int
    printed: str
    folder: Path
    jobs: list[dict[str, str]]
    killed: list[int]

    def of_rule(self, rule: str) -> list[dict[str, str]]:
        return [job for job in self.jobs if rule_of(job) == rule]


def declared_resources(repository: Path) -> dict[str, Declared]:
    """The resources of every rule that is submitted, as the rule files say them for models of size 32."""
    found = {}
    for file in (repository / "workflow" / "rules").glob("*.smk"):
        _, *pieces = re.split(r"^rule (\w+):$", file.read_text(), flags=re.MULTILINE)
        for rule, body in zip(pieces[::2], pieces[1::2], strict=True):
            memory = re.search(r"\bmem=memory\((\d+)", body)
            time = re.search(r'\bruntime=(?:by_size\()?"(\d+)([mh])"', body)
            if memory is None:
                assert "localrule: True" in body, f"rule {rule} states no memory"
                continue
            found[rule] = Declared(
                gpus=len(re.findall(r'\bgpu=(?:1|run_key\("devices"\))', body)),
                threads=1,  # of size 32; and nothing else asks for more
                memory_mb=int(memory[1]) * 1000,
                minutes=int(time[1]) * MINUTES[time[2]] if time else COMPUTED_MINUTES[rule],
            )
    return found


def minutes(text: str) -> int:
    """A time limit of Slurm, days-hours:minutes:seconds, in minutes."""
    days, _, clock = text.rpartition("-")
    hours, mins, _ = clock.split(":")
    return int(days or 0) * 1440 + int(hours) * 60 + int(mins)


def megabytes(text: str) -> int:
    """A memory of Slurm such as 4000M or 2G in its own megabytes."""
    return int(float(text[:-1]) * {"M": 1, "G": 1024, "T": 1024**2}[text[-1]])


def kill_the_training(clone: Path, log: Path, killed: list[int], over: threading.Event) -> None:
    """Kill the process that trains, once, when it is in the middle of its chunk; its log says how far it is."""
    while not killed and not over.wait(0.02):
        if not log.is_file() or " 176 of 320 images" not in log.read_text():
            continue
        for process in psutil.process_iter(["name", "cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if process.info["name"].startswith("python") and str(clone) in words and ".train_chunk.py" in words:
                process.send_signal(signal.SIGKILL)
                killed.append(process.pid)


@pytest.fixture(scope="module")
def run(cluster: PretendCluster, clean_clone: Path) -> Run:
    runs = SlurmRuns(cluster, clean_clone)
    folder = clean_clone / "studies" / "slurm"
    killed, over = [], threading.Event()
    log = folder / "logs" / "train_chunk" / "wgp_hagan" / "1.log"
    killer = threading.Thread(target=kill_the_training, args=(clean_clone, log, killed, over))
    killer.start()
    try:
        finished = runs.run("all", *CONFIGURED, seconds=1800)
    finally:
        over.set()
        killer.join()
    return Run(finished.returncode, finished.stdout, folder, runs.jobs(), killed)


def test_everything_is_finished(run: Run):
    assert run.status == 0, run.printed[-5000:]
    assert len(read_table(run.folder / "quality" / "scans.tsv")) == 4
    for name in ("pyramid/32.npy", "models/wgp_hagan/generator.safetensors", "samples/wgp_hagan/samples.tsv"):
        assert (run.folder / name).is_file()
    for name in ("embeddings/random/32/real.npz", "metrics.tsv", "report/index.html"):
        assert (run.folder / name).is_file()
    stages = {"simulate_heads", "extract_brains", "register_scans", "build_pyramid", "train_chunk", "draw_samples"}
    assert stages | {"embed_real", "score_memorisation", "collect_metrics", "write_report"} <= set(
        map(rule_of, run.jobs)
    )
    others = [job for job in run.jobs if job["JobState"] != "COMPLETED"]
    assert [rule_of(job) for job in others] == ["train_chunk"], "only the training that was killed failed"


def test_jobs_are_sent_where_they_belong_with_what_their_rules_ask_for(run: Run, repository: Path):
    declared = declared_resources(repository)
    assert len(run.jobs) >= 30
    for job in run.jobs:
        rule = rule_of(job)
        wanted = declared[rule]
        assert job["Partition"] == ("gpu" if wanted.gpus else "cpu"), rule
        assert job.get("TresPerJob", "") == ("gres:gpu:1" if wanted.gpus else ""), rule  # --gpus=1
        attempt = 1 + sum(
            other["Comment"] == job["Comment"] for other in run.jobs if int(other["JobId"]) < int(job["JobId"])
        )
        assert megabytes(job["MinMemoryNode"]) == wanted.memory_mb * (1 + attempt) / 2, rule
        assert minutes(job["TimeLimit"]) == wanted.minutes, rule
        assert int(job["CPUs/Task"]) == wanted.threads, rule
        assert job["NumNodes"] == "1", rule
        assert job["Requeue"] == "0", rule
        assert job["JobName"].startswith("mrisynth_"), rule


def test_the_accounting_charges_gpus_to_gpu_jobs_alone(run: Run, cluster: PretendCluster):
    lines = cluster.ask("sacct", "-XPn", "--format=JobIDRaw,Partition,AllocTRES%120").splitlines()
    charged = {number: ("gres/gpu=1" in resources, where) for number, where, resources in (x.split("|") for x in lines)}
    for job in run.jobs:
        assert charged[job["JobId"]] == (job["Partition"] == "gpu", job["Partition"])


def test_a_bundle_of_scans_is_one_job(run: Run):
    for rule in ("simulate_heads", "extract_brains", "register_scans"):
        assert len(run.of_rule(rule)) == 2, rule
    tables = sorted((run.folder / "preprocessed").glob("bundle-*.tsv"))
    assert [len(read_table(table)) for table in tables] == [2, 2]


def test_no_job_is_an_array(run: Run):
    assert not [job for job in run.jobs if "ArrayJobId" in job]


def test_a_killed_training_is_submitted_again_and_ends_in_the_same_weights(run: Run, clean_clone: Path, cluster):
    assert len(run.killed) == 1
    second = [job for job in run.of_rule("train_chunk") if job["Comment"].endswith("wgp_hagan_1")]
    assert [job["JobState"] for job in second] == ["FAILED", "COMPLETED"]
    weights = run.folder / "models" / "wgp_hagan" / "generator.safetensors"
    of_slurm = sha256_of(weights)
    shutil.copy(weights, run.folder / "of_slurm.safetensors")
    here = SlurmRuns(cluster, clean_clone)
    undisturbed = here.run(
        "--forcerun", "train_chunk", *CONFIGURED, "--", str(weights.relative_to(clean_clone)), profile=("--cores", "1")
    )
    assert undisturbed.returncode == 0, undisturbed.stdout[-3000:]
    assert weights.stat().st_mtime > (run.folder / "of_slurm.safetensors").stat().st_mtime
    assert sha256_of(weights) == of_slurm
    assert not here.jobs()
