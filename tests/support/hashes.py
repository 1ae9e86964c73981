"""What two runs of the same study must have in common: every output but a short list, byte for byte."""

from __future__ import annotations

import hashlib
import json
from fnmatch import fnmatch
from pathlib import Path

from mrisynth.files import read_json, sha256_of

EXEMPT = {  # docs/output.md names the same
    "logs/*": "times of day, CPU seconds",
    "benchmarks/*": "time and memory of each job",
    "training/*/plan.json": "hours, from updates that were timed",
    "provenance/plan_training/*": "the cores that snakemake was given: this job takes them all",
    "training/*/watch-*/speed.tsv": "time and memory of the updates",
    "training/*/watch-*/events/*": "times of day, as TensorBoard wants them",
    "embeddings/cache/*": "features by the job that was first to need them, which is chance",
    "ro-crate-metadata.json": "the day of the last job, and checksums of all files",
}
_WITH_EXEMPT_FILES = ("training/*/watch-*",)  # folders of which a record tells one checksum


def is_exempt(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in EXEMPT)


def hashes(study: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file of a study that is not exempt; of records without the exempt entries."""
    names = sorted(path.relative_to(study).as_posix() for path in study.rglob("*") if path.is_file())
    kept = [name for name in names if not is_exempt(name) and not name.endswith(".snakemake_timestamp")]
    return {name: _hash(study / name, record=fnmatch(name, "provenance/*.json")) for name in kept}


def _hash(path: Path, *, record: bool) -> str:
    content = read_json(path) if record else {}
    if "outputs" not in content:
        return sha256_of(path)
    for side in ("inputs", "outputs"):
        content[side] = [entry for entry in content[side] if not _told_of_exempt(entry["path"])]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _told_of_exempt(path: str) -> bool:
    name = path.removeprefix("<results>/").rstrip("/")
    return is_exempt(name) or any(fnmatch(name, pattern) for pattern in _WITH_EXEMPT_FILES)
