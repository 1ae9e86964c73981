"""What candidates are held against: thresholds, and the brightness of structures, both of real images."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrisynth.files import read_json, write_json
from mrisynth.filtering.checks import BrightnessRange
from mrisynth.filtering.decision import Rule, Thresholds


@dataclass(frozen=True, kw_only=True)
class Standards:
    """What candidates of a synthesis are held against.

    Attributes:
        rule: thresholds, and how many candidates are kept.
        brightness: of the structures in real images of the domain that is made.
        facts: what is behind both.
    """

    rule: Rule
    brightness: BrightnessRange
    facts: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write them as JSON."""
        content = {"rule": asdict(self.rule), "brightness": asdict(self.brightness), "facts": self.facts}
        write_json(_without_nan(content), path)

    @classmethod
    def read(cls, path: Path) -> Standards:
        """Read what :meth:`write` wrote."""
        content = read_json(path)
        rule, brightness = content["rule"], content["brightness"]
        thresholds = {name: _tuple(value) for name, value in rule["thresholds"].items()}
        return cls(
            rule=Rule(**rule | {"thresholds": Thresholds(**thresholds), "structures": tuple(rule["structures"])}),
            brightness=BrightnessRange(**{name: _tuple(value) for name, value in brightness.items()}),
            facts=content["facts"],
        )


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _without_nan(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and np.isnan(content) else content


def _tuple(value: Any) -> Any:
    return tuple(np.nan if one is None else one for one in value) if isinstance(value, list) else value
