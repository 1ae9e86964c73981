"""Weights from another model to start a training from: fine-tuning, growing to another size, gaining a condition."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, sha256_of
from mrisynth.models.interface import State
from mrisynth.training.export import RECIPE, WEIGHTS
from mrisynth.training.state import read_state
from mrisynth.weights_file import read_weights

_LOG = logging.getLogger(__name__)
_STEPS = re.compile(r"^(features|ladder)\.(\d+)\.(.+)$")
_LATENT_FIRST = "start.weight"


@dataclass(frozen=True, kw_only=True)
class Start:
    """What was taken: weights (numbers) of each network, and how many it has."""

    taken: dict[str, int]
    whole: dict[str, int]


def start_from(state: State, source: Path) -> Start:
    """Copy the weights that fit from another training into a freshly built state.

    Weights fit when network, name and shape are equal. The steps of a ladder are counted from its full end, so that a
    model of another size takes over the steps that it shares. Of a generator with a condition more or less, the part
    that reads the latent is taken. Moving averages start from the other's moving average, as do weights that are not
    trained; optimisers start afresh.

    Args:
        source: a kept state (``kept-*.pt``), or a ``generator.safetensors``, which gives the generator alone.

    Raises:
        MrisynthError: when the file is missing or torn, or not the one that the recipe.json beside it names, or
            nothing of the generator fits.
    """
    networks, averages = _read(source)
    fitted = {name: _copy(networks.get(name, {}), network.state_dict()) for name, network in state.networks.items()}
    for name, average in state.averages.items():
        found = averages.get(name, networks.get(name, {}))
        _copy(found, average.state_dict())
        untrained = {key for key, weight in state.networks[name].named_parameters() if not weight.requires_grad}
        _copy(found, {key: w for key, w in state.networks[name].state_dict().items() if key in untrained})
    whole = {name: sum(p.numel() for p in network.state_dict().values()) for name, network in state.networks.items()}
    if not any(len(part.shape) > 1 for name, part in fitted["generator"].items() if not name.startswith("condition.")):
        raise MrisynthError(
            f"{source}: no weight of this generator fits model {state.recipe.name}; start from a model of the same "
            "family with the same width, latent and condition input."
        )
    taken = {name: sum(part.numel() for part in parts.values()) for name, parts in fitted.items()}
    for name, count in taken.items():
        _LOG.info("start from %s: %s takes %.1f %% of its weights", source.name, name, 100 * count / whole[name])
    return Start(taken=taken, whole=whole)


def _read(source: Path) -> tuple[dict[str, Mapping[str, Tensor]], dict[str, Mapping[str, Tensor]]]:
    if source.suffix == ".safetensors":
        weights = read_weights(source)
        recipe = source.with_name(RECIPE)
        if source.name == WEIGHTS and recipe.is_file() and read_json(recipe).get("weights_sha256") != sha256_of(source):
            raise MrisynthError(f"{source} is not the file that {RECIPE} beside it names (sha256); export it again.")
        return {"generator": weights}, {"generator": weights}
    content = read_state(source)
    parts = [content.get(name) for name in ("networks", "averages")]
    if not all(isinstance(part, Mapping) and all(isinstance(one, Mapping) for one in part.values()) for part in parts):
        raise MrisynthError(f"{source}: this state holds no networks; start from a whole kept state.")
    return parts[0], parts[1]


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy what fits into the target's tensors, in place; return the parts of them that were taken."""
    shifts = {kind: _steps(target, kind) - _steps(source, kind) for kind in ("features", "ladder")}
    taken: dict[str, Tensor] = {}
    for name, weight in source.items():
        own = target.get(_renamed(name, shifts))
        if own is None:
            continue
        if own.shape == weight.shape:
            taken[name] = own.copy_(weight)
        elif name == _LATENT_FIRST and own.shape[0] == weight.shape[0]:
            columns = min(own.shape[1], weight.shape[1])
            taken[name] = own[:, :columns].copy_(weight[:, :columns])
    return taken


def _renamed(name: str, shifts: Mapping[str, int]) -> str:
    found = _STEPS.match(name)
    return f"{found[1]}.{int(found[2]) + shifts[found[1]]}.{found[3]}" if found else name


def _steps(weights: Mapping[str, Tensor], kind: str) -> int:
    numbers = [int(found[2]) for name in weights if (found := _STEPS.match(name)) and found[1] == kind]
    return max(numbers, default=-1) + 1
