"""A copy of the repository in which a test runs snakemake, disturbs it, and looks at what it leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mrisynth.drivers import started
from mrisynth.files import sha256_of

TINY = ("--configfile", "tests/config/tiny.yaml", "--quiet", "rules", "host", "reason")
NOT_COMPARED = ("logs", "benchmarks", "provenance", "events", "cache", "speed.tsv", ".snakemake_timestamp")
NOT_COMPARED += ("ro-crate-metadata.json",)  # it has the checksums of those
_TIMES = re.compile(r"seconds|hours|_s$|date|written|created")


class Clone:
    """Attributes:
    folder: of the copy.
    terminal: what a snakemake that was started printed.
    """

    def __init__(self, folder: Path, source: Path) -> None:
        for name in ("Snakefile", "config", "profiles", "resources", "workflow", "tests/config"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (source / name).is_dir() else shutil.copyfile
            copy(source / name, target)
        self.folder, self.terminal = folder, folder / "terminal.txt"

    def run(self, *words: str, seconds: float = 1800, **environment: str) -> subprocess.CompletedProcess:
        """Run snakemake to its end."""
        return subprocess.run(
            self._command(words), cwd=self.folder, env=self._environment(environment), capture_output=True, text=True,
            timeout=seconds,
        )  # fmt: skip

    def start(self, *words: str, **environment: str) -> subprocess.Popen:
        """Start snakemake; it is to be killed."""
        with self.terminal.open("w") as stream:
            return subprocess.Popen(
                self._command(words), cwd=self.folder, env=self._environment(environment), stdout=stream, stderr=stream
            )

    def jobs(self) -> list[int]:
        """The numbers of the processes that run a rule's script of this clone, without those that they started."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(self.folder / ".snakemake" / "scripts").encode() in b" ".join(words) and started(int(folder.name)):
                found[int(folder.name)] = _parent(folder)
        return [pid for pid, parent in found.items() if parent not in found]

    def signal_jobs(self, number: signal.Signals) -> None:
        """Send a signal to every job, such as SIGSTOP, which holds it where it is, and SIGCONT."""
        for pid in self.jobs():
            os.kill(pid, number)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [str(Path(sys.executable).with_name("snakemake")), *words]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
        return os.environ | {"PATH": path, "MRISYNTH_QUIET": "0", "OMP_NUM_THREADS": "1"} | more


def _parent(process: Path) -> int:
    """The number of the process that started a process of /proc; 0 once it has ended."""
    try:
        return int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def wait_until(true: Callable[[], object], *, seconds: float = 900) -> None:
    """Wait for something to become true.

    Raises:
        AssertionError: it did not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def tree(folder: Path) -> dict[str, str]:
    """Relative path -> what is compared of each output of a study: its bytes, without the times that some tables hold."""
    return {
        path.relative_to(folder).as_posix(): content(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(folder).parts) & set(NOT_COMPARED) and path.name[0] != "."
    }


def content(path: Path) -> str:
    """The SHA-256 of a file, or the text of a table or JSON without times."""
    if path.suffix == ".json":
        return json.dumps(_timeless(json.loads(path.read_text())), sort_keys=True)
    if path.suffix == ".tsv":
        lines = [line.split("\t") for line in path.read_text().splitlines()]
        kept = [place for place, name in enumerate(lines[0]) if not _TIMES.search(name)] if lines else []
        return "\n".join("\t".join(line[place] for place in kept if place < len(line)) for line in lines)
    return sha256_of(path)


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(entry) for key, entry in value.items() if not _TIMES.search(key)}
    return [_timeless(entry) for entry in value] if isinstance(value, list) else value
