"""Trained generators as safetensors and a recipe.json that holds all that sampling needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

import mrisynth
from mrisynth.files import atomic, sha256_of, write_json
from mrisynth.models import family as family_named
from mrisynth.recipes import ModelRecipe
from mrisynth.training.loop import images_per_update
from mrisynth.training.state import read_state, recipe_fingerprint

WEIGHTS = "generator.safetensors"
RECIPE = "recipe.json"


def initial_generator(recipe: ModelRecipe, *, classes: Sequence[str], seed: int) -> nn.Module:
    """Return the untrained generator: exactly the weights that chunk 0 starts from."""
    return family_named(recipe.family).generator(recipe, classes=len(classes), seed=seed)


def export_model(
    state: Path,
    recipe: ModelRecipe,
    *,
    classes: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    label_counts: Sequence[int],
    affine: Sequence[Sequence[float]],
    field_mm: float,
    folder: Path,
    seed: int,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write the averaged generator of a training state and its recipe.

    Args:
        state: what the last chunk wrote.
        recipe: the model.
        classes: names of the condition's classes in the order of their numbers; empty without a condition.
        columns: condition columns and their categories in order; the classes are their product, last column fastest.
        label_counts: training scans of each class; samples draw their classes in these proportions.
        affine: 4 x 4, voxel index at this size to world mm.
        field_mm: edge of the field of view in mm.
        folder: where generator.safetensors and recipe.json go.
        seed: the study's seed.
        extra: further facts for recipe.json, under ``extra``.

    Raises:
        MrisynthError: when the state is missing, torn or of another recipe.
    """
    content = read_state(state, fingerprint=recipe_fingerprint(recipe, classes=classes, seed=seed))
    generator = initial_generator(recipe, classes=classes, seed=seed)
    generator.load_state_dict(content["averages"]["generator"])
    images_seen = content["step"] * images_per_update(recipe, family_named(recipe.family))
    facts = {"trained": True, "images_seen": images_seen, "updates_skipped": content["skipped"], "seed": seed}
    facts |= {"classes": list(classes), "columns": _listed(columns), "label_counts": list(label_counts)}
    facts |= {"affine": [list(row) for row in affine], "field_mm": field_mm, "extra": dict(extra or {})}
    _write(generator, recipe, folder, facts=facts)


def export_untrained(
    recipe: ModelRecipe,
    *,
    classes: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    label_counts: Sequence[int],
    affine: Sequence[Sequence[float]],
    field_mm: float,
    folder: Path,
    seed: int,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write the generator that chunk 0 starts from, marked ``trained: false``; arguments as :func:`export_model`."""
    generator = initial_generator(recipe, classes=classes, seed=seed)
    facts = {"trained": False, "images_seen": 0, "updates_skipped": 0, "seed": seed}
    facts |= {"classes": list(classes), "columns": _listed(columns), "label_counts": list(label_counts)}
    facts |= {"affine": [list(row) for row in affine], "field_mm": field_mm, "extra": dict(extra or {})}
    _write(generator, recipe, folder, facts=facts)


def _write(generator: nn.Module, recipe: ModelRecipe, folder: Path, *, facts: Mapping[str, Any]) -> None:
    folder = Path(folder)
    with atomic(folder / WEIGHTS) as unfinished:
        save_file({name: weight.contiguous() for name, weight in generator.state_dict().items()}, unfinished)
    origin = {"weights_sha256": sha256_of(folder / WEIGHTS), "mrisynth_version": mrisynth.__version__}
    write_json({"model": asdict(recipe)} | origin | facts, folder / RECIPE)


def _listed(columns: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the columns as a list, since the keys of a JSON object have no order."""
    return [{"name": name, "categories": list(categories)} for name, categories in columns.items()]
