"""The rules of the house that a machine can check: sizes of files, directions of imports, descriptions."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

LIBRARY = Path(__file__).resolve().parents[2] / "workflow" / "mrisynth"
WORKFLOW = LIBRARY.parent
CHEAP = (
    "errors",
    "seeds",
    "files",
    "progress",
    "joblog",
    "recipes",
    "configuration",
    "study",
    "cohorts.listing",
    "feature_weights",
)


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return found | {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}


@pytest.mark.parametrize(("pattern", "limit"), [("mrisynth/**/*.py", 300), ("rules/*.smk", 150), ("scripts/*.py", 40)])
def test_rooms_are_small(pattern, limit):
    files = list(WORKFLOW.glob(pattern))
    assert files
    assert {str(path): lines(path) for path in files if lines(path) > limit} == {}


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("networks", ("mrisynth.models", "mrisynth.training", "mrisynth.metrics")),
        (
            "models",
            ("mrisynth.metrics", "mrisynth.embedding", "mrisynth.imaging", "mrisynth.cohorts", "mrisynth.datasets"),
        ),
        (
            "models",
            tuple(f"mrisynth.training.{part}" for part in ("chunk", "loop", "state", "start", "export", "batches")),
        ),
        ("metrics", ("mrisynth.models", "mrisynth.networks", "mrisynth.training", "mrisynth.sampling")),
        ("imaging", ("mrisynth.models", "mrisynth.training", "mrisynth.metrics", "mrisynth.cohorts")),
        ("training", ("mrisynth.models.hagan", "mrisynth.models.wgp_hagan", "mrisynth.metrics", "mrisynth.imaging")),
        (".", ("snakemake",)),
    ],
)
def test_imports_point_one_way(room, forbidden):
    wrong = [
        f"{path.relative_to(LIBRARY)} imports {name}"
        for path in (LIBRARY / room).glob("**/*.py")
        for name in imports(path)
        if name.startswith(forbidden)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("room", "known", "may"),
    [
        ("training", "mrisynth.models", {"mrisynth.models", "mrisynth.models.interface"}),
        ("networks", "mrisynth", {"mrisynth.networks", "mrisynth.diffusion", "mrisynth.errors", "mrisynth.files"}),
        ("diffusion", "mrisynth", {"mrisynth.diffusion"}),
        (
            "models",
            "mrisynth",
            {
                "mrisynth.models",
                "mrisynth.networks",
                "mrisynth.diffusion",
                "mrisynth.training",
                "mrisynth.errors",
                "mrisynth.recipes",
                "mrisynth.seeds",
            },
        ),
    ],
)
def test_rooms_know_of_others_no_more_than_they_may(room, known, may):
    """Training knows models by their interface and by name alone; families rest on networks and training."""
    exact = room == "training"
    wrong = [
        f"{path.relative_to(LIBRARY)} imports {name}"
        for path in (LIBRARY / room).glob("**/*.py")
        for name in imports(path)
        if name.startswith(known)
        and not (name in may if exact else any(f"{name}.".startswith(f"{one}.") for one in may))
    ]
    assert wrong == []


def test_what_every_parse_imports_is_cheap():
    """The Snakefile is parsed once per cluster job: nothing that it imports may load pandas, numpy's heavy friends or torch."""
    modules = ", ".join(f"mrisynth.{name}" for name in CHEAP if name != "seeds")
    code = f"import sys; import {modules}; print(sorted({{'torch', 'pandas', 'ants', 'nibabel', 'umap'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=WORKFLOW, check=True)
    assert found.stdout.strip() == "[]"


def test_every_rule_has_a_docstring_a_log_an_environment_and_limits():
    for path in (WORKFLOW / "rules").glob("*.smk"):
        for block in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            name = block.split(":", 1)[0]
            assert re.match(r'\w+:\n    """', block), f"{name} has no docstring"
            for directive in ("log:", "conda:"):
                assert f"    {directive}" in block, f"{name} has no {directive}"
            assert "localrule: True" in block or ("mem=" in block and "runtime=" in block), f"{name} has no limits"


def test_every_script_is_used_and_every_used_script_exists():
    used = {
        name
        for path in (WORKFLOW / "rules").glob("*.smk")
        for name in re.findall(r'"\.\./scripts/(\w+\.py)"', path.read_text())
    }
    assert used == {path.name for path in (WORKFLOW / "scripts").glob("*.py")}


def test_every_config_key_stands_in_the_readme():
    schema = yaml.safe_load((WORKFLOW / "schemas" / "config.schema.yaml").read_text())
    readme = (WORKFLOW.parent / "config" / "README.md").read_text()
    missing = []

    def walk(node: dict) -> None:
        for name, entry in node.get("properties", {}).items():
            if f"`{name}`" not in readme and f".{name}`" not in readme:
                missing.append(name)
            walk(entry)
        if isinstance(node.get("additionalProperties"), dict):
            walk(node["additionalProperties"])

    walk(schema)
    for recipe in schema["$defs"]["recipes"].values():
        walk(recipe)
    assert missing == []


def stated(text: str) -> object:
    """The default that a cell of the README states."""
    try:
        return yaml.safe_load(text.replace("`", "").split(" (")[0].split(": ")[0])
    except yaml.YAMLError:
        return text


def recipe_rows(readme: str) -> Iterator[tuple[list[str], str, list[str]]]:
    """Families, key and cells of every row of the tables whose columns are families."""
    for table in re.split(r"\n\n", readme):
        lines = table.splitlines()
        families = re.findall(r"`(\w+)`", lines[0]) if lines and lines[0].startswith("| key | meaning | `") else []
        for line in lines[2:] if families else ():
            key, *_, cells = re.match(rf"^\| `(\w+)` \|(.*?)((?:\| [^|]+ ){{{len(families)}}})\|$", line).groups()
            yield families, key, [cell.strip() for cell in cells.split("|")[1:]]


def test_the_readme_states_the_defaults_of_the_schema():
    schema = yaml.safe_load((WORKFLOW / "schemas" / "config.schema.yaml").read_text())
    readme = (WORKFLOW.parent / "config" / "README.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \|.*\| *([^|]+?) *\|$", readme, re.MULTILINE)
    wrong, compared = [], 0

    def walk(node: dict, where: str) -> None:
        nonlocal compared
        for name, entry in node.get("properties", {}).items():
            default, found = entry.get("default"), [stated(text) for key, text in rows if key.split(".")[-1] == name]
            whole = default == entry.get("items", {}).get("enum") and "all" in found
            compared += default not in (None, {})
            if default not in (None, {}) and default not in found and not whole:
                wrong.append(f"{where}{name}: {default} in the schema, {found} in the README")
            walk(entry, f"{where}{name}.")
        if isinstance(node.get("additionalProperties"), dict):
            walk(node["additionalProperties"], f"{where}NAME.")

    walk(schema, "")
    for families, key, defaults in recipe_rows(readme):
        for family, text in zip(families, defaults, strict=True):
            entry = schema["$defs"]["recipes"][family]["properties"].get(key, {})
            compared += "default" in entry
            if "default" in entry and stated(text) != entry["default"]:
                wrong.append(f"{family}.{key}: {entry['default']} in the schema, {text} in the README")
    assert wrong == [] and compared > 150
