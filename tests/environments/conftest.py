"""Environments made by Snakemake: by conda where there is one, else by the stand-in of tests/stand_ins/conda."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

STAND_IN = Path(__file__).resolve().parents[1] / "stand_ins" / "conda" / "bin"
TABLE = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def maker() -> str:
    """What makes the environments, in words."""
    conda = shutil.which("conda")
    return f"conda ({conda})" if conda else "the stand-in of tests/stand_ins/conda (no conda here)"


@pytest.fixture(scope="session")
def prefix() -> Iterator[Path]:
    """The folder of all environments; it is gone after the tests, since some take gigabytes."""
    with tempfile.TemporaryDirectory(prefix="mrisynth-environments-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def with_conda(prefix: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run snakemake with ``--sdm conda`` in a folder; it must succeed."""
    places = [str(Path(sys.executable).parent), os.environ["PATH"], str(STAND_IN)]  # a real conda comes first
    variables = os.environ | {"PATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(*words: str, folder: Path) -> subprocess.CompletedProcess:
        command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "1", "--conda-prefix", str(prefix)]
        command += ["--sdm", "conda", *words]
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-8000:]
        return done

    return run


@pytest.fixture(scope="session")
def import_all(with_conda, tmp_path_factory) -> Callable[..., dict]:
    """Make an environment and import all that its rules can import; returns what was found there."""

    def find(environment) -> dict:
        folder = tmp_path_factory.mktemp(environment.name)
        here = Path(__file__).parent
        settings = {
            "environment": str(environment.file),
            "names": sorted({*environment.imports.values(), *environment.modules}),
            "library": str(environment.file.parents[1]),
            "program": str(here / "import_all.py"),
            "result": str(folder / "found.json"),
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        with_conda("--snakefile", str(here / "Snakefile"), "--configfile", "settings.json", folder=folder)
        return json.loads((folder / "found.json").read_text())

    return find


@pytest.fixture(scope="session")
def tell(request) -> Callable[[str], None]:
    """Keep a line for the end of the session."""
    request.config.stash.setdefault(TABLE, [])
    return request.config.stash[TABLE].append


def pytest_terminal_summary(terminalreporter, config) -> None:
    for line in config.stash.get(TABLE, []):
        terminalreporter.write_line(line)
