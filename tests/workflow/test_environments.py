"""The environments of the rules: strict pins, those of the lock, and all that a rule's script can import and no more."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.environments import Environment, environments, rules
from support.reached import WORKFLOW, distribution_of, imported_names, reached

CONDA_SPEC = re.compile(r"[a-z0-9][a-z0-9_.-]* ==\d+(\.\d+)+")
FOR_GPUS = ("nvidia-", "cuda-", "triton")  # PyTorch's wheel for GPUs pins these itself

every_environment = pytest.mark.parametrize("environment", environments().values(), ids=lambda one: one.name)


@pytest.fixture(scope="module")
def lock() -> dict[str, str]:
    lines = (WORKFLOW.parent / "requirements.txt").read_text().split()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


@every_environment
def test_an_environment_is_strict(environment: Environment):
    """A short file of two keys: packages of conda by name and full version, packages of pip by public versions."""
    assert environment.file.suffix == ".yaml"
    assert set(environment.content) == {"channels", "dependencies"}
    assert environment.content["channels"] == ["conda-forge", "nodefaults"]
    assert [entry for entry in environment.content["dependencies"] if not isinstance(entry, str | dict)] == []
    assert [spec for spec in environment.conda_specs if not CONDA_SPEC.fullmatch(spec)] == []
    assert [spec.split(" ")[0] for spec in environment.conda_specs] == ["python", "pip"]
    for pin in environment.pip_specs:
        requirement = Requirement(pin)
        (exact,) = requirement.specifier
        assert exact.operator == "==" and not requirement.extras and not requirement.url and not requirement.marker, pin
        assert Version(exact.version).local is None and str(Version(exact.version)) == exact.version, pin
    assert environment.pip_specs == sorted(environment.pip_specs, key=str.lower)
    assert len(environment.pins) == len(environment.pip_specs)


def test_all_environments_have_the_same_python():
    assert len({spec for environment in environments().values() for spec in environment.conda_specs}) == 2


@every_environment
def test_pins_are_those_of_the_lock(environment: Environment, lock):
    assert {name: version for name, version in environment.pins.items() if lock.get(name) != version} == {}


def test_the_lock_is_whole_and_fits_together(lock):
    """What a locked package needs is locked, in a version that it accepts: so the pins of each environment fit, too."""
    wrong, seen, waiting = [], set(), [(name, "") for name in lock]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in lock:
            continue
        seen.add((name, extra))
        for text in importlib.metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker and not need.marker.evaluate({"extra": extra}):
                continue
            needed = canonicalize_name(need.name)
            if not (needed in lock and need.specifier.contains(lock[needed])) and not needed.startswith(FOR_GPUS):
                wrong.append(f"{name} {lock[name]} needs {text}, the lock has {lock.get(needed, 'none')}")
            waiting += [(needed, wanted) for wanted in need.extras]
    assert wrong == []


def test_what_is_installed_here_is_what_the_lock_says(lock):
    installed = {name: Version(importlib.metadata.version(name)).public for name in lock}
    assert {name: version for name, version in installed.items() if Version(version) != Version(lock[name])} == {}


@pytest.mark.parametrize("rule", rules(), ids=lambda one: one.name)
def test_what_a_script_can_import_is_declared(rule):
    found = reached(WORKFLOW / "scripts" / rule.script)
    pins = environments()[rule.environment].pins
    missing = {distribution_of(name): way for name, way in found.imports.items() if distribution_of(name) not in pins}
    assert missing == {}, f"workflow/envs/{rule.environment}.yaml lacks what rule {rule.name} can import"


@every_environment
def test_nothing_is_declared_that_no_script_can_import(environment: Environment):
    assert environment.scripts, f"no rule uses {environment.file}"
    assert set(environment.pins) - set(environment.imports) == set()


def test_the_walk_sees_every_kind_of_import(tmp_path: Path):
    """Inside functions, under another name, by `import_module`, as a program, through packages; not for types alone."""
    script = tmp_path / "script.py"
    script.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import umap\n"
        "def late():\n    import PIL.Image as image\n    from mrisynth.imaging import greedy\n"
        "command = ['python', '-m', 'mrisynth.training_ranks', 'job.json']\n"
    )
    found = reached(script)
    assert "umap" not in found.imports
    assert "PIL" in found.imports
    assert found.imports["picsl_greedy"].startswith("script.py > mrisynth.imaging.greedy > picsl_greedy")
    assert "lightning_fabric" in found.imports
    families = imported_names(WORKFLOW / "mrisynth" / "models" / "__init__.py")
    assert "mrisynth.models.*" in families
    assert "mrisynth.models.hagan" in reached(WORKFLOW / "scripts" / "train_chunk.py").modules


def test_a_distribution_may_have_another_name_than_its_import():
    assert [distribution_of(name) for name in ("sklearn", "PIL", "umap", "picsl_greedy")] == [
        "scikit-learn", "pillow", "umap-learn", "picsl-greedy",
    ]  # fmt: skip


@pytest.mark.workflow
def test_the_container_recipe_is_what_snakemake_writes_now(snakemake, clean_clone: Path):
    """It needs a conda that answers, or the stand-in; `make Containerfile` mends it."""
    stand_in = clean_clone / "tests" / "stand_ins" / "conda" / "bin"
    places = (str(Path(sys.executable).parent), os.environ["PATH"], str(stand_in))
    written = snakemake("--containerize", folder=clean_clone, PATH=os.pathsep.join(places))
    assert written.returncode == 0, written.text
    assert written.text.startswith((clean_clone / "Containerfile").read_text())
