"""Locks of a study: one snakemake at a time, and none that a killed one left stands in the way."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from mrisynth.disk import check_writable
from mrisynth.drivers import (
    SILENT_SECONDS,
    Driver,
    is_dead,
    keep_alive,
    one_at_a_time,
    read_driver,
    this_driver,
    write_driver,
)
from mrisynth.errors import MrisynthError
from mrisynth.files import UNFINISHED
from mrisynth.orphans import end_orphans, mark_jobs

HOLDER = ".driver.json"
"""Name of the file in a study's folder that says which snakemake works on it."""


def start_driver(folder: str | Path, study: str | Path) -> Driver:
    """Register this process, remove the locks of dead ones, and mark the jobs that it will start.

    Snakemake locks a folder by files without a name, and a killed one leaves them. Every snakemake that reads this
    workflow registers beside them first, so when all of the registered are dead, so is the one that locked.

    Args:
        folder: Snakemake's own, `.snakemake`.
        study: the study's.

    Raises:
        MrisynthError: Snakemake's folder cannot be written to.
    """
    me, records = this_driver(), Path(folder) / "mrisynth"
    mark_jobs(me, Path(study) / HOLDER)
    check_writable(records)
    with one_at_a_time(records):
        _release(Path(folder), records)
        write_driver(me, records / f"{me.run_id}.json")
    keep_alive(me, records / f"{me.run_id}.json", lost=_stop)
    return me


def end_driver(me: Driver, folder: str | Path, study: str | Path) -> None:
    """Remove what tells that this process works on a study."""
    with suppress(OSError):
        (Path(folder) / "mrisynth" / f"{me.run_id}.json").unlink(missing_ok=True)
        holder = Path(study) / HOLDER
        found = read_driver(holder)
        if found is not None and found.run_id == me.run_id:
            holder.unlink(missing_ok=True)


def hold_study(me: Driver, folder: str | Path, study: str | Path) -> None:
    """Make this process the one that works on a study; end what a dead one left running, remove its unfinished files.

    Raises:
        MrisynthError: another one works on it.
    """
    holder = Path(study) / HOLDER
    holder.parent.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(holder.parent):
        other = read_driver(holder)
        if other is not None and other.run_id != me.run_id:
            if not is_dead(other, holder):
                raise MrisynthError(_held(other, holder))
            ended = end_orphans(other, Path(folder))
            _say(f"{holder.parent} is taken over from a snakemake that was killed ({other}); {ended} jobs of it ended.")
        holder.unlink(missing_ok=True)
        if not write_driver(me, holder):
            raise MrisynthError(f"{holder} was written by another snakemake at this moment; run the command again.")
    keep_alive(me, holder, lost=_stop)
    _sweep(holder.parent)


def _release(folder: Path, records: Path) -> None:
    found = {record: read_driver(record) for record in records.glob("*.json")}
    others = {record: driver for record, driver in found.items() if driver is not None and driver.pid != os.getpid()}
    dead = {record for record, driver in others.items() if is_dead(driver, record)}
    locks = list((folder / "locks").glob("*.lock"))
    if locks and dead and len(dead) == len(others):
        for lock in locks:
            lock.unlink(missing_ok=True)
        _say("the snakemake that had locked this folder was killed; its lock is removed and the work goes on.")
    elif locks and len(dead) < len(others):
        living = [driver for record, driver in others.items() if record not in dead]
        _say(
            f"another snakemake works in this folder ({living[0]}); until it ends, this one can work on another "
            "study or look on (-n)."
        )
    for record in dead:
        record.unlink(missing_ok=True)


def _sweep(study: Path) -> None:
    """Remove the unfinished files that killed jobs left; no job of this study runs now."""
    for root, _, names in os.walk(study):
        for name in names:
            if name.startswith(UNFINISHED):
                with suppress(OSError):
                    Path(root, name).unlink()


def _held(other: Driver, holder: Path) -> str:
    silent = max(0.0, time.time() - holder.stat().st_mtime)
    return (
        f"{holder.parent}: another snakemake works on this study ({other}; last heard of {silent:.0f} s ago). Wait for "
        f"its end, or give this study a folder of its own (folder). If that machine is gone, the same command takes "
        f"over {SILENT_SECONDS / 60:.0f} minutes after it was last heard of."
    )


def _stop(other: Driver) -> None:
    """End this process, whose study was taken over while it could not run."""
    _say(f"another snakemake has taken over this study ({other}); this one ends.")
    os.kill(os.getpid(), signal.SIGKILL)


def _say(sentence: str) -> None:
    if sys.__stderr__ is not None:
        print(f"mrisynth: {sentence}", file=sys.__stderr__, flush=True)
