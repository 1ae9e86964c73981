"""Dry runs of the workflow, from the repository root as a user types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


class Dry:
    """What a command printed, and the jobs that it would run."""

    def __init__(self, finished: subprocess.CompletedProcess) -> None:
        self.returncode = finished.returncode
        self.text = finished.stdout + finished.stderr

    @property
    def jobs(self) -> dict[str, int]:
        table = self.text.split("Job stats:", 1)[-1].split("\n\n", 1)[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


@pytest.fixture
def snakemake(repository: Path):
    def run(*words: str, folder: Path = repository, **environment: str) -> Dry:
        command = [str(Path(sys.executable).with_name("snakemake")), *words]
        bin_folder = str(Path(sys.executable).parent)
        path = bin_folder + os.pathsep + os.environ["PATH"]
        finished = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PATH": path} | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Dry(finished)

    return run
