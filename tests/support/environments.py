"""The environments of the rules, and which rule runs which script in which of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name
from support.reached import WORKFLOW, distribution_of, reached

_RULE = re.compile(r"^(?:rule|checkpoint) (\w+):$", re.MULTILINE)
_ENVIRONMENT = re.compile(r'^    conda:\n        "\.\./envs/(\w+)\.yaml"$', re.MULTILINE)
_SCRIPT = re.compile(r'^    script:\n        "\.\./scripts/(\w+\.py)"$', re.MULTILINE)


@dataclass(frozen=True)
class Environment:
    """Attributes:
    name: of the file.
    file: the YAML file.
    content: what it holds.
    """

    name: str
    file: Path
    content: dict

    @property
    def conda_specs(self) -> list[str]:
        """What conda itself installs."""
        return [entry for entry in self.content["dependencies"] if isinstance(entry, str)]

    @property
    def pip_specs(self) -> list[str]:
        """What pip installs."""
        return [spec for entry in self.content["dependencies"] if isinstance(entry, dict) for spec in entry["pip"]]

    @property
    def pins(self) -> dict[str, str]:
        """Distribution -> version, of what pip installs."""
        return {canonicalize_name(name): version for name, version in (pin.split("==") for pin in self.pip_specs)}

    @property
    def scripts(self) -> list[Path]:
        """The scripts that rules run in it."""
        return [WORKFLOW / "scripts" / rule.script for rule in rules() if rule.environment == self.name]

    @property
    def imports(self) -> dict[str, str]:
        """Distribution -> package as it is imported, of what its scripts reach."""
        return {distribution_of(name): name for script in self.scripts for name in reached(script).imports}

    @property
    def modules(self) -> list[str]:
        """The modules of mrisynth that its scripts reach."""
        return sorted({module for script in self.scripts for module in reached(script).modules})


@dataclass(frozen=True)
class Rule:
    """A rule with a script: its name, and the names of its environment and of its script."""

    name: str
    environment: str
    script: str


@cache
def environments() -> dict[str, Environment]:
    """Name -> environment, of all files of workflow/envs."""
    files = sorted((WORKFLOW / "envs").iterdir())
    return {file.stem: Environment(file.stem, file, yaml.safe_load(file.read_text("utf-8"))) for file in files}


@cache
def rules() -> tuple[Rule, ...]:
    """All rules of workflow/rules; each names one environment and one script."""
    found = []
    for file in sorted((WORKFLOW / "rules").glob("*.smk")):
        _, *pieces = _RULE.split(file.read_text(encoding="utf-8"))
        for name, body in zip(pieces[::2], pieces[1::2], strict=True):
            environment, script = _ENVIRONMENT.findall(body), _SCRIPT.findall(body)
            if len(environment) != 1 or len(script) != 1:
                raise AssertionError(f"rule {name} names {len(environment)} environments and {len(script)} scripts")
            found.append(Rule(name, environment[0], script[0]))
    return tuple(found)
