"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
COMPUTED = {".git", ".venv", ".snakemake", ".pytest_cache", ".ruff_cache", "__pycache__", "results", "studies"}

os.environ.setdefault("MRISYNTH_QUIET", "1")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans beside the repository; the test is skipped, and says so, without it."""
    folder = Path(os.environ.get("MRISYNTH_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real scans: {folder} is not there (set MRISYNTH_REAL_DATA to the folder)")
    return folder


@pytest.fixture(scope="session")
def clean_clone(tmp_path_factory) -> Path:
    """The files of the repository in a folder of their own, as a clone has them: nothing computed, nothing downloaded."""
    clone = tmp_path_factory.mktemp("clone") / "mrisynth"

    def computed(folder: str, names: list[str]) -> list[str]:
        if Path(folder) == REPOSITORY / "resources":
            return [name for name in names if (REPOSITORY / "resources" / name).is_dir()]
        return [name for name in names if name in COMPUTED]

    shutil.copytree(REPOSITORY, clone, symlinks=True, ignore=computed)
    return clone
