"""What the record of a job costs, and the checksums of large inputs, and the description of a study of 581 scans."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pandas  # noqa: F401 (a job has such packages loaded)
import torch  # noqa: F401
from measure import cpu_seconds, report

from mrisynth.files import write_json
from mrisynth.joblog import logged, running
from mrisynth.provenance.code import code_version
from mrisynth.provenance.contents import content_of
from mrisynth.provenance.crate import StudyFacts, crate_of
from mrisynth.provenance.history import history_of

JOBS, SCANS, SCANS_PER_JOB, FILES_PER_SCAN = 100, 581, 32, 8
RAW_BYTES, MADE_BYTES, PYRAMID_BYTES = 10 * 10**6, 4 * 10**6, 512 * 2**20
IMPORT = "import time; a = time.process_time(); import {}; print(time.process_time() - a)"


@contextmanager
def folder() -> Iterator[Path]:
    """Work in a new folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as made:
        os.chdir(made)
        try:
            yield Path(made)
        finally:
            os.chdir(before)


def job(rule: str, inputs: list[str], outputs: list[str]) -> SimpleNamespace:
    """Return a job as Snakemake describes it."""
    return SimpleNamespace(
        rule=rule, input=inputs, output=outputs, params={"seed": 1, "recipe": {"width": 64}}, wildcards={"model": "m"},
        resources={"mem": "2GB"}, threads=1, log=[f"results/logs/{rule}.log"],
    )  # fmt: skip


def cost(work: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    before = cpu_seconds()
    work()
    return cpu_seconds() - before


def one_job(context: Callable[..., object]) -> None:
    """Run a job that writes a few bytes."""
    code_version.cache_clear()  # every job is a process of its own
    told = job("small", ["results/in.tsv"], ["results/out.tsv"])
    with context(told if context is running else told.log[0]):
        Path("results/out.tsv").write_text("a\tb\n")


def records(scans: int) -> None:
    """Write the records and files of the preprocessing of a study, and of 300 jobs after it."""
    template = json.loads(Path("results/provenance/small.json").read_text())

    def step(name: str, inputs: list[str], outputs: list[str]) -> None:
        for path in outputs:
            Path("results", path).parent.mkdir(parents=True, exist_ok=True)
            Path("results", path).write_text(path)
        entries = [
            [{"path": f"<results>/{path}", "sha256": "0" * 64, "bytes": 9} for path in found]
            for found in (inputs, outputs)
        ]
        write_json(
            template | {"rule": name, "inputs": entries[0], "outputs": entries[1]},
            f"results/provenance/{outputs[0]}.json",
        )

    tables = []
    for first in range(0, scans, SCANS_PER_JOB):
        names = [
            f"sub-{number:04d}/{file}.nii.gz"
            for number in range(first, first + SCANS_PER_JOB)
            for file in range(FILES_PER_SCAN)
        ]
        tables.append(f"preprocessed/bundle-{first}.tsv")
        step("register_scans", [], [tables[-1], *(f"preprocessed/{name}" for name in names)])
    step("build_pyramid", tables, ["pyramid/256.npy"])
    for number in range(300):
        step(f"later_{number}", [f"later/{number - 1}.tsv" if number else "pyramid/256.npy"], [f"later/{number}.tsv"])


def describe() -> str:
    """Return the crate of the study as JSON."""
    facts = StudyFacts(
        title="t", folder=Path("results"), licence=None, words="w", may_be_exported=True, config=Path("results/in.tsv")
    )
    return json.dumps(crate_of(history_of(["results/later/299.tsv"], study="results"), facts=facts, uses=[], works=[]))


def write(path: Path, size: int) -> None:
    """Write a file of bytes that no file system saves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))


def main() -> None:
    """Measure and report."""
    rows = []
    with folder():
        Path("results").mkdir()
        Path("results/in.tsv").write_text("a\n")
        rows.append({"what": "first record in an environment", "cpu_seconds": cost(lambda: one_job(running))})
        for context in (logged, running):
            spent = cost(lambda context=context: [one_job(context) for _ in range(JOBS)]) / JOBS
            rows.append({"what": f"a job, {context.__name__}", "cpu_seconds": spent})
        for module in ("mrisynth.progress", "mrisynth.joblog"):
            done = subprocess.run(
                [sys.executable, "-c", IMPORT.format(module)], capture_output=True, text=True, check=True
            )
            rows.append({"what": f"import {module}", "cpu_seconds": float(done.stdout)})
        write(Path("results/pyramid.npy"), PYRAMID_BYTES)
        for when in ("first", "again"):
            spent = cost(lambda: content_of("results/pyramid.npy"))
            rows.append({"what": f"checksum of 512 MiB, {when}", "cpu_seconds": spent})
        Path("results/pyramid.npy").unlink()
        for number in range(SCANS_PER_JOB):
            write(Path(f"results/raw/{number}"), RAW_BYTES)
            write(Path(f"results/made/{number}/brain"), MADE_BYTES)
        spent = cost(lambda: [content_of(path) for path in sorted(Path("results").rglob("*")) if path.is_file()])
        rows.append({"what": f"checksums of a bundle of {SCANS_PER_JOB} scans", "cpu_seconds": spent})
        records(SCANS)
        size = len(describe())
        rows.append({"what": f"crate of {SCANS} scans", "cpu_seconds": cost(describe)})
        records(10 * SCANS)
        rows.append({"what": f"crate of {10 * SCANS} scans", "cpu_seconds": cost(describe)})
    found = {row["what"]: row["cpu_seconds"] for row in rows}
    report("provenance", rows, record_seconds=found["a job, running"] - found["a job, logged"], crate_bytes=size)


if __name__ == "__main__":
    main()
