"""Downloads: fetched from any of several addresses, resumed, and accepted only with the right size and checksum."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path

import requests

from mrisynth.archives import unpack_tar, unpack_zip
from mrisynth.checksums import problem_of, record_checksum, wrong_kind
from mrisynth.download_table import Download, read_datasets
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, write_json
from mrisynth.plain_text import without_secrets
from mrisynth.progress import Progress

__all__ = ["Download", "fetch", "fetch_dataset", "read_datasets", "unpack_tar", "unpack_zip"]

_LOG = logging.getLogger(__name__)
TRIES = 3
_MEBIBYTE = 2**20
_BLOCK_BYTES = 2**16  # what a broken connection loses at most
_UNPACK = {".tar": unpack_tar, ".tar.gz": unpack_tar, ".tgz": unpack_tar, ".zip": unpack_zip}
_TIMEOUT_S = (30, 60)  # to connect, to wait for the next bytes


class _FailedError(Exception):
    """One try failed; ``again`` tells whether the same address deserves another."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


def fetch(source: Download, target: Path, *, backoff_s: float = 2.0) -> None:
    """Download ``source`` to ``target``, or do nothing when the right file is there already (also offline).

    The bytes go to ``{target}.part``; a later call goes on where a broken one stopped. Each address is tried up to
    three times with growing pauses (``backoff_s`` doubled each time, in seconds), then the next one. The file gets its
    final name only when size and checksum are right.

    Raises:
        MrisynthError: no address gave the right bytes (the message says what each answered and where to put the file
            by hand), the disk is too full, or a file at ``target`` is not the one expected.
    """
    if target.is_file():
        if problem := _problem(source, target, target):
            raise MrisynthError(
                f"{target} is not the expected {source.file_name} ({problem}); remove it and run again."
            )
        _record(source, target, target, "found in place")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    failures = []
    for address in source.addresses:
        for attempt in range(1, TRIES + 1):
            try:
                resumed = _transfer(source, address, part)
                _accept(source, address, part, target, resumed=resumed)
                return
            except _FailedError as error:
                failure = without_secrets(f"{address}: {error}")
                failures.append(failure)
                _LOG.warning("try %d of %d failed: %s", attempt, TRIES, failure)
                if not error.again:
                    break
                if attempt < TRIES:
                    time.sleep(backoff_s * 2 ** (attempt - 1))
    raise MrisynthError(
        f"{source.name}: {source.file_name} could not be downloaded ({'; '.join(dict.fromkeys(failures))}). "
        f"Without a network, get it from {without_secrets(' or '.join(source.addresses))} and put it at {target}."
    )


def fetch_dataset(name: str, *, table: Path, target: Path) -> None:
    """Bring the data set ``name`` of the table of downloads to ``target``.

    A plain file becomes the file ``target``. An archive (``.tar``, ``.tar.gz``, ``.zip``) is kept beside ``target``
    under its own name, so that unpacking again needs no network, and unpacked into the folder ``target``, which gets
    its name only when it is complete.

    Raises:
        MrisynthError: the table has no such name, the download failed, the archive is refused, or the folder
            ``target`` holds something already.
    """
    datasets = read_datasets(table)
    if name not in datasets:
        raise MrisynthError(f"{table} has no row named {name}; it has {', '.join(datasets)}.")
    source = datasets[name]
    unpack = next((unpack for suffix, unpack in _UNPACK.items() if source.file_name.endswith(suffix)), None)
    if unpack is None:
        fetch(source, target)
        return
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise MrisynthError(f"{target} is there already; remove it to unpack {source.file_name} again.")
    archive = target.parent / source.file_name
    fetch(source, archive)
    unfinished = target.with_name(f".unfinished-{target.name}")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    try:
        unpack(archive, unfinished)
        unfinished.replace(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _transfer(source: Download, address: str, part: Path) -> bool:
    """Bring ``part`` to the full length, from where it stopped if the server still has the same file.

    Returns:
        Whether bytes of an earlier try were used.
    """
    notes = part.with_name(f"{part.name}.json")
    start, headers = _resume_point(source, address, part, notes)
    try:
        with requests.get(address, stream=True, timeout=_TIMEOUT_S, headers=headers) as answer:
            _check_answer(source, answer)
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                if answer.headers.get("Content-Range") == f"bytes */{start}":
                    return True  # it was complete
                _discard(part)
                raise _FailedError("the unfinished file was longer than the served one; starting anew", again=True)
            if answer.status_code != requests.codes.partial_content:
                start = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                _discard(part)
                raise _FailedError("the server resumed at another place than asked; starting anew", again=True)
            left = answer.headers.get("Content-Length")
            expected = start + int(left) if left else source.size_bytes
            if expected is None and not source.checksum and answer.headers.get("Transfer-Encoding") != "chunked":
                raise _FailedError(
                    "the server does not say how long the file is, so a cut would go unseen", again=False
                )
            _check_length(source, expected, start, part)
            validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            write_json({"address": address, "validator": validator}, notes)
            _copy(answer, part, start=start, expected=expected, what=source.file_name)
    except requests.RequestException as error:
        raise _FailedError(f"{type(error).__name__} ({_innermost(error)})", again=True) from error
    except OSError as error:
        raise MrisynthError(f"{part} cannot be written ({error.strerror}); mend this and run again.") from error
    if expected is not None and part.stat().st_size != expected:
        raise _FailedError(f"{part.stat().st_size} of {expected} bytes arrived", again=True)
    return start > 0


def _resume_point(source: Download, address: str, part: Path, notes: Path) -> tuple[int, dict[str, str]]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "mrisynth"}
    size = part.stat().st_size if part.is_file() else 0
    past = read_json(notes) if size and notes.is_file() else {}
    same = past.get("address") == address
    validator = past.get("validator") if same else None
    if not size or not (validator or (same and source.checksum)):
        _discard(part)
        return 0, headers
    headers["Range"] = f"bytes={size}-"
    if validator and not validator.startswith("W/"):  # a weak tag cannot promise equal bytes
        headers["If-Range"] = validator
    elif not source.checksum:
        _discard(part)
        del headers["Range"]
        return 0, headers
    return size, headers


