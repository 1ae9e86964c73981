"""A trained cohort encoder as one file of safetensors, and back as a feature network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from mrisynth.embedding.encoder_training import EncoderWithHeads
from mrisynth.embedding.interface import FeatureNetwork
from mrisynth.errors import MrisynthError
from mrisynth.feature_weights import COHORT_ENCODER
from mrisynth.files import atomic, sha256_of
from mrisynth.networks.cohort_encoder import CohortEncoder

_ENCODER = "encoder."


def save_encoder(network: EncoderWithHeads, path: Path, *, facts: Mapping[str, Any]) -> None:
    """Write an encoder with its heads; ``facts`` go into the file: size, edge, width, trained_on and others."""
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    with atomic(path) as unfinished:
        save_file(weights, unfinished, metadata={"facts": json.dumps(facts, sort_keys=True)})


def load_encoder(path: Path, *, name: str, device: str = "cpu") -> FeatureNetwork:
    """Return a trained cohort encoder as a feature network; its heads stay behind.

    Raises:
        MrisynthError: the file is missing, damaged or something else.
    """
    if not path.is_file():
        raise MrisynthError(f"{path}, the cohort encoder of the features {name}, is not there; train it first.")
    try:
        with safe_open(path, framework="pt") as stored:
            facts = json.loads((stored.metadata() or {})["facts"])
        weights = load_file(path)
        module = CohortEncoder(facts["size"], edge=facts["edge"], width=facts["width"])
        own = {key.removeprefix(_ENCODER): value for key, value in weights.items() if key.startswith(_ENCODER)}
        module.load_state_dict(own)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise MrisynthError(f"{path} is not a whole cohort encoder ({error}); delete it and run again.") from error
    return FeatureNetwork(
        name=name,
        network=COHORT_ENCODER,
        weights_sha256=sha256_of(path),
        trained=True,
        trained_on=facts["trained_on"],
        width=module.features,
        input_treatment=f"values in [0, 1], background 0, averaged onto {module.edge} cubed where larger",
        module=module.eval().requires_grad_(requires_grad=False).to(device),
        device=device,
    )
