"""Feature networks behind one interface."""

from __future__ import annotations

from mrisynth.embedding.encoder_files import load_encoder
from mrisynth.embedding.interface import FeatureNetwork, FeatureSpec
from mrisynth.embedding.random_network import RandomNetwork
from mrisynth.embedding.three_planes import SHARE, ThreePlanes
from mrisynth.embedding.treatment import IN_WORDS, UNIT
from mrisynth.embedding.weights import load_weights
from mrisynth.errors import ConfigError
from mrisynth.feature_weights import COHORT_ENCODER, NETWORKS_OF_SLICES, PUBLISHED
from mrisynth.networks.inception import INCEPTION_WIDTH
from mrisynth.networks.medicalnet import MEDICALNET_WIDTH

__all__ = ["FeatureNetwork", "FeatureSpec", "load_network"]

NETWORKS = (*PUBLISHED, COHORT_ENCODER, "random")


def load_network(spec: FeatureSpec, *, device: str = "cpu", dimensions: int = 3, channels: int = 1) -> FeatureNetwork:
    """Return the feature network of one entry under ``features:``, ready to be called.

    Args:
        spec: the entry.
        device: where it runs.
        dimensions: 3 for volumes, 2 for slices, which not all networks take
            (:data:`mrisynth.feature_weights.NETWORKS_OF_SLICES`).
        channels: of slices, 3 in colour.

    Raises:
        ConfigError: the network is unknown, needs ``weights``, or does not take the ``input``.
        MrisynthError: the file of weights is missing or wrong.
    """
    if dimensions == 2 and spec.network not in NETWORKS_OF_SLICES:
        raise ConfigError(
            f"features.{spec.name}.network is {spec.network!r}, which takes no slices; expected one of: "
            f"{', '.join(NETWORKS_OF_SLICES)}."
        )
    if spec.network not in NETWORKS:
        raise ConfigError(f"features.{spec.name}.network is {spec.network!r}, expected one of: {', '.join(NETWORKS)}.")
    if spec.input != UNIT and spec.network != "medicalnet_resnet50":
        raise ConfigError(
            f"features.{spec.name}.input is {spec.input!r}, which only medicalnet_resnet50 takes; leave it out."
        )
    if spec.network == "random":
        return FeatureNetwork(
            name=spec.name,
            network=spec.network,
            weights_sha256=f"untrained-random-seed-{spec.seed}",
            trained=False,
            trained_on="nothing",
            width=spec.width,
            input_treatment=IN_WORDS[UNIT] + (", red, green and blue" if channels > 1 else ""),
            module=RandomNetwork(width=spec.width, seed=spec.seed, dimensions=dimensions, colours=channels).to(device),
            device=device,
        )
    if spec.weights is None:
        raise ConfigError(f"features.{spec.name}.weights is missing: {spec.network} needs a file of weights.")
    if spec.network == COHORT_ENCODER:
        return load_encoder(spec.weights, name=spec.name, device=device)
    return _published(spec, device=device, dimensions=dimensions, channels=channels)


def _published(spec: FeatureSpec, *, device: str, dimensions: int, channels: int) -> FeatureNetwork:
    known = PUBLISHED[spec.network]
    sha256 = spec.sha256 or known.sha256
    module = load_weights(spec.weights, network=spec.network, sha256=sha256)
    width, in_words = MEDICALNET_WIDTH, IN_WORDS[spec.input]
    if spec.network == "inception" and dimensions == 2:
        width = INCEPTION_WIDTH
        colours = "red, green and blue" if channels > 1 else "three equal channels"
        in_words = f"values in [0, 1]; resized to 299 x 299 (bilinear), scaled to -1 .. 1, {colours}"
    elif spec.network == "inception":
        module, width = ThreePlanes(module, slices=spec.slices), 3 * INCEPTION_WIDTH
        in_words = (
            f"values in [0, 1]; {spec.slices} slices along each axis, evenly spaced in its middle {SHARE:.0%}, resized "
            "to 299 x 299 (bilinear), scaled to -1 .. 1, three equal channels"
        )
    return FeatureNetwork(
        name=spec.name,
        network=spec.network,
        weights_sha256=sha256,
        trained=True,
        trained_on=known.trained_on if sha256 == known.sha256 else "what the user's own weights were trained on",
        width=width,
        input_treatment=in_words,
        module=module.to(device).eval(),
        treatment=spec.input,
        device=device,
    )
