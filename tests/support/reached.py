"""What a script can come to import, found without running it: by way of the modules of mrisynth, inside functions too."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.utils import canonicalize_name

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
_PROGRAM = re.compile(r"mrisynth(\.\w+)+")
GIVEN = "snakemake"  # Snakemake hands its own package to every script


@dataclass(frozen=True)
class Reached:
    """Attributes:
    imports: third-party package as it is imported -> the way from the script to it.
    modules: the modules of mrisynth on the way.
    """

    imports: dict[str, str]
    modules: tuple[str, ...]


@cache
def reached(script: Path) -> Reached:
    """Walk from a script through every module of mrisynth that it imports, or starts as a program."""
    imports, ways = {}, {}
    waiting = [(script, script.name)]
    while waiting:
        file, way = waiting.pop(0)
        for name in imported_names(file):
            top = name.split(".")[0]
            if top == "mrisynth":
                for module in modules_of(name):
                    if module not in ways:
                        ways[module] = f"{way} > {module}"
                        waiting.append((module_file(module), ways[module]))
            elif top not in sys.stdlib_module_names and top != GIVEN:
                imports.setdefault(top, f"{way} > {name}")
    return Reached(imports, tuple(sorted(ways)))


@cache
def imported_names(file: Path) -> tuple[str, ...]:
    """Names of modules that a file imports anywhere, but for its types alone; `from a import b` may mean a module a.b."""
    return tuple(_names(ast.parse(file.read_text(encoding="utf-8"))))


def modules_of(name: str) -> list[str]:
    """The modules that Python runs for a dotted name of mrisynth: the packages above it, and itself if it is one."""
    parts = name.split(".")
    above = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    if parts[-1] == "*":
        found = [file.stem for file in (WORKFLOW / Path(*parts[:-1])).glob("*.py")]
        above += [".".join([*parts[:-1], stem]) for stem in found if stem != "__init__"]
    return [module for module in above if module_file(module)]


def module_file(module: str) -> Path | None:
    """The file of a module of mrisynth; None where there is no such module."""
    place = WORKFLOW.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


@cache
def distribution_of(name: str) -> str:
    """Name of the distribution that holds an importable package, as indices write it."""
    found = set(_distributions().get(name, [name]))
    if len(found) != 1:
        raise AssertionError(f"{name} belongs to more than one distribution: {', '.join(sorted(found))}.")
    return canonicalize_name(importlib.metadata.distribution(found.pop()).metadata["Name"])


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def _names(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for other in child.orelse:
                    yield from _names(other)
                continue
            case ast.Import():
                yield from (alias.name for alias in child.names)
            case ast.ImportFrom():
                if child.level:
                    raise AssertionError(f"a relative import: {ast.unparse(child)}")
                yield child.module
                yield from (f"{child.module}.{alias.name}" for alias in child.names if alias.name != "*")
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.JoinedStr(values=[ast.Constant(value=start), *_])],
            ):
                yield f"{start}*"  # any module of a package, by its name
            case ast.Constant(value=str(text)) if _PROGRAM.fullmatch(text) and module_file(text):
                yield text  # `python -m mrisynth.training_ranks`
        yield from _names(child)
