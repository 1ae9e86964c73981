"""What a feature network is: from volumes to one row of numbers each, with a name, a checksum and a stated input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class FeatureSpec:
    """One entry under ``features:`` of the configuration.

    Attributes:
        name: the ``{features}`` of every path and table.
        network: ``medicalnet_resnet50`` or ``random`` (untrained, for tests and the demo).
        weights: file of the weights; only ``medicalnet_resnet50`` has one.
        sha256: the file's checksum when it is not the published one.
        seed: seed of the random network.
        width: number of features of the random network, a multiple of 16; MedicalNet always has 2048.
    """

    name: str
    network: str
    weights: Path | None = None
    sha256: str | None = None
    seed: int = 0
    width: int = 256


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that turns volumes into features.

    Attributes:
        name: of the features, as in :class:`FeatureSpec`.
        network: the kind of network.
        weights_sha256: checksum of the weights, or words that say there are none.
        trained: false for random weights; every table and figure must then say so.
        width: number of features.
        input_treatment: what is done to the volumes first, in words.
        module: the network, [n, 1, s, s, s] float32 in [0, 1] -> [n, width].
        device: where it runs.
    """

    name: str
    network: str
    weights_sha256: str
    trained: bool
    width: int
    input_treatment: str
    module: nn.Module
    device: str = "cpu"

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 features [n, width], on the CPU.

        Args:
            images: [n, 1, s, s, s]; uint8 as packed (0 to 255), or float in [0, 1].
        """
        images = images.to(self.device)
        scaled = images.float() / 255.0 if images.dtype == torch.uint8 else images.float()
        return self.module(scaled).float().cpu()

    def description(self) -> dict[str, Any]:
        """Return what must travel with the features: names, checksum, trained or not, input treatment."""
        return {
            "features": self.name,
            "network": self.network,
            "weights_sha256": self.weights_sha256,
            "trained": self.trained,
            "width": self.width,
            "input_treatment": self.input_treatment,
        }
