"""Whole runs of small studies, in a copy of the repository's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def run_snakemake(clean_clone: Path):
    def run(*words: str, seconds: float = 900, folder: Path = clean_clone) -> subprocess.CompletedProcess:
        bin_folder = str(Path(sys.executable).parent)
        return subprocess.run(
            [str(Path(bin_folder) / "snakemake"), *words],
            cwd=folder,
            env=os.environ | {"PATH": bin_folder + os.pathsep + os.environ["PATH"], "MRISYNTH_QUIET": "0"},
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    return run


@pytest.fixture(scope="session")
def tiny_study(run_snakemake, clean_clone: Path) -> Path:
    """The folder of the smallest study, once it has run whole, with progress on the terminal; not to be changed."""
    finished = run_snakemake("--configfile", "tests/config/tiny.yaml", "--quiet", "rules", "host", "reason")
    assert finished.returncode == 0, finished.stderr[-8000:]
    assert "brain extraction" in finished.stderr, "no progress was shown"
    return clean_clone / "studies" / "tiny"
