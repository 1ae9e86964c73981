"""Checksums: what a downloaded file must be, as published or as recorded on the first download."""

from __future__ import annotations

import csv
import fcntl
import hashlib
from pathlib import Path

RECORD = "checksums.tsv"
_STARTS = {  # file name ends with: (position, bytes that stand there)
    ".xls": (0, b"\xd0\xcf\x11\xe0"),
    ".zip": (0, b"PK"),
    ".gz": (0, b"\x1f\x8b"),
    ".tgz": (0, b"\x1f\x8b"),
    ".tar": (257, b"ustar"),
}
_WEB_PAGES = (b"<!doctype html", b"<html", b"<?xml")


def problem_of(path: Path, *, size_bytes: int | None, checksum: str | None, known_as: Path) -> str | None:
    """Say what is wrong with the bytes of a file, or return None.

    Args:
        path: the file.
        size_bytes: the published size; None where there is none.
        checksum: the published ``md5:...`` or ``sha256:...``; without one the record for ``known_as`` counts.
        known_as: the path that the file has or will get.
    """
    found_bytes = path.stat().st_size
    if size_bytes is not None and found_bytes != size_bytes:
        return f"{found_bytes} bytes, expected {size_bytes}"
    expected = checksum or recorded_checksum(known_as)
    if expected is None:
        return "it is empty" if found_bytes == 0 else None
    found = _checksum(path, expected.partition(":")[0])
    if found == expected.lower():
        return None
    where = "" if checksum else f" (of the first download; its line in {known_as.parent / RECORD} may be removed)"
    return f"checksum {found}, expected {expected}{where}"


def wrong_kind(path: Path, *, file_name: str) -> str | None:
    """Say that a file is a web page, or does not start as its name says, or return None.

    A server that answers with its log-in page and calls it a file is caught by this where no checksum is published.
    """
    with path.open("rb") as stream:
        start = stream.read(512)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGES) and not file_name.endswith(
        (".html", ".xml")
    ):
        return "it is a web page, not the file"
    for suffix, (position, expected) in _STARTS.items():
        if file_name.endswith(suffix) and start[position : position + len(expected)] != expected:
            return f"it does not start like a {suffix} file"
    return None


def recorded_checksum(known_as: Path) -> str | None:
    """Return the checksum in ``checksums.tsv`` beside the file, or None."""
    record = known_as.parent / RECORD
    if not record.is_file():
        return None
    with record.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["file_name"] == known_as.name]
    return rows[0]["checksum"] if rows else None


def record_checksum(path: Path, *, known_as: Path, address: str) -> None:
    """Note name, size, SHA-256 and address of a file in ``checksums.tsv`` beside ``known_as``, once."""
    if recorded_checksum(known_as):
        return
    line = "\t".join([known_as.name, str(path.stat().st_size), _checksum(path, "sha256"), address])
    with (known_as.parent / RECORD).open("a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if stream.seek(0, 2) == 0:
            stream.write("file_name\tbytes\tchecksum\taddress\n")
        stream.write(f"{line}\n")


def _checksum(path: Path, kind: str) -> str:
    with path.open("rb") as stream:
        return f"{kind}:{hashlib.file_digest(stream, kind).hexdigest()}"
