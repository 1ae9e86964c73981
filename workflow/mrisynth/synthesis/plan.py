"""The plans of a configuration's ``synthesis``: which model makes images for which masks, and who judges them.

Cheap to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from mrisynth.errors import ConfigError
from mrisynth.recipes import ModelRecipe

FAMILY = "mrgen"
SMALLEST_SIZE = 16
"""Edge of images that the filter's segmenter takes."""

_TISSUES = ("csf", "grey", "white")
_MADE_OF_IT = ("categorical", "covariates")


@dataclass(frozen=True, kw_only=True)
class SynthesisPlan:
    """One entry of ``synthesis``; attributes are its keys.

    Attributes:
        name: of the entry.
        model: of the family ``mrgen``.
        condition: what every image is told, by column; what is left out is drawn.
        guidance: how far images go in the direction of what they are told; None for as far as the model's samples.
        masks: masks that images are made for, at most.
        tries: candidates for each mask.
        kept: candidates kept of a mask, at most.
        best: so many candidates of a mask, the first by overlap, are held against the thresholds.
        lowered_by: what thresholds are lowered by for a mask of which fewer pass; 0 for never.
        smallest_share: share of the foreground that a mask must have more of.
        per_shard: masks that one job makes candidates for.
        scorer: ``segmenter``, ``atropos`` or ``sam2``.
        thresholds: ``calibrated`` or ``published``.
        percentile: of the scores of held-out real images, at which calibrated thresholds lie.
        tissues: class of the masks -> tissue, for ``atropos``.
        sam2_folder: of the published model, for ``sam2``.
    """

    name: str
    model: str
    condition: dict[str, Any]
    guidance: float | None
    masks: int
    tries: int
    kept: int
    best: int
    lowered_by: float
    smallest_share: float
    per_shard: int
    scorer: str
    thresholds: str
    percentile: float
    tissues: dict[str, str]
    sam2_folder: str | None

    def shards(self) -> list[str]:
        """Return the names of the jobs that share the making of candidates."""
        return [f"{shard:03d}" for shard in range(ceil(self.masks / self.per_shard))]

    def shard_rows(self, shard: str) -> slice:
        """Return which of the chosen masks a job makes candidates for."""
        first = int(shard) * self.per_shard
        return slice(first, min(first + self.per_shard, self.masks))


def plans_of(config: Mapping[str, Any]) -> dict[str, SynthesisPlan]:
    """Return the plans of a complete configuration by their names."""
    return {name: SynthesisPlan(name=name, **entry) for name, entry in config["synthesis"].items()}


def check_synthesis(config: Mapping[str, Any], models: Mapping[str, ModelRecipe], *, source: str) -> None:
    """Check the plans of a complete configuration.

    Args:
        config: the configuration.
        models: recipes of all its models.
        source: the file it came from, named in errors.

    Raises:
        ConfigError: a plan names no model that masks steer, its condition has a column that the model is not told, the
            study has no masks, or the scorer lacks what it needs.
    """
    for name, plan in plans_of(config).items():
        at = f"{source}: synthesis.{name}"
        known = ", ".join(other for other, recipe in models.items() if recipe.family == FAMILY) or "none"
        if plan.model not in models or models[plan.model].family != FAMILY:
            raise ConfigError(
                f"{at}.model is {plan.model}; expected a model of family {FAMILY}, of which there is {known}."
            )
        recipe = models[plan.model]
        if not config["masks"]["classes"]:
            raise ConfigError(
                f"{at} makes images for masks, but masks.classes is empty; name the classes of the masks."
            )
        if recipe.only is not None or recipe.size < SMALLEST_SIZE:
            raise ConfigError(
                f"{at}.model: {plan.model} is of size {recipe.size}"
                f"{f' and of class {recipe.only} alone' if recipe.only is not None else ''}; expected a model of all "
                f"classes at size {SMALLEST_SIZE} or more, since the filter's segmenter halves images four times."
            )
        if plan.kept > plan.tries or plan.kept > plan.best:
            raise ConfigError(
                f"{at}.kept is {plan.kept} of {plan.tries} tries, of which the best {plan.best} are looked at; "
                "expected no more than either."
            )
        _check_condition(plan, config["conditions"].get(recipe.condition, {"kind": "none"}), recipe, at=at)
        _check_scorer(plan, list(config["masks"]["classes"]), recipe, at=at)


def _check_condition(plan: SynthesisPlan, told: Mapping[str, Any], recipe: ModelRecipe, *, at: str) -> None:
    columns: Sequence[str] = []
    if told["kind"] == "categorical":
        columns = told["columns"]
    elif told["kind"] == "covariates":
        columns = ["source", *dict.fromkeys(name for one in told["sources"].values() for name in one["covariates"])]
    elif told["kind"] != "none":
        return  # their columns are known when they are made
    if strange := [column for column in plan.condition if column not in columns]:
        raise ConfigError(
            f"{at}.condition names {strange[0]}, which {plan.model} is not told; its columns: "
            f"{', '.join(columns) or 'none, it is unconditional'}."
        )


def _check_scorer(plan: SynthesisPlan, classes: Sequence[str], recipe: ModelRecipe, *, at: str) -> None:
    if plan.scorer == "sam2" and (plan.sam2_folder is None or recipe.dimensions != 2):
        raise ConfigError(
            f"{at}.scorer is sam2, which takes slices and is read from {at.split(': ')[-1]}.sam2_folder; found "
            f"{plan.sam2_folder} and a model of {recipe.dimensions} dimensions."
        )
    if plan.scorer != "atropos":
        return
    wrong = [name for name, tissue in plan.tissues.items() if name not in classes or tissue not in _TISSUES]
    if wrong or not plan.tissues:
        raise ConfigError(
            f"{at}.tissues: the scorer atropos tells classes of masks by their tissues; found "
            f"{dict(plan.tissues) or 'none'}, expected classes ({', '.join(classes)}) with {', '.join(_TISSUES)}."
        )
