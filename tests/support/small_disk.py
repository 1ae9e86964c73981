"""A disk that is full: a small file system where one can be mounted, and a limit on the size of files anywhere."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A file system of 1 MB in memory.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path, *, kilobytes: int = 1024) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder))

    def resize(self, kilobytes: int) -> None:
        """Free space, or take it."""
        self._mount("-o", f"remount,size={kilobytes}k", str(self.folder))

    def close_for_writing(self) -> None:
        """Make it read-only."""
        self._mount("-o", "remount,ro", str(self.folder))

    def remove(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)  # an error may hold a file

    def _mount(self, *words: str) -> None:
        if shutil.which("mount") is None:
            pytest.skip("there is no mount command")
        done = subprocess.run(["mount", *words], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small file system cannot be mounted by this user: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, *, kilobytes: int = 1024) -> Iterator[SmallDisk]:
    """A small file system for the time of a test; the test is skipped, and says so, where none can be mounted."""
    disk = SmallDisk(folder, kilobytes=kilobytes)
    try:
        yield disk
    finally:
        disk.remove()


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file of this process can grow beyond ``limit`` bytes, as with a quota; nothing needs to be mounted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
