"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

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
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    clone = tmp_path_factory.mktemp("clone")
    for name in filter(None, names):
        source, target = REPOSITORY / name, clone / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return clone
