"""Contents: the SHA-256 of files and folders, remembered for large ones so that no job reads them all again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mrisynth.files import UNFINISHED, sha256_of, write_json

MEMORY = Path(".snakemake", "mrisynth", "contents")
"""Where checksums of large contents are remembered: in Snakemake's own folder, outside every study."""
REMEMBERED_BYTES = 16 * 2**20
LEFT_OUT = ("events", "speed.tsv", "__pycache__", ".snakemake_timestamp")
"""Names in a folder that do not count: TensorBoard's events and speeds, which hold times; caches; Snakemake's mark."""
_SETTLED_S = 2.0  # a younger file may yet change within one tick of its time
_here: dict[str, tuple[str, Content]] = {}  # of this process


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a path holds.

    Attributes:
        sha256: of the bytes of a file; of a folder, of the lines ``sha256  relative/path`` of its files in the order
            of these paths.
        bytes: size, of a folder of all its files together.
        files: number of files of a folder, None for a file.
    """

    sha256: str
    bytes: int
    files: int | None = None

    def described(self) -> dict[str, str | int]:
        """Return the facts as a dictionary; ``files`` for folders alone."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def content_of(path: str | Path, *, memory: Path = MEMORY) -> Content | None:
    """Return what a file or folder holds, or None where there is nothing.

    A content of at least 16 MiB is remembered with sizes, times of change and inode numbers, and read again only when
    one of these has changed; within a process, so is a smaller one that has not just been written.

    Args:
        path: file or folder.
        memory: folder of what is remembered; what cannot be kept there is computed again.
    """
    path = Path(path)
    parts = sorted(_members(path)) if path.is_dir() else [("", path)]
    try:
        stats = [(name, part, part.stat()) for name, part in parts]
    except OSError:
        return None
    lines = [f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}\t{stat.st_ino}" for name, _, stat in stats]
    seen = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = str(path.absolute())
    if key in _here and _here[key][0] == seen:
        return _here[key][1]
    if sum(stat.st_size for _, _, stat in stats) >= REMEMBERED_BYTES:
        entry = memory / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
        if (content := _recall(entry, seen)) is None:
            content = _read(path, stats)
            with suppress(OSError):
                write_json({"seen": seen, "content": asdict(content)}, entry)
    else:
        content = _read(path, stats)
    if time.time() - max((stat.st_mtime for _, _, stat in stats), default=0.0) > _SETTLED_S:
        _here[key] = (seen, content)
    return content


def _members(folder: Path) -> Iterator[tuple[str, Path]]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        for name in names:
            path = Path(root, name)
            if name not in LEFT_OUT and not name.startswith(UNFINISHED) and path.is_file():
                yield path.relative_to(folder).as_posix(), path


def _read(path: Path, stats: list[tuple[str, Path, os.stat_result]]) -> Content:
    size = sum(stat.st_size for _, _, stat in stats)
    if not path.is_dir():
        return Content(sha256=sha256_of(path), bytes=size)
    lines = hashlib.sha256()
    for name, part, _ in stats:
        lines.update(f"{sha256_of(part)}  {name}\n".encode())
    return Content(sha256=lines.hexdigest(), bytes=size, files=len(stats))


def _recall(entry: Path, seen: str) -> Content | None:
    with suppress(OSError, json.JSONDecodeError, KeyError, TypeError):
        found = json.loads(entry.read_text())
        return Content(**found["content"]) if found["seen"] == seen else None
    return None
