"""Orphans: jobs whose snakemake was killed end with it, so that they write nothing beside those of the next one."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mrisynth.drivers import Driver, read_driver, started
from mrisynth.files import read_json

PARENT = "MRISYNTH_SNAKEMAKE"
"""Environment variable of a job: number and start of the snakemake that it must not outlive."""

RUN = "MRISYNTH_RUN"
"""Environment variable of a job: run_id of the driver that it belongs to, and the record of who holds the study."""

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h
_GONE = "the snakemake that started it is gone"
_SECONDS_TO_END = 30.0
_PARENT_EVERY_S, _HOLDER_EVERY_S = 1.0, 10.0


def mark_jobs(driver: Driver | None, holder: Path | None) -> None:
    """Tell the jobs that this snakemake starts whom they belong to, through the environment that they inherit.

    Args:
        driver: this snakemake, where it drives a study; None for the one inside a submitted job.
        holder: the record of who holds the study.
    """
    os.environ[PARENT] = f"{os.getpid()} {started(os.getpid()) or ''}"
    if driver is not None and holder is not None:
        os.environ[RUN] = f"{driver.run_id} {holder.absolute()}"


def die_with_snakemake() -> None:
    """End this job at once when the snakemake that started it is killed, or when another has taken over its study."""
    pid, _, start = os.environ.get(PARENT, "").partition(" ")
    run_id, _, holder = os.environ.get(RUN, "").partition(" ")
    if not pid.isdigit():
        return
    if started(int(pid)) != start:  # it was killed while this job loaded its libraries
        _end(_GONE)
    if os.getppid() == int(pid):
        die_with_parent(int(pid))
    watched = (int(pid), start, run_id, Path(holder) if holder else None)
    threading.Thread(target=_watch, args=watched, daemon=True, name="mrisynth-orphans").start()


def die_with_parent(parent: int) -> None:
    """Let the system kill this process when its parent ends (Linux; elsewhere nothing happens)."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that was asked for
        os.kill(os.getpid(), signal.SIGKILL)


def end_orphans(driver: Driver, snakemake_folder: Path) -> int:
    """End the jobs that a dead driver left running, here and on a Slurm cluster; return how many ran here."""
    _cancel(snakemake_folder)
    orphans = list(_processes_of(driver))
    for pid in orphans:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _SECONDS_TO_END
    while any(started(pid) is not None for pid in orphans) and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(orphans)


def _watch(pid: int, start: str, run_id: str, holder: Path | None) -> None:
    """Where a shell stands between snakemake and the job, or the job runs elsewhere, look now and then."""
    look_at_holder = time.monotonic() + _HOLDER_EVERY_S
    while True:
        time.sleep(_PARENT_EVERY_S)
        if started(pid) != start:
            _end(_GONE)
        if holder is not None and time.monotonic() >= look_at_holder:
            look_at_holder = time.monotonic() + _HOLDER_EVERY_S
            found = read_driver(holder)
            if found is not None and found.run_id != run_id:
                _end(f"another snakemake has taken over ({found})")


def _end(why: str) -> None:
    stream = sys.__stderr__
    if stream is not None:
        stream.write(f"mrisynth: this job ends, since {why}.\n")
        stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def _processes_of(driver: Driver) -> Iterator[int]:
    """Yield the numbers of this user's processes that carry the driver's run_id."""
    mark = f"{RUN}={driver.run_id} ".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # of another user, or ended
            if any(entry.startswith(mark) for entry in (folder / "environ").read_bytes().split(b"\0")):
                yield int(folder.name)


def _cancel(snakemake_folder: Path) -> None:
    """Cancel the submitted jobs whose outputs Snakemake has marked as incomplete."""
    command = shutil.which("scancel")
    numbers = set()
    for marker in (snakemake_folder / "incomplete").rglob("*"):
        with suppress(OSError, ValueError, AttributeError):
            number = str(read_json(marker).get("external_jobid"))
            numbers |= {number} if number.isdigit() else set()
    if command and numbers:
        subprocess.run([command, *sorted(numbers)], check=False, capture_output=True, timeout=60)
