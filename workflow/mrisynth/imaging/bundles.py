"""How a stage treats a bundle of scans: done ones are kept, bad ones become rows, the machine's faults are raised."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import read_json, write_json
from mrisynth.imaging.quality import Verdict
from mrisynth.progress import Progress

PASSED, EXCLUDED = "passed", "excluded"
VERDICT = ("status", "reason", "message")


@dataclass(frozen=True, kw_only=True)
class ScanTask:
    """One scan of a stage.

    Attributes:
        scan: its name.
        record: the JSON file that is written last and makes the scan done.
        fingerprint: of everything that the result depends on.
        outputs: files that a passed scan must have.
        work: does the scan's work; returns the verdict and the columns of its row; raises ScanError.
    """

    scan: str
    record: Path
    fingerprint: str
    outputs: tuple[Path, ...]
    work: Callable[[Stopwatch], tuple[Verdict, dict[str, Any]]]


@dataclass
class Stopwatch:
    """CPU seconds of each step of one scan."""

    cpu_seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.process_time)

    def lap(self, step: str) -> None:
        """Book the CPU time since the last lap to ``step``."""
        now = time.process_time()
        self.cpu_seconds[step] = round(self.cpu_seconds.get(step, 0.0) + now - self._since, 3)
        self._since = now


def run_bundle(tasks: Iterable[ScanTask], *, what: str, total: int, measures: Sequence[str]) -> pd.DataFrame:
    """Do every task that is not done yet and return one row a scan: scan, status, reason, message, the measures named.

    A ScanError excludes its scan with its reason. Any error that only this scan can have caused (reason
    ``unexpected``) does too, but is tried again at the next run. A full disk, a lack of memory and an error of the
    configuration are raised; the scans done before stay done.
    """
    progress = Progress(what, total)
    rows = []
    for task in tasks:
        record = _done(task) or _do(task)
        rows.append(_row(record, measures))
        progress.advance(note="" if record["status"] == PASSED else f"{task.scan} excluded: {record['reason']}")
    table = pd.DataFrame(rows, columns=["scan", *VERDICT, *measures, "cpu_seconds", "fingerprint"])
    excluded = int((table["status"] == EXCLUDED).sum())
    logging.getLogger(__name__).info("%s: %d passed, %d excluded", what, len(table) - excluded, excluded)
    return table


def fingerprint(content: dict[str, Any]) -> str:
    """Return the SHA-256 of JSON-like content, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _done(task: ScanTask) -> dict[str, Any] | None:
    if not task.record.is_file():
        return None
    try:
        record = read_json(task.record)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("fingerprint") != task.fingerprint:
        return None
    if record.get("status") == PASSED and not all(path.is_file() for path in task.outputs):
        return None
    return record


def _do(task: ScanTask) -> dict[str, Any]:
    for stale in (task.record, *task.outputs):
        stale.unlink(missing_ok=True)
    watch = Stopwatch()
    kept = task.fingerprint
    columns: dict[str, Any] = {}
    try:
        verdict, columns = task.work(watch)
    except ScanError as error:
        verdict = Verdict(reason=error.reason, message=_naming(str(error), task.scan))
    except (MrisynthError, OSError, MemoryError):
        raise
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise
        logging.getLogger(__name__).exception("%s", task.scan)
        verdict = Verdict(reason="unexpected", message=f"{task.scan}: {type(error).__name__}: {error}")
        kept = ""  # matches nothing, so that the next run tries again
    record = {
        "scan": task.scan,
        "status": verdict.status,
        "reason": verdict.reason,
        "message": verdict.message,
        "measures": columns,
        "cpu_seconds": watch.cpu_seconds,
        "fingerprint": kept,
    }
    if verdict.reason:
        logging.getLogger(__name__).warning("%s excluded: %s: %s", task.scan, verdict.reason, verdict.message)
    write_json(record, task.record)
    return record


def _naming(message: str, scan: str) -> str:
    return message if scan in message else f"{scan}: {message}"


def _row(record: dict[str, Any], measures: Sequence[str]) -> dict[str, Any]:
    row = {key: record[key] for key in ("scan", *VERDICT)}
    row |= {name: record["measures"].get(name) for name in measures}
    return row | {"cpu_seconds": round(sum(record["cpu_seconds"].values()), 3), "fingerprint": record["fingerprint"]}