def _check_answer(source: Download, answer: requests.Response) -> None:
    status = answer.status_code
    if status == requests.codes.requested_range_not_satisfiable:
        return
    if status not in (requests.codes.ok, requests.codes.partial_content):
        raise _FailedError(f"the server answered {status} {answer.reason}", again=status >= 500 or status in (408, 429))
    kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml") and not source.file_name.endswith((".html", ".htm")):
        raise _FailedError(f"{answer.url} is a web page, not the file", again=False)
    if answer.headers.get("Content-Encoding", "identity") not in ("", "identity"):
        raise _FailedError(f"the server sent the file encoded as {answer.headers['Content-Encoding']}", again=False)


def _check_length(source: Download, expected: int | None, start: int, part: Path) -> None:
    if expected is None:
        return
    if source.size_bytes is not None and expected != source.size_bytes:
        _discard(part)
        raise _FailedError(f"the server has {expected} bytes, {source.size_bytes} were expected", again=False)
    free = shutil.disk_usage(part.parent).free
    if free < expected - start:
        raise MrisynthError(
            f"{part.parent} has {free // _MEBIBYTE} MiB free, but {source.file_name} needs "
            f"{(expected - start) // _MEBIBYTE + 1} MiB more; free some space or give another folder."
        )


def _copy(answer: requests.Response, part: Path, *, start: int, expected: int | None, what: str) -> None:
    progress = Progress(f"{what} (MiB)", (expected or 0) // _MEBIBYTE + 1)
    progress.advance(start // _MEBIBYTE)
    with part.open("ab" if start else "wb") as stream:
        written = start
        for block in answer.iter_content(_BLOCK_BYTES):
            stream.write(block)
            before, written = written, written + len(block)
            if expected is not None and written > expected:
                raise _FailedError(f"more than {expected} bytes arrived", again=True)
            if expected is not None:
                progress.advance(written // _MEBIBYTE - before // _MEBIBYTE)
    progress.advance(progress.total - progress.done)


def _accept(source: Download, address: str, part: Path, target: Path, *, resumed: bool) -> None:
    if problem := _problem(source, part, target):
        _discard(part)
        raise _FailedError(f"{problem}; the bytes were thrown away", again=resumed)
    _record(source, part, target, address)
    part.replace(target)
    _discard(part)


def _problem(source: Download, path: Path, target: Path) -> str | None:
    problem = problem_of(path, size_bytes=source.size_bytes, checksum=source.checksum, known_as=target)
    if problem or source.checksum is None:
        return wrong_kind(path, file_name=source.file_name) or problem
    return None


def _record(source: Download, path: Path, target: Path, address: str) -> None:
    if source.checksum is None:
        record_checksum(path, known_as=target, address=without_secrets(address))


def _discard(part: Path) -> None:
    for path in (part, part.with_name(f"{part.name}.json")):
        with suppress(FileNotFoundError):
            path.unlink()


def _innermost(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return str(error).splitlines()[0] if str(error) else type(error).__name__
