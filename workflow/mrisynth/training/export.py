"""Trained networks as safetensors and a recipe.json that holds all that sampling needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

import mrisynth
from mrisynth.files import atomic, sha256_of, write_json
from mrisynth.models import family as family_named
from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe, told
from mrisynth.told import told_of
from mrisynth.training.schedule import Schedule

WEIGHTS = "generator.safetensors"
ENCODERS = "encoders.safetensors"
CRITIC = "critic.safetensors"
OTHER_FILES = {ENCODERS: "encoder", CRITIC: "critic"}
"""File -> how the names of the networks in it begin; recipe.json has their checksums, ``critic_sha256`` and so on."""
RECIPE = "recipe.json"
FORMAT = 1
"""Of a model's folder, as ``format`` in recipe.json; the first models said none and are of format 1 as well."""


def export_model(
    state: State,
    *,
    classes: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    label_counts: Sequence[int],
    affine: Sequence[Sequence[float]],
    field_mm: float,
    folder: Path,
    seed: int,
    extra: Mapping[str, Any] | None = None,
    covariates: Mapping[str, Any] | None = None,
    text: Mapping[str, Any] | None = None,
) -> None:
    """Write the averaged generator of a training, its encoders or its critic if those are of use, and its recipe.

    Args:
        state: the training.
        classes: names of the condition's classes in the order of their numbers; empty without a condition.
        columns: condition columns and their categories in order; the classes are their product, last column fastest.
        label_counts: training scans of each class; samples draw their classes in these proportions.
        affine: 4 x 4, voxel index at this size to world mm.
        field_mm: edge of the field of view in mm.
        folder: where the files go.
        seed: the study's seed.
        extra: further facts for recipe.json, under ``extra``.
        covariates: of a condition of covariates what it knows, as
            :meth:`mrisynth.covariates.rows.CovariateRows.to_dict` gives it.
        text: of a condition of prompts likewise, as :meth:`mrisynth.text.prompt_rows.PromptRows.to_dict` gives it.
    """
    networks = {name: state.averages.get(name, network) for name, network in state.networks.items()}
    schedule = Schedule(state.recipe, family_named(state.recipe.family), lengths=state.lengths)
    images_seen = schedule.images_at(state.step)
    facts = {"trained": True, "images_seen": images_seen, "updates_skipped": state.skipped, "seed": seed}
    facts |= {"classes": list(classes), "columns": _listed(columns), "label_counts": list(label_counts)}
    facts |= {"affine": [list(row) for row in affine], "field_mm": field_mm, "extra": dict(extra or {})}
    facts |= {"levels": state.chosen} if state.chosen else {}
    facts |= ({"covariates": dict(covariates)} if covariates else {}) | ({"text": dict(text)} if text else {})
    _write(networks, state.recipe, folder, facts=facts)


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
    covariates: Mapping[str, Any] | None = None,
    text: Mapping[str, Any] | None = None,
) -> None:
    """Write the networks that chunk 0 starts from, marked ``trained: false``; arguments as :func:`export_model`."""
    facts = {"trained": False, "images_seen": 0, "updates_skipped": 0, "seed": seed}
    facts |= {"classes": list(classes), "columns": _listed(columns), "label_counts": list(label_counts)}
    facts |= {"affine": [list(row) for row in affine], "field_mm": field_mm, "extra": dict(extra or {})}
    facts |= ({"covariates": dict(covariates)} if covariates else {}) | ({"text": dict(text)} if text else {})
    family, sizes = family_named(recipe.family), told_of(facts).columns
    networks = {name: family.network(name, recipe, columns=sizes, seed=seed) for name in family.exported(recipe)}
    _write(networks, recipe, folder, facts=facts)


def _write(networks: Mapping[str, nn.Module], recipe: ModelRecipe, folder: Path, *, facts: Mapping[str, Any]) -> None:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / WEIGHTS) as unfinished:
        save_file(_tensors(networks["generator"]), unfinished)
    origin = {"weights_sha256": sha256_of(folder / WEIGHTS), "mrisynth_version": mrisynth.__version__}
    others = family_named(recipe.family).exported(recipe)[1:]
    for file, kind in OTHER_FILES.items():
        names = [name for name in others if name.startswith(kind)]
        if not names:
            continue
        with atomic(folder / file) as unfinished:
            named = {f"{name}.{key}": part for name in names for key, part in _tensors(networks[name]).items()}
            save_file(named, unfinished)
        origin[f"{Path(file).stem}_sha256"] = sha256_of(folder / file)
    write_json({"format": FORMAT, "model": told(recipe)} | origin | facts, folder / RECIPE)


def _tensors(network: nn.Module) -> dict[str, Any]:
    return {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}


def _listed(columns: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the columns as a list, since the keys of a JSON object have no order."""
    return [{"name": name, "categories": list(categories)} for name, categories in columns.items()]
