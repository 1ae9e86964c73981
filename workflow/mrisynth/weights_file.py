"""Weights on disk: safetensors, read without pickle and without believing what a header says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, sha256_of
from mrisynth.formats import check_format


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name, on the CPU.

    Raises:
        MrisynthError: the file is missing, or no whole safetensors file (a pickle, a header longer than the file,
            tensors outside it).
    """
    if not path.is_file():
        raise MrisynthError(f"{path}: the weights are missing.")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, MemoryError, OverflowError) as error:
        raise MrisynthError(
            f"{path}: not a whole file of weights ({error}); nothing of it was run. Fetch or export it again."
        ) from error


def read_published(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a published file by name: safetensors, or a plain state of PyTorch; nothing of it is run.

    Raises:
        MrisynthError: the file is missing or damaged, or holds anything else.
    """
    if path.suffix == ".safetensors":
        return read_weights(path)
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not a plain state
        raise MrisynthError(
            f"{path} cannot be read as a plain state of weights ({type(error).__name__}); nothing of it was run. Fetch "
            "it as it was published."
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise MrisynthError(f"{path} holds no names and tensors; expected a plain state of weights.")
    return dict(state)


def read_trained(weights: Path, facts: Path, *, known: int, what: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the weights of a network that a study has trained, and the facts beside them, which name their checksum.

    Args:
        weights: safetensors.
        facts: JSON with ``format`` and ``weights_sha256``.
        known: the format that is read.
        what: words for the network, for errors.

    Raises:
        MrisynthError: a file is missing, damaged, of another version, or not the one that the other names.
    """
    if not facts.is_file() or not weights.is_file():
        raise MrisynthError(f"{weights.parent} has no {facts.name} with {weights.name}; train the {what} first.")
    told = read_json(facts)
    check_format(told.get("format"), known=known, path=facts, what=what, remedy="train it again")
    if told.get("weights_sha256") != sha256_of(weights):
        raise MrisynthError(f"{weights} is not the file that {facts.name} names (sha256); train it again.")
    return read_weights(weights), told


def fill(network: nn.Module, weights: dict[str, Tensor], *, source: Path) -> None:
    """Put weights into a network, name by name and shape by shape.

    Raises:
        MrisynthError: a name or a shape does not fit.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise MrisynthError(
            f"{source}: these are not the weights of this network ({first}); export it again."
        ) from None
