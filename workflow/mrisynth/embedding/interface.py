"""What a feature network is: from volumes to one row of numbers each, with a name, a checksum and a stated input."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mrisynth.embedding.treatment import UNIT, treated


@dataclass(frozen=True)
class FeatureSpec:
    """One entry under ``features:`` of the configuration, as far as it says how volumes become features.

    Attributes:
        name: the ``{features}`` of every path and table.
        network: ``medicalnet_resnet50``, ``inception``, ``cohort_encoder`` or ``random`` (untrained, for tests and the
            demo).
        weights: safetensors of the weights; only ``random`` has none.
        sha256: checksum of the published file that the weights come from, when it is not the one known for the network.
        seed: seed of the random network.
        width: number of features of the random network, a multiple of 16; the others bring theirs.
        input: ``unit`` or ``standardised``; the latter for ``medicalnet_resnet50`` alone.
        slices: along each axis, for ``inception``.
    """

    name: str
    network: str
    weights: Path | None = None
    sha256: str | None = None
    seed: int = 0
    width: int = 256
    input: str = UNIT
    slices: int = 16


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that turns volumes into features.

    Attributes:
        name: of the features, as in :class:`FeatureSpec`.
        network: the kind of network.
        weights_sha256: checksum of the weights, or words that say there are none.
        trained: false for random weights; every table and figure must then say so.
        trained_on: in words.
        width: number of features.
        input_treatment: what is done to the volumes first, in words.
        module: the network, [n, 1, s, s, s] float32 -> [n, width]; of slices [n, 1, s, s] or in colour [n, 3, s, s].
        treatment: what is done to the volumes first, see :mod:`mrisynth.embedding.treatment`.
        device: where it runs.
    """

    name: str
    network: str
    weights_sha256: str
    trained: bool
    trained_on: str
    width: int
    input_treatment: str
    module: nn.Module
    treatment: str = UNIT
    device: str = "cpu"

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 features [n, width], on the CPU.

        The last digits of a volume's features depend on how many volumes are given at once, for convolutions are
        summed in another order; :func:`mrisynth.embedding.embed.embed` therefore gives one at a time.

        Args:
            images: [n, 1, s, s, s], or [n, 1, s, s] or [n, 3, s, s] of slices; uint8 as packed (0 to 255), or float in
                [0, 1].
        """
        images = images.to(self.device)
        scaled = images.float() / 255.0 if images.dtype == torch.uint8 else images.float()
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            return self.module(treated(scaled, self.treatment)).float().cpu()

    def description(self) -> dict[str, Any]:
        """Return what must travel with the features: names, checksum, trained or not and on what, input treatment."""
        return {
            "features": self.name,
            "network": self.network,
            "weights_sha256": self.weights_sha256,
            "trained": self.trained,
            "trained_on": self.trained_on,
            "width": self.width,
            "input_treatment": self.input_treatment,
        }

    def sha256(self) -> str:
        """Return the SHA-256 of all that decides the features: weights, input treatment, code and torch version.

        Two entries of the configuration with the same network have the same. Features of different devices
        or numbers of threads agree to about six digits and count as the same.
        """
        told = {key: self.description()[key] for key in ("network", "weights_sha256", "width", "input_treatment")}
        told |= {"torch": torch.__version__.split("+")[0], "code": _code_sha256(self.module)}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _code_sha256(module: nn.Module) -> str:
    """Return the SHA-256 of the files that define a network, its parts from this package included."""
    kinds = {type(part) for part in module.modules() if type(part).__module__.startswith("mrisynth.")}
    files = {inspect.getfile(treated), *(inspect.getfile(kind) for kind in kinds)}
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in sorted(files))).hexdigest()
