"""Whole runs of small studies, in a copy of the repository's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def run_snakemake(clean_clone: Path):
    def run(*words: str, seconds: float = 900) -> subprocess.CompletedProcess:
        bin_folder = str(Path(sys.executable).parent)
        return subprocess.run(
            [str(Path(bin_folder) / "snakemake"), *words],
            cwd=clean_clone,
            env=os.environ | {"PATH": bin_folder + os.pathsep + os.environ["PATH"], "MRISYNTH_QUIET": "0"},
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    return run
