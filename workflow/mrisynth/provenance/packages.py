"""Packages: the versions of what a job really imported, not of all that is installed."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from mrisynth.files import write_json

MEMORY = Path(".snakemake", "mrisynth", "packages")
"""Where the owners of modules are remembered, by the folder that they are installed in."""
_OURS = frozenset(("mrisynth", "__main__", "__mp_main__"))
_elsewhere: dict[str, str | None] = {}


def loaded_modules() -> dict[str, str | None]:
    """Return the top-level modules that this process has loaded from files, each with the folder it stands in."""
    found = {}
    for name, module in list(sys.modules.items()):
        if "." in name or name in sys.stdlib_module_names or name in _OURS:
            continue
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
        if file:
            path = Path(file)
            found[name] = str(path.parent.parent if path.stem == "__init__" else path.parent)
    return found


def note_modules(modules: Iterable[tuple[str, str | None]]) -> None:
    """Count modules that a child process of the job has loaded as loaded."""
    _elsewhere.update(modules)


def imported_packages(*, memory: Path = MEMORY) -> dict[str, str]:
    """Return the version of every distribution of which a module is loaded, here or in a child, and of Python.

    Args:
        memory: folder where the owners of modules are remembered until the folder of the packages changes.
    """
    modules = _elsewhere | loaded_modules()
    found = {"python": platform.python_version()}
    for folder in sorted({folder for folder in modules.values() if folder}):
        owners = _owners(Path(folder), memory)
        for name in (name for name, stands_in in modules.items() if stands_in == folder):
            found.update(dict(owners.get(name, ())))
    return dict(sorted(found.items()))


def _owners(folder: Path, memory: Path) -> dict[str, list[list[str]]]:
    """Return module -> [[distribution, version]] of a folder of packages."""
    try:
        seen = folder.stat().st_mtime_ns
    except OSError:
        return {}
    entry = memory / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:32]}.json"
    with suppress(OSError, json.JSONDecodeError, KeyError, TypeError):
        known = json.loads(entry.read_text())
        if known["seen"] == seen:
            return known["owners"]
    owners = _read_owners(folder)
    with suppress(OSError):
        write_json({"seen": seen, "owners": owners}, entry)
    return owners


def _read_owners(folder: Path) -> dict[str, list[list[str]]]:
    owners: dict[str, list[list[str]]] = {}
    for distribution in distributions(path=[str(folder)]):
        package = [distribution.metadata["Name"].lower().replace("_", "-"), distribution.version]
        stated = (distribution.read_text("top_level.txt") or "").split()
        roots = {file.parts[0] for file in distribution.files or () if file.suffix in (".py", ".so")}
        for name in {*stated, *(root.split(".")[0] for root in roots)}:
            owners.setdefault(name, []).append(package)
    return owners
