"""What control asks for in a study: a condition, its strata and its grid. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mrisynth.errors import ConfigError
from mrisynth.recipes import is_of_slices

_KEY = "evaluation.control"
_STRATA = 3
_AGE = "age"


@dataclass(frozen=True, kw_only=True)
class ControlPlan:
    """What every model of covariates is asked for.

    Attributes:
        condition: whose sources and covariates they are.
        covariates: all of them.
        strata: those whose thirds make strata; empty for no strata.
        grid: the two of the grid of pictures; None where the condition has fewer than two.
    """

    condition: str
    covariates: tuple[str, ...]
    strata: tuple[str, ...]
    grid: tuple[str, str] | None


def control_plan(config: Mapping[str, Any], *, source: str) -> ControlPlan | None:
    """Return the plan of a complete configuration; None where no condition is of covariates.

    Raises:
        ConfigError: ``evaluation.control`` names what is not there, or nobody is left for validation.
    """
    known = {name: one for name, one in config["conditions"].items() if one["kind"] == "covariates"}
    given = config["evaluation"]["control"]
    if given["condition"] is not None and given["condition"] not in known:
        raise ConfigError(
            f"{source}: {_KEY}.condition is {given['condition']}; expected a condition of covariates, of which there "
            f"are: {', '.join(known) or 'none'}."
        )
    if not known:
        return None
    asked = [name for name, one in config["models"].items() if one["condition"] in known and is_of_slices(one)]
    if asked and "control" in config["evaluation"]["metrics"] and not config["cohort"]["validation_fraction"]:
        raise ConfigError(
            f"{source}: cohort.validation_fraction is 0, but control of models.{asked[0]} is measured by networks that "
            "validation participants stop; set it above 0, or leave control out of evaluation.metrics."
        )
    chosen = given["condition"] or max(known, key=lambda name: len(known[name]["sources"]))
    sources = known[chosen]["sources"].values()
    covariates = tuple(dict.fromkeys(name for one in sources for name in one["covariates"]))
    strata = covariates[:_STRATA] if given["strata"] is None else tuple(given["strata"])
    others = [name for name in covariates if name != _AGE]
    shown = (others if len(others) > 1 else list(covariates))[:2]
    grid = tuple(given["grid"] or shown)
    for key, names in (("strata", strata), ("grid", grid)):
        for name in set(names) - set(covariates):
            raise ConfigError(f"{source}: {_KEY}.{key} names {name}; {chosen} has {', '.join(covariates)}.")
    return ControlPlan(condition=chosen, covariates=covariates, strata=strata, grid=grid if len(grid) == 2 else None)
