"""States of a training on disk: tensors and numbers only, one door in and out."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic
from mrisynth.formats import check_format
from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe, told

_FORMAT = 2
_NOT_IN_FINGERPRINT = (  # a chain goes on when it is longer, otherwise cut, or trained elsewhere
    "images_total",  # the first: where the length decides what an update does, it does shape the training
    "images_per_chunk",
    "allow_cpu",
    "devices",
    "compiled",
    "rollback_after",
    "most_rollbacks",
    "watch_every_images",
)
_COUNTS = ("step", "skipped", "skipped_in_a_row", "rollbacks", "augmentation")


class TornStateError(MrisynthError):
    """A state file does not hold what was written to it."""


def recipe_fingerprint(recipe: ModelRecipe, *, classes: Sequence[str], seed: int) -> str:
    """Return the SHA-256 of all that shapes a training besides its images and its length."""
    free = _NOT_IN_FINGERPRINT[recipe.has_schedule :]
    kept = {key: value for key, value in told(recipe).items() if key not in free}
    text = json.dumps([kept, list(classes), seed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save_state(state: State, path: Path, *, fingerprint: str, more: Mapping[str, Any] | None = None) -> None:
    """Write the state of a training, with further tensors, numbers and text; a torn file never stands at ``path``.

    Raises:
        MrisynthError: when a weight is not a finite number; then nothing is written.
    """
    for name, network in [*state.networks.items(), *state.averages.items()]:
        if not all(bool(torch.isfinite(weight).all()) for weight in network.state_dict().values()):
            raise MrisynthError(
                f"Model {state.recipe.name}: {name} has weights that are not finite after update {state.step}; the "
                "state is not saved. Lower its learning rates or train in fp32 (precision)."
            )
    content = {
        "format": _FORMAT,
        "fingerprint": fingerprint,
        "parts": state.stepper.parts,
        "networks": {name: network.state_dict() for name, network in state.networks.items()},
        "averages": {name: network.state_dict() for name, network in state.averages.items()},
        "optimisers": {name: optimiser.state_dict() for name, optimiser in state.optimisers.items()},
    }
    content |= {name: getattr(state, name) for name in _COUNTS} | dict(more or {})
    if state.best is not None or state.chosen:
        content |= {"best": state.best, "chosen": state.chosen}
    with atomic(path) as unfinished, unfinished.open("wb") as stream:  # given a path, torch would write its name down
        torch.save(content, stream)


def load_state(state: State, path: Path, *, fingerprint: str, device: str) -> None:
    """Fill a freshly built state with what a chunk left.

    Raises:
        MrisynthError: when the file is missing or torn, or was made by another recipe.
    """
    content = read_state(path, device=device)
    if content["fingerprint"] != fingerprint:
        raise MrisynthError(
            f"{path}: this training state was made by another recipe (other settings, classes or seed) and cannot be "
            "continued; delete the states of this model, or give the changed model a name of its own."
        )
    for name, network in state.networks.items():
        network.load_state_dict(content["networks"][name])
    for name, network in state.averages.items():
        network.load_state_dict(content["averages"][name])
    for name, optimiser in state.optimisers.items():
        optimiser.load_state_dict(content["optimisers"][name])
    for name in _COUNTS:
        setattr(state, name, content[name])
    state.best, state.chosen = content.get("best"), content.get("chosen", [])
    state.stepper.parts = content["parts"]


def read_state(path: Path, *, device: str = "cpu") -> dict[str, Any]:
    """Return the content of a state file as tensors and numbers.

    Raises:
        TornStateError: when the file is torn, or any byte of it changed.
        MrisynthError: when it is missing, or of another version.
    """
    if not path.is_file():
        raise MrisynthError(f"{path}: the training state is missing; run the chunk that writes it first.")
    try:
        with zipfile.ZipFile(path) as packed:
            damaged = packed.testzip()  # torch writes checksums and reads without looking at them
        if damaged is not None:
            raise ValueError("the checksum of a part does not fit")
        content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # zipfile and torch raise many kinds for a torn file
        raise TornStateError(
            f"{path}: not a whole training state ({type(error).__name__}); delete it and run the chunk again."
        ) from error
    check_format(
        content.get("format") if isinstance(content, dict) else None, known=_FORMAT, path=path, what="training state",
        remedy="delete it and train again, or finish this training with the version that began it",
    )  # fmt: skip
    return content
