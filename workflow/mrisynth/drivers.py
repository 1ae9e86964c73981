"""Drivers: which snakemake works on a folder, and whether it still lives; what a killed one left is taken over."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

SILENT_SECONDS = 600.0
"""A driver on another machine that has not touched its record for so long is dead; see :func:`is_dead`."""

_SECONDS_BETWEEN_BEATS = 30.0


@dataclass(frozen=True, kw_only=True)
class Driver:
    """One snakemake that runs, or ran, a study.

    Attributes:
        run_id: random name, never used twice.
        host: name of the machine.
        machine: what the machine and its start are known by; equal for processes that see one another's numbers.
        pid: number of the process.
        started: when the process started, in ticks of its machine's clock; empty where that is not told.
        since: the same for people.
        user: who started it.
    """

    run_id: str
    host: str
    machine: str
    pid: int
    started: str
    since: str
    user: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, started {self.since}"


def this_driver() -> Driver:
    """Return the process itself as a driver with a run_id of its own."""
    return Driver(
        run_id=uuid.uuid4().hex,
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        started=started(os.getpid()) or "",
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
        user=_user(),
    )


def started(pid: int) -> str | None:
    """Return when a process started, in ticks, or ``""`` where the system does not tell; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _exists(pid)
    except OSError:  # it ended while it was read
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()  # a zombie does nothing any more


def is_dead(driver: Driver, record: Path) -> bool:
    """Return whether a driver is known to be dead.

    On its own machine the process table tells. On another machine a driver is dead when its record was not touched for
    :data:`SILENT_SECONDS`, by the clock of the file system, while a living one touches it every half minute.
    """
    if driver.machine == _machine():
        return started(driver.pid) != driver.started
    try:
        return _now(record.parent) - record.stat().st_mtime > SILENT_SECONDS
    except FileNotFoundError:  # it has just ended
        return True


def write_driver(driver: Driver, record: Path) -> bool:
    """Write a driver's record unless there is one; True when it was written. It is whole or not there."""
    record.parent.mkdir(parents=True, exist_ok=True)
    unfinished = record.with_name(f".unfinished-{driver.run_id}")
    try:
        unfinished.write_text(json.dumps(asdict(driver)))
        record.hardlink_to(unfinished)
    except FileExistsError:
        return False
    except PermissionError:  # a file system without links
        if record.exists():
            return False
        unfinished.replace(record)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def read_driver(record: Path) -> Driver | None:
    """Read a driver's record; None when there is none, or none of ours."""
    try:
        return Driver(**json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def keep_alive(driver: Driver, record: Path, *, lost: Callable[[Driver], None]) -> None:
    """Touch a driver's record every half minute for as long as this process lives.

    Args:
        driver: this process.
        record: where it is written.
        lost: called once when another stands there: this process was held up for so long that it passed for dead.
    """

    def beat() -> None:
        while True:
            time.sleep(_SECONDS_BETWEEN_BEATS)
            found = read_driver(record)
            if found is not None and found.run_id != driver.run_id:
                lost(found)
                return
            with suppress(OSError):
                os.utime(record)

    threading.Thread(target=beat, daemon=True, name="mrisynth-alive").start()


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process after the other decide about a folder; where files cannot be locked, all decide at once."""
    with (folder / ".deciding").open("a") as stream:
        with suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _now(folder: Path) -> float:
    """Return the time by the clock of a folder's file system."""
    probe = folder / f".unfinished-{os.getpid()}-clock"
    try:
        probe.touch()
        os.utime(probe)
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _exists(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def _machine() -> str:
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without a name, as in containers
        return str(os.getuid())
