"""Clocks that disagree: files dated in the future make Snakemake refuse its own outputs, so they are dated anew."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mrisynth.errors import MrisynthError

TOLERANCE_S = 5.0
_NOT_ENTERED = frozenset(("logs", "benchmarks", "provenance"))  # nothing is decided by their dates
_OF_SCANS = frozenset(("brain_extraction", "preprocessed"))  # a folder for each scan, none of them declared
_NANO = 10**9


def mend_dates(folder: Path) -> float:
    """Move the dates of files that lie in the future into the past, and keep their order.

    The clock of the machine or of the file server was wrong when they were written. All are moved by what the newest is
    ahead, so none becomes newer than what was made of it.

    Args:
        folder: the study's.

    Returns:
        Seconds by which files were ahead; 0 when none was.
    """
    limit = time.time_ns() + int(TOLERANCE_S * _NANO)
    ahead = {path: date for path, date in _dates(folder) if date > limit}
    if not ahead:
        return 0.0
    shift = max(ahead.values()) - time.time_ns()
    for path, date in ahead.items():
        os.utime(path, ns=(date - shift, date - shift))
    return shift / _NANO


def check_dates(files: Iterable[Path], *, what: str) -> None:
    """Refuse inputs that are dated in the future: Snakemake would refuse what is made of them, after the work.

    Args:
        files: inputs that are not ours to change; those that are not there are passed over.
        what: name of their kind for people.

    Raises:
        MrisynthError: naming one of them and how to mend it.
    """
    now, late = time.time(), []
    for path in files:
        with suppress(OSError):
            if (date := path.stat().st_mtime) > now + TOLERANCE_S:
                late.append((path, date))
    if late:
        path, date = late[0]
        raise MrisynthError(
            f"{path}: this {what} is dated {(date - now) / 60:.0f} minutes in the future, as are {len(late) - 1} more. "
            f"Either the clock of this machine is slow, or that of the machine that wrote them was fast. Snakemake "
            f"compares dates and would refuse everything made of them: set the clock, or date them anew with `touch`."
        )


def _dates(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files and their dates (ns) in a study's folder, but for those that nothing depends on."""
    for root, folders, names in os.walk(folder):
        below = Path(root).relative_to(folder).parts
        folders[:] = [] if below[:1] and below[0] in _OF_SCANS else [one for one in folders if one not in _NOT_ENTERED]
        for name in names:
            path = Path(root, name)
            with suppress(OSError):
                yield path, path.stat(follow_symlinks=False).st_mtime_ns
