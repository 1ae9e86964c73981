"""How a stage treats a bundle of scans: done ones are kept, bad ones become rows, the machine's faults are raised."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import read_json, write_json
from mrisynth.imaging.isolation import isolated
from mrisynth.progress import Progress

_LOG = logging.getLogger(__name__)
MEASURED, EXCLUDED = "measured", "excluded"
CRASHED = "crashed"
VERDICT = ("status", "reason", "message")


@dataclass(frozen=True, kw_only=True)
class ScanTask:
    """One scan of a stage.

    Attributes:
        scan: its name.
        record: the JSON file that is written last and makes the scan done.
        fingerprint: of everything that the result depends on.
        outputs: files that a measured scan must have.
        work: does the scan's work; returns its measures; raises ScanError.
    """

    scan: str
    record: Path
    fingerprint: str
    outputs: tuple[Path, ...]
    work: Callable[[Stopwatch], dict[str, Any]]


@dataclass
class Stopwatch:
    """CPU seconds of each step of one scan; for the log, as an output would differ every time it is made."""

    cpu_seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.process_time)

    def lap(self, step: str) -> None:
        """Book the CPU time since the last lap to ``step``."""
        now = time.process_time()
        self.cpu_seconds[step] = round(self.cpu_seconds.get(step, 0.0) + now - self._since, 3)
        self._since = now

    def __str__(self) -> str:
        steps = ", ".join(f"{step} {seconds:.3f}" for step, seconds in self.cpu_seconds.items())
        return f"{sum(self.cpu_seconds.values()):.3f} CPU-s ({steps or 'no step done'})"


def run_bundle(tasks: Sequence[ScanTask], *, what: str, measures: Sequence[str]) -> pd.DataFrame:
    """Do every task that is not done yet and return one row a scan: scan, status, reason, message, the measures named.

    The status is ``measured`` or ``excluded``. A ScanError excludes its scan with its reason. A scan in whose work the
    process died is excluded with the reason ``crashed``, and the others go on. Any other error that only this scan can
    have caused (reason ``unexpected``) excludes it too; both are tried again at the next run. A full disk, a lack of
    memory and an error of the configuration are raised; the scans done before stay done.
    """
    progress = Progress(what, len(tasks))
    rows = []
    results = isolated(
        lambda item: _done(tasks[item]) or _do(tasks[item]),
        len(tasks),
        crashed=lambda item, how: _crashed(tasks[item], how),
    )
    for record in results:
        rows.append(_row(record, measures))
        excluded = record["status"] == EXCLUDED
        progress.advance(note=f"{record['scan']} excluded: {record['reason']}" if excluded else "")
    table = pd.DataFrame(rows, columns=["scan", *VERDICT, *measures, "fingerprint"])
    excluded = int((table["status"] == EXCLUDED).sum())
    _LOG.info("%s: %d measured, %d excluded", what, len(table) - excluded, excluded)
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
    if record.get("status") == MEASURED and not all(path.is_file() for path in task.outputs):
        return None
    return record


def _do(task: ScanTask) -> dict[str, Any]:
    for stale in (task.record, *task.outputs):
        stale.unlink(missing_ok=True)
    watch = Stopwatch()
    try:
        return _recorded(task, measures=task.work(watch))
    except ScanError as error:
        message = _naming(str(error), task.scan)
        return _recorded(task, reason=error.reason, message=message, measures=error.measures)
    except (MrisynthError, OSError, MemoryError):
        raise
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise
        _LOG.exception("%s", task.scan)
        message = f"{task.scan}: {type(error).__name__}: {error}"
        return _recorded(task, reason="unexpected", message=message, again=True)
    finally:
        _LOG.info("%s: %s", task.scan, watch)


def _crashed(task: ScanTask, how: str) -> dict[str, Any]:
    message = f"{task.scan}: the process that worked on it died ({how}); look at the scan, or run again."
    return _recorded(task, reason=CRASHED, message=message, again=True)


def _recorded(
    task: ScanTask,
    *,
    reason: str = "",
    message: str = "",
    measures: dict[str, Any] | None = None,
    again: bool = False,
) -> dict[str, Any]:
    record = {
        "scan": task.scan,
        "status": EXCLUDED if reason else MEASURED,
        "reason": reason,
        "message": message,
        "measures": measures or {},
        "fingerprint": "" if again else task.fingerprint,  # nothing matches an empty one: the next run tries again
    }
    if reason:
        _LOG.warning("%s excluded: %s: %s", task.scan, reason, message)
    write_json(record, task.record)
    return record


def _naming(message: str, scan: str) -> str:
    return message if scan in message else f"{scan}: {message}"


def _row(record: dict[str, Any], measures: Sequence[str]) -> dict[str, Any]:
    row = {key: record[key] for key in ("scan", *VERDICT)}
    row |= {name: record["measures"].get(name) for name in measures}
    return row | {"fingerprint": record["fingerprint"]}
