"""The spare state of a chain: when the state that a chunk goes on from is spoilt, the one before it is still there."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from mrisynth.files import keep_file
from mrisynth.training.state import TornStateError, read_state

_log = logging.getLogger(__name__)


def keep_spare(previous: Path | None, *, chunk: int) -> None:
    """Keep the state that a chunk went on from, for the chunk after; spares of earlier chunks are deleted.

    Snakemake deletes that state once the chunk is done. A link is made, not a copy, where the file system has links.

    Args:
        previous: the state that the chunk went on from; None for the first.
        chunk: number of the chunk that is done.
    """
    if previous is None:
        return
    keep_file(previous, spare_path(previous, chunk=chunk - 1))
    for other in previous.parent.glob("spare-*.pt"):
        number = re.fullmatch(r"spare-(\d+)\.pt", other.name)
        if number and int(number[1]) < chunk - 1:
            other.unlink(missing_ok=True)


def is_spoilt(state: Path | None) -> bool:
    """Return whether a state that is there cannot be read back as it was written, and warn when it cannot."""
    if state is None or not state.is_file():
        return False
    try:
        read_state(state)
    except TornStateError as error:
        _log.warning("%s", error)
        return True
    return False


def spare_path(state: Path, *, chunk: int) -> Path:
    """Return where the spare copy of the state after a chunk stands."""
    return state.with_name(f"spare-{chunk}.pt")
