"""The study as an RO-Crate: workflow, configuration, data, jobs and results with their checksums, in one JSON-LD file.

Follows RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) and its profile for runs of software, Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity, Dataset, File
from rocrate.rocrate import ROCrate

from mrisynth.provenance.citations import Use, Work
from mrisynth.provenance.code import code_version
from mrisynth.provenance.contents import content_of
from mrisynth.provenance.history import STUDY, History, Step
from mrisynth.provenance.publishable import is_publishable

_VERSION = "1.1"
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_WORKFLOW = "#mrisynth"
_LICENCES = {"CC BY-SA 3.0": "https://creativecommons.org/licenses/by-sa/3.0/"}


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """What the crate says of the study as a whole.

    Attributes:
        title: of the study.
        folder: of the study, the root of the crate.
        licence: of what may be passed on; None where nobody stated one.
        words: who may have the results, as a sentence.
        may_be_exported: whether volumes, embeddings, models, samples and pictures may be listed.
        config: file of the whole configuration, in the folder.
    """

    title: str
    folder: Path
    licence: str | None
    words: str
    may_be_exported: bool
    config: Path


def crate_of(history: History, *, facts: StudyFacts, uses: Sequence[Use], works: Sequence[Work]) -> dict[str, Any]:
    """Return the JSON-LD document of a study.

    Where data of the cohort may not leave, only results of groups are listed: no records of jobs, no inputs.

    Args:
        history: the jobs behind the results.
        facts: of the study.
        uses: what the study used, with licences.
        works: what is to be cited for it.
    """
    return _Crate(history=history, facts=facts).document(uses, works)


@dataclass
class _Crate:
    history: History
    facts: StudyFacts
    crate: ROCrate = field(default_factory=lambda: ROCrate(version=_VERSION))
    listed: dict[str, str] = field(default_factory=dict)
    downloads: dict[str, ContextEntity] = field(default_factory=dict)

    def document(self, uses: Sequence[Use], works: Sequence[Work]) -> dict[str, Any]:
        root, facts = self.crate.root_dataset, self.facts
        self.crate.metadata.extra_contexts.append(_TERMS)
        self.crate.name = facts.title
        self.crate.description = f"A study of mrisynth: {facts.title}. {facts.words}"
        self.crate.license = self._licence()
        self.crate.datePublished = _newest(self.history.steps)
        root["conformsTo"] = [self._say(_PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")]
        self._file(facts.config.relative_to(facts.folder).as_posix(), name="the configuration, every default filled in")
        workflow = self._workflow()
        for step in self.history.steps:
            for output in step.record["outputs"]:
                self._output(output)
        for path in self.history.unrecorded:
            self._file(path.removeprefix(STUDY))
        cited = {work.key: self._work(work) for work in works}
        used = [self._use(use, cited) for use in uses]
        jobs = [job for step in self.history.steps if (job := self._job(step)) is not None]
        root["mentions"] = [workflow, *jobs, *used]
        root["citation"] = list(cited.values())
        return self.crate.metadata.generate()

    def _say(self, identifier: str, kind: str | list[str], **properties: Any) -> ContextEntity:
        known = self.crate.dereference(identifier)
        if known is not None:
            return known
        given = {key: value for key, value in properties.items() if value not in (None, "", [])}
        return self.crate.add(ContextEntity(self.crate, identifier, properties={"@type": kind} | given))

    def _licence(self) -> ContextEntity:
        name = self.facts.licence or "none stated"
        identifier = _LICENCES.get(name, "#licence")
        return self._say(identifier, "CreativeWork", name=name, description=self.facts.words)

    def _workflow(self) -> ContextEntity:
        code = code_version()
        state = " with changes" if code.get("changed") else ""
        commit = f", commit {code['commit']}{state}" if code.get("commit") else ""
        return self._say(
            _WORKFLOW,
            ["SoftwareApplication", "SoftwareSourceCode"],
            name="mrisynth",
            description="From T1-weighted head scans to scored generative models of the brain",
            softwareVersion=f"{code['version']}{commit}",
            sha256=code["sha256"],
            license="MIT",
            programmingLanguage="Snakemake",
            softwareRequirements=[f"{name} {version}" for name, version in self.history.packages.items()],
        )

    def _file(self, path: str, **properties: Any) -> None:
        content = content_of(self.facts.folder / path)
        if content is None or path in self.listed or not is_publishable(path, allowed=self.facts.may_be_exported):
            return
        given = properties | {"sha256": content.sha256, "contentSize": str(content.bytes)}
        kind = Dataset if content.files is not None else File
        entity = self.crate.add(kind(self.crate, dest_path=path, properties=given))
        self.listed[path] = entity.id

    def _output(self, output: dict[str, Any]) -> None:
        if not output["path"].startswith(STUDY):
            return
        path = output["path"].removeprefix(STUDY)
        content = content_of(self.facts.folder / path)
        changed = content is not None and content.sha256 != output["sha256"]
        note = f"changed since its job, which left sha256 {output['sha256']}" if changed else None
        self._file(path, **({"description": note} if note else {}))

    def _job(self, step: Step) -> ContextEntity | None:
        record = step.record
        results = [found for output in record["outputs"] if (found := self._reference(output)) is not None]
        if not results:
            return None
        rule = self._say(
            f"#rule/{record['rule']}",
            "SoftwareApplication",
            name=f"rule {record['rule']} of mrisynth",
            softwareVersion=record["code"].get("commit") or record["code"]["sha256"],
        )
        job = self._say(
            f"#job/{quote(step.name)}",
            "CreateAction",
            name=step.name,
            endTime=_finished(step),
            actionStatus="http://schema.org/CompletedActionStatus",
        )
        job["instrument"] = rule
        objects = [found for found in map(self._reference, record["inputs"]) if found is not None]
        job["object"] = [*objects, *self._downloaded(record)]
        job["result"] = results
        path = os.path.relpath(step.file, self.facts.folder)
        if not path.startswith(".."):
            self._file(path, name=f"record of the job {step.name}", encodingFormat="application/json")
            if path in self.listed:
                job["subjectOf"] = {"@id": self.listed[path]}
        return job

    def _reference(self, content: dict[str, Any]) -> dict[str, str] | None:
        """Return a reference to a file of the crate, or to a description of one that is not part of it."""
        path = content["path"]
        if path.startswith(STUDY):
            inside = path.removeprefix(STUDY)
            if inside in self.listed:
                return {"@id": self.listed[inside]}
        if not self.facts.may_be_exported:
            return None
        what = "no longer there" if path.startswith(STUDY) else "not part of the crate"
        entity = self._say(
            f"#file/{content['sha256'][:16]}/{quote(path.removeprefix(STUDY), safe='')}",
            "CreativeWork",
            name=path,
            description=what,
            sha256=content["sha256"],
            contentSize=str(content["bytes"]),
        )
        return {"@id": entity.id}

    def _downloaded(self, record: dict[str, Any]) -> list[ContextEntity]:
        name = record["parameters"].get("dataset")
        return [self.downloads[name]] if isinstance(name, str) and name in self.downloads else []

    def _work(self, work: Work) -> ContextEntity:
        kind = "ScholarlyArticle" if work.kind != "misc" or work.get("eprint") else "CreativeWork"
        identifier = work.address or f"#work/{work.key}"
        return self._say(
            identifier, kind, name=work.get("title"), author=work.get("author"), datePublished=work.get("year"),
            description=work.text,
        )  # fmt: skip

    def _use(self, use: Use, cited: dict[str, ContextEntity]) -> ContextEntity:
        kind = {"data": "Dataset", "software": "SoftwareApplication"}.get(use.kind, "CreativeWork")
        entity = self._say(f"#used/{use.key}", kind, name=use.what, description=use.used_for, license=use.licence)
        if use.cite:
            entity["citation"] = [cited[key] for key in use.cite]
        self.downloads.update(dict.fromkeys(use.downloads, entity))
        return entity


def _finished(step: Step) -> str:
    return datetime.fromtimestamp(int(step.file.stat().st_mtime), tz=UTC).isoformat()


def _newest(steps: Sequence[Step]) -> str:
    return max(map(_finished, steps), default=datetime.fromtimestamp(0, tz=UTC).isoformat())
