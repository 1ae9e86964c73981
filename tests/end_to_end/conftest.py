"""Whole runs of small studies, in a copy of the repository's files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.clean_machine import SECRETS, without_network


@pytest.fixture(scope="session")
def run_snakemake(clean_clone: Path):
    def run(
        *words: str, seconds: float = 900, folder: Path = clean_clone, before: Sequence[str] = (), **variables: str
    ) -> subprocess.CompletedProcess:
        bin_folder = str(Path(sys.executable).parent)
        path = bin_folder + os.pathsep + os.environ["PATH"]
        return subprocess.run(
            [*before, str(Path(bin_folder) / "snakemake"), *words],
            cwd=folder,
            env=os.environ | {"PATH": path, "MRISYNTH_QUIET": "0"} | variables,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    return run


@pytest.fixture(scope="session")
def tiny_run(run_snakemake, tmp_path_factory) -> subprocess.CompletedProcess:
    """The smallest study, run whole on a clean machine (no network, no GPU, an empty home) with secrets around."""
    home, scratch = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("no_network")
    before, variables, _ = without_network(scratch)
    variables |= SECRETS | {"HOME": str(home), "CUDA_VISIBLE_DEVICES": ""}
    words = ("--configfile", "tests/config/tiny.yaml", "--quiet", "rules", "host", "reason")
    return run_snakemake(*words, before=before, **variables)


@pytest.fixture(scope="session")
def tiny_study(tiny_run, clean_clone: Path) -> Path:
    """The folder of the smallest study, once it has run whole, with progress on the terminal; not to be changed."""
    assert tiny_run.returncode == 0, tiny_run.stderr[-8000:]
    assert "brain extraction" in tiny_run.stderr, "no progress was shown"
    return clean_clone / "studies" / "tiny"
