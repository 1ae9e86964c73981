"""Feature networks behind one interface."""

from __future__ import annotations

from mrisynth.embedding.interface import FeatureNetwork, FeatureSpec
from mrisynth.embedding.random_network import RandomNetwork
from mrisynth.errors import ConfigError
from mrisynth.networks.medicalnet import MEDICALNET_SHA256, MEDICALNET_WIDTH, load_medicalnet

__all__ = ["FeatureNetwork", "FeatureSpec", "load_network"]

NETWORKS = ("medicalnet_resnet50", "random")


def load_network(spec: FeatureSpec, *, device: str = "cpu") -> FeatureNetwork:
    """Return the feature network of one entry under ``features:``, ready to be called.

    Raises:
        ConfigError: the network is unknown or needs ``weights``.
        MrisynthError: the file of weights is missing or wrong.
    """
    if spec.network == "random":
        return FeatureNetwork(
            name=spec.name,
            network=spec.network,
            weights_sha256=f"untrained-random-seed-{spec.seed}",
            trained=False,
            width=spec.width,
            input_treatment="values in [0, 1], background 0, no resizing, no normalisation",
            module=RandomNetwork(width=spec.width, seed=spec.seed).to(device),
            device=device,
        )
    if spec.network == "medicalnet_resnet50":
        if spec.weights is None:
            raise ConfigError(f"features.{spec.name}.weights is missing: medicalnet_resnet50 needs a file of weights.")
        sha256 = spec.sha256 or MEDICALNET_SHA256
        return FeatureNetwork(
            name=spec.name,
            network=spec.network,
            weights_sha256=sha256,
            trained=True,
            width=MEDICALNET_WIDTH,
            input_treatment="values in [0, 1], background 0, no resizing, no normalisation",
            module=load_medicalnet(spec.weights, sha256=sha256).to(device),
            device=device,
        )
    raise ConfigError(f"features.{spec.name}.network is {spec.network!r}, expected one of: {', '.join(NETWORKS)}.")
