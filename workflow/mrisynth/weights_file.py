"""Weights on disk: safetensors, read without pickle and without believing what a header says."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mrisynth.errors import MrisynthError


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
