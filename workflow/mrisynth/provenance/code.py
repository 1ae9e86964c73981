"""Code: which version of the workflow and which environment a job ran in."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import mrisynth
from mrisynth.files import sha256_of
from mrisynth.provenance.contents import content_of

WORKFLOW = Path(mrisynth.__file__).resolve().parents[1]
LOCK = "requirements.txt"
_GIT_SECONDS = 20


@cache
def code_version(workflow: Path = WORKFLOW) -> dict[str, Any]:
    """Return the version of the workflow, the git commit and whether files differ from it, and a checksum of the code.

    Outside a git repository of its own the checksum alone identifies the code.

    Args:
        workflow: the folder ``workflow``.

    Returns:
        ``version``; ``sha256`` of the folder's files; in git ``commit`` and ``changed``.
    """
    found = {"version": mrisynth.__version__, "sha256": _sources(workflow)}
    repository, git = workflow.parent, shutil.which("git")
    if git is None or not (repository / ".git").exists():
        return found
    command = [git, "--no-optional-locks", "-C", str(repository), "status", "--porcelain=v2", "--branch"]
    try:
        told = subprocess.run(
            [*command, "--", "workflow", "Snakefile"], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return found
    lines = told.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), None)
    return found | {"commit": commit, "changed": any(not line.startswith("#") for line in lines)}


def environment_file() -> dict[str, str] | None:
    """Return the file that names the packages of this environment, with its checksum; None where there is none.

    Under ``--sdm conda`` that is the rule's file in ``workflow/envs``, otherwise the lock of the project.
    """
    for copy in (Path(f"{sys.prefix}.yaml"), Path(f"{sys.prefix.rstrip('_')}.yaml")):  # Snakemake's, beside it
        if copy.is_file():
            return _declared(sha256_of(copy))
    lock = WORKFLOW.parent / LOCK
    return {"path": LOCK, "sha256": sha256_of(lock)} if lock.is_file() else None


def machine() -> dict[str, str]:
    """Return the kind of machine: system, architecture, processor and, where one was used, GPU; never its name."""
    found = {"system": platform.system(), "architecture": platform.machine(), "processor": _processor()}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def _sources(workflow: Path) -> str:
    content = content_of(workflow)
    return content.sha256 if content else ""


def _declared(sha256: str) -> dict[str, str]:
    for file in sorted((WORKFLOW / "envs").glob("*.yaml")):
        if sha256_of(file) == sha256:
            return {"path": f"workflow/envs/{file.name}", "sha256": sha256}
    return {"path": "an environment that workflow/envs no longer has", "sha256": sha256}


@cache
def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
