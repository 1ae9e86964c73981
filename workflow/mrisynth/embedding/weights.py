"""Published weights of feature networks: read once under restrictions, kept as safetensors, read from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, sha256_of
from mrisynth.networks.inception import Inception
from mrisynth.networks.medicalnet import MedicalNet

_NETWORKS: dict[str, type[nn.Module]] = {"medicalnet_resnet50": MedicalNet, "inception": Inception}
_HEADS = {"medicalnet_resnet50": ("conv_seg.",), "inception": ("fc.", "AuxLogits.")}  # not needed for features


def convert_weights(source: Path, target: Path, *, network: str, sha256: str) -> None:
    """Write the weights of a published file as safetensors, with the checksums of the source and of their values.

    The source is opened only after its SHA-256 was found right, and without unpickling code (``weights_only``). Names
    may carry the ``module.`` prefix; the weights of a segmentation or classification head are left out; everything
    else must match the network name by name and shape by shape.

    Args:
        source: ``.pth`` file, or safetensors.
        target: receives the copy.
        network: ``medicalnet_resnet50`` or ``inception``.
        sha256: what the source must have.

    Raises:
        MrisynthError: the file is missing, has another checksum, or does not hold this network.
    """
    if not source.is_file():
        raise MrisynthError(
            f"The weights of {network} are not at {source}: put the file with the sha256 {sha256} there, or fetch it "
            f"with `snakemake {source}` where there is a network."
        )
    found = sha256_of(source)
    if found != sha256:
        raise MrisynthError(
            f"{source} is not the expected file: its sha256 is {found}, expected {sha256}; delete it and fetch it "
            "again, or state its own sha256 under `sha256` of these features if you mean to use other weights."
        )
    weights = _fitting(_read_state(source), network=network, source=source)
    facts = {"network": network, "source_sha256": sha256, "content_sha256": content_sha256(weights)}
    with atomic(target) as unfinished:
        save_file(weights, unfinished, metadata={"facts": json.dumps(facts, sort_keys=True)})  # one key: a fixed order


def load_weights(path: Path, *, network: str, sha256: str) -> nn.Module:
    """Return a network with the weights that :func:`convert_weights` wrote, ready for inference.

    Args:
        path: the safetensors copy.
        network: ``medicalnet_resnet50`` or ``inception``.
        sha256: of the published file that the copy was made of.

    Raises:
        MrisynthError: the file is missing or damaged, or holds other weights.
    """
    if not path.is_file():
        raise MrisynthError(
            f"{path}, the converted weights of {network}, is not there; make it with `snakemake {path}`, or set the "
            "features' `network` to `random`, which is untrained and for trying things out."
        )
    try:
        with safe_open(path, framework="pt") as stored:
            facts = json.loads((stored.metadata() or {})["facts"])
        weights = load_file(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise MrisynthError(
            f"{path} is no whole file of converted weights ({error}); delete it and run again."
        ) from error
    if (facts.get("network"), facts.get("source_sha256")) != (network, sha256):
        raise MrisynthError(
            f"{path} was made of {facts.get('network')} with the sha256 {facts.get('source_sha256')}, expected "
            f"{network} with {sha256}; delete it and run again."
        )
    if facts.get("content_sha256") != content_sha256(weights):
        raise MrisynthError(f"{path} holds other values than were written to it; delete it and run again.")
    with torch.device("meta"):
        module = _NETWORKS[network]()
    module.to_empty(device="cpu").load_state_dict(weights, strict=False)  # all but counters, as checked when written
    return module.eval().requires_grad_(requires_grad=False)


def content_sha256(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, shapes, types and values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}\n".encode())
        digest.update(values.numpy())
    return digest.hexdigest()


def _read_state(source: Path) -> dict[str, Tensor]:
    try:
        content = (
            load_file(source)
            if source.suffix == ".safetensors"
            else torch.load(source, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # torch raises many kinds for a file that is not a plain state
        raise MrisynthError(
            f"{source} cannot be read as a plain state of weights ({type(error).__name__}): expected the file as it "
            "was published; fetch it again."
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise MrisynthError(f"{source} holds {type(content).__name__}, expected names and tensors (`state_dict`).")
    return {name.removeprefix("module."): value for name, value in state.items()}


def _fitting(state: Mapping[str, Tensor], *, network: str, source: Path) -> dict[str, Tensor]:
    with torch.device("meta"):
        expected = {name: value for name, value in _NETWORKS[network]().state_dict().items() if not _is_counter(name)}
    found = {name for name in state if not _is_counter(name) and not name.startswith(_HEADS[network])}
    missing, unknown = sorted(expected.keys() - found), sorted(found - expected.keys())
    wrong = sorted(name for name in expected.keys() & found if expected[name].shape != state[name].shape)
    if missing or unknown or wrong:
        raise MrisynthError(
            f"{source} does not hold the weights of {network}: {len(missing)} missing{_first(missing)}, "
            f"{len(unknown)} unknown{_first(unknown)}, {len(wrong)} of another shape{_first(wrong)}; "
            "expected the file as it was published."
        )
    return {name: state[name].float().contiguous() for name in expected}


def _is_counter(name: str) -> bool:
    return name.endswith(".num_batches_tracked")  # bookkeeping of later torch versions, unused for inference


def _first(names: list[str]) -> str:
    return f" (first: {names[0]})" if names else ""
