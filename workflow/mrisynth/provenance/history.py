"""History: the records behind a set of results, found by walking from each file to the job that made it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mrisynth.errors import MrisynthError
from mrisynth.files import read_json
from mrisynth.provenance.disclosure import shown_path
from mrisynth.provenance.record import FORMAT, RECORDS, RESOURCES

STUDY = "<results>/"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One job of the history: its record, and the file that holds it."""

    record: dict[str, Any]
    file: Path

    @property
    def name(self) -> str:
        """The rule and its wildcards, as the path of the record spells them."""
        parts = self.file.with_suffix("").parts
        return "/".join(parts[len(parts) - 1 - parts[::-1].index(RECORDS) + 1 :])


@dataclass(frozen=True, kw_only=True)
class History:
    """What results rest on.

    Attributes:
        steps: the jobs, in the order of their names.
        unrecorded: files that no record tells the origin of, though the study made them.
        sources: files that the study did not make, with their contents as the jobs found them.
    """

    steps: list[Step]
    unrecorded: list[str]
    sources: list[dict[str, Any]]

    @property
    def rules(self) -> set[str]:
        """The rules that ran."""
        return {step.record["rule"] for step in self.steps}

    @property
    def packages(self) -> dict[str, str]:
        """The packages that any job imported, with their versions, joined by commas where jobs differ."""
        found: dict[str, set[str]] = {}
        for step in self.steps:
            for name, version in step.record["packages"].items():
                found.setdefault(name, set()).add(version)
        return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}


def history_of(targets: Iterable[str | Path], *, study: str | Path) -> History:
    """Return every recorded job that files rest on, directly or through other files.

    Records of jobs that no longer matter (of a model that the configuration has lost) are not met on the way.

    Args:
        targets: files or folders of the study, relative to the working directory.
        study: folder of the study.
    """
    makers = {output["path"]: step for step in _records(study) for output in step.record["outputs"]}
    steps: dict[Path, Step] = {}
    unrecorded: set[str] = set()
    sources: dict[tuple[str, str], dict[str, Any]] = {}
    waiting = [{"path": shown_path(path, study=study)} for path in targets]
    while waiting:
        content = waiting.pop()
        step = next((makers[path] for path in _with_parents(content["path"]) if path in makers), None)
        if step is not None:
            if step.file not in steps:
                steps[step.file] = step
                waiting += step.record["inputs"]
        elif content["path"].startswith(STUDY):
            unrecorded.add(content["path"])
        else:
            sources[content["path"], content.get("sha256", "")] = content
    return History(
        steps=sorted(steps.values(), key=lambda step: step.name),
        unrecorded=sorted(unrecorded),
        sources=[sources[key] for key in sorted(sources)],
    )


def _records(study: str | Path) -> Iterator[Step]:
    for folder in (Path(RESOURCES, RECORDS), Path(study, RECORDS)):
        for file in sorted(folder.rglob("*.json")):
            try:
                record = read_json(file)
            except json.JSONDecodeError as error:
                raise MrisynthError(f"{file} is no record of a job ({error}); delete it.") from error
            if isinstance(record, dict) and record.get("format") == FORMAT and "outputs" in record:
                yield Step(record=record, file=file)


def _with_parents(path: str) -> Iterator[str]:
    yield path
    for parent in PurePosixPath(path).parents:
        yield parent.as_posix()
