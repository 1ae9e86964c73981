"""Formats of files that outlive a release: a number in each file, and one sentence when it is not the known one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mrisynth.errors import MrisynthError


def check_format(found: Any, *, known: int, path: Path, what: str, remedy: str, written_by: str = "") -> None:
    """Check the number of a file's format against the one that this release writes and reads.

    Args:
        found: the number in the file.
        known: the number of this release.
        path: of the file.
        what: name of the kind of file for people.
        remedy: what to do with a file of an earlier release.
        written_by: version of mrisynth that wrote it, if the file says so.

    Raises:
        MrisynthError: when they differ; another remedy for earlier and later ones.
    """
    if found == known and not isinstance(found, bool):
        return
    by = f" by mrisynth {written_by}" if written_by else ""
    later = isinstance(found, int) and found > known
    what_to_do = "update mrisynth to read it" if later else remedy
    raise MrisynthError(
        f"{path}: not a {what} of this version of mrisynth (found format {found}{by}, expected {known}); {what_to_do}."
    )
