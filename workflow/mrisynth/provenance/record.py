"""Records: one JSON file a job that says what its outputs were made of, written when the job has succeeded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Protocol

from mrisynth.files import write_json
from mrisynth.provenance.code import code_version, environment_file, machine
from mrisynth.provenance.contents import content_of
from mrisynth.provenance.disclosure import disclosed, shown_path, summarised
from mrisynth.provenance.packages import imported_packages

FORMAT = 1
LOGS, RECORDS = "logs", "provenance"
RESOURCES = "resources"
_OF_THE_SCHEDULER = frozenset(
    ("mem", "mem_mb", "mem_mib", "disk", "disk_mb", "disk_mib", "tmpdir", "runtime", "gpu", "gpus", "nodes", "tasks")
)


class Job(Protocol):
    """What a record needs to know of a job; Snakemake gives every script such an object."""

    rule: str
    input: Any
    output: Any
    params: Any
    wildcards: Any
    resources: Any
    threads: int
    log: Any


@dataclass
class Record:
    """The record of a job while it runs.

    Attributes:
        made: files beside the declared outputs that the job has made.
    """

    made: list[Path] = field(default_factory=list)

    def also(self, paths: Iterable[str | Path]) -> None:
        """Count files that the rule does not declare, and every file of such folders, among the outputs."""
        for path in map(Path, paths):
            self.made += sorted(path.rglob("*")) if path.is_dir() else [path]


def record_path(log: str | Path) -> Path:
    """Return where the record of a job stands: as its log, but in ``provenance`` and as JSON."""
    path = Path(log)
    parts = list(path.with_suffix(".json").parts)
    if LOGS not in parts:
        return path.with_suffix(".json")
    last = len(parts) - 1 - parts[::-1].index(LOGS)
    return Path(*parts[:last], RECORDS, *parts[last + 1 :])


@contextmanager
def recorded(job: Job) -> Iterator[Record]:
    """Record what the block makes of the job's inputs; a block that fails, or is killed, leaves no record.

    A job without outputs has none either.
    """
    record, target = Record(), record_path(job.log[0])
    target.unlink(missing_ok=True)
    if not list(job.output):
        yield record
        return
    study = _study_folder(job.log[0])
    code, inputs = code_version(), _contents(job.input, study)
    yield record
    write_json(
        {
            "format": FORMAT,
            "rule": job.rule,
            "wildcards": disclosed(dict(job.wildcards.items())),
            "inputs": inputs,
            "outputs": _contents([*job.output, *record.made], study),
            "parameters": {name: summarised(value) for name, value in job.params.items()},
            "run": {"threads": job.threads} | _chosen(job.resources),
            "seed": dict(job.params.items()).get("seed"),
            "code": code,
            "environment": environment_file(),
            "packages": imported_packages(),
            "machine": machine(),
        },
        target,
    )


def _study_folder(log: str | Path) -> Path | None:
    parts = PurePath(log).parts
    if LOGS not in parts:
        return None
    folder = Path(*parts[: len(parts) - 1 - parts[::-1].index(LOGS)])
    return None if folder == Path(RESOURCES) else folder


def _contents(paths: Iterable[str | Path], study: Path | None) -> list[dict[str, Any]]:
    found = []
    for path in dict.fromkeys(map(str, paths)):
        if (content := content_of(path)) is not None:
            found.append({"path": shown_path(path, study=study), **content.described()})
    return sorted(found, key=lambda entry: (entry["path"], entry["sha256"]))


def _chosen(resources: Any) -> dict[str, Any]:
    """Return the resources that say how a job computes, not what it asks of the scheduler."""
    return {
        name: value
        for name, value in resources.items()
        if name not in _OF_THE_SCHEDULER
        and not name.startswith(("_", "slurm"))
        and isinstance(value, bool | int | float)
    }
