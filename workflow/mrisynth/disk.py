"""Disks that are full or closed: the error that a library raises in the middle of a write becomes one sentence."""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from mrisynth.errors import MrisynthError

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_CLOSED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
_BROKEN = frozenset((errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV))
_PROBE_BYTES = 1 << 16


class DiskError(MrisynthError):
    """A file could not be written for a reason that lies in the disk or the folder, not in what was written."""


def disk_error(path: Path, error: Exception) -> DiskError | None:
    """Return what to tell people when writing ``path`` failed because of its disk; None when it was anything else.

    Libraries write in C and in Rust and lose the system's number for the error, so where there is none a few bytes are
    written beside the file: while it still takes its space, a full disk refuses them.

    Args:
        path: what was being written; its unfinished form still stands beside it.
        error: what the library raised.
    """
    number = _number(error, path)
    if number is None and not isinstance(error, MrisynthError):
        number = _refusal(path.parent)
    kept = f"Nothing stands at {path} that is not whole, and what was done before is kept"
    if number in _FULL:
        return DiskError(
            f"{path}: the disk or quota is full ({_free(path.parent)}). Free some space and run the same command "
            f"again. {kept}."
        )
    if number in _CLOSED:
        return DiskError(
            f"{path}: this folder cannot be written to ({os.strerror(number)}). Make it writable for this user, or "
            f"choose another (folder), and run the same command again."
        )
    if number in _BROKEN:
        return DiskError(
            f"{path}: the disk failed while it was written ({os.strerror(number)}). Run the same command again once it "
            f"answers. {kept}."
        )
    return None


def check_writable(folder: Path) -> None:
    """Make a folder if it is not there, and a file in it for a moment.

    Raises:
        MrisynthError: that is not possible; the sentence names the folder.
    """
    check_place(folder)
    probe = folder / f".unfinished-{os.getpid()}-preflight"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"written")
    except OSError as error:
        told = disk_error(folder / "files", error)
        sentence = str(told).replace(f"{folder / 'files'}:", f"{folder}:") if told else f"{folder}: {error}."
        raise MrisynthError(sentence) from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def check_place(folder: Path) -> None:
    """Refuse a place for a folder where a file stands, or beneath one.

    Raises:
        MrisynthError: naming the file.
    """
    for place in (folder, *folder.parents):
        if place.is_dir():
            return
        if place.exists():
            raise MrisynthError(
                f"{place}: a file stands where the folder {folder} is to be made; remove it or choose another folder."
            )


def allocate(path: Path, size: int) -> None:
    """Take ``size`` bytes on disk for a file that will be mapped: writing to a map on a full disk kills the process.

    Raises:
        OSError: there is not that much space.
    """
    with path.open("r+b") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            if error.errno in _FULL:
                raise
        except AttributeError:  # macOS
            return


def _number(error: BaseException | None, path: Path) -> int | None:
    """Return the system's number of an error, or of what caused it, unless it names a file of another folder."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL | _CLOSED | _BROKEN:
            named = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes | Path) else path
            if error.errno in _FULL or named.parent == path.parent or named in path.parents:
                return error.errno
        elif told := re.search(r"\(os error (\d+)\)", str(error)):  # libraries written in Rust
            return int(told[1])
        error = error.__cause__ or error.__context__
    return None


def _refusal(folder: Path) -> int | None:
    """Return the number of the error with which a folder refuses a few bytes; None when it takes them."""
    probe = folder / f".unfinished-{os.getpid()}-probe"
    try:
        with probe.open("wb") as stream:
            stream.write(bytes(_PROBE_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        return error.errno
    finally:
        probe.unlink(missing_ok=True)
    return None


def _free(folder: Path) -> str:
    return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are free"
