"""Where the weights of feature networks come from, and where their converted copies stand. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WEIGHTS_FOLDER = "resources/weights"
COHORT_ENCODER = "cohort_encoder"
NETWORKS_OF_SLICES = ("inception", "random")
"""Feature networks that take slices as they are, too."""


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """Weights that others trained and published.

    Attributes:
        file: where their download lands.
        sha256: of that file.
        trained_on: what they were trained on, in words.
    """

    file: str
    sha256: str
    trained_on: str


PUBLISHED = {
    "medicalnet_resnet50": PublishedWeights(
        file=f"{WEIGHTS_FOLDER}/resnet_50_23dataset.pth",
        sha256="ff48a62219073fb977fd3f4ddfb8dc1367f0ec156c8d6f6c37e205bd683a246e",
        trained_on="segmentation of 23 data sets of CT and MRI (MedicalNet)",
    ),
    "inception": PublishedWeights(
        file=f"{WEIGHTS_FOLDER}/pt_inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        trained_on="photographs of ImageNet (the network of 2015-12-05 that FID was defined with)",
    ),
}
"""By the name of the network, as in ``features.NAME.network``."""


def expected_sha256(entry: Mapping[str, Any]) -> str | None:
    """Return the checksum that the weights of an entry under ``features:`` must have; None where it takes no file."""
    return (entry["sha256"] or PUBLISHED[entry["network"]].sha256) if entry["network"] in PUBLISHED else None


def converted_file(entry: Mapping[str, Any]) -> str | None:
    """Return where the safetensors copy of an entry's weights stands; None where it takes no file.

    The name holds the beginning of the checksum, so that entries and studies with the same weights share one copy.
    """
    sha256 = expected_sha256(entry)
    return sha256 and f"{WEIGHTS_FOLDER}/converted/{entry['network']}.{sha256[:16]}.safetensors"


def conversions(features: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return what each converted file of a study is made of: its own or published file, and the expected checksum.

    Args:
        features: the block ``features`` of the configuration.
    """
    made: dict[str, tuple[str, str]] = {}
    for entry in sorted(features.values(), key=lambda entry: entry["weights"] is not None):  # own files win
        target, sha256 = converted_file(entry), expected_sha256(entry)
        if target and sha256:
            made[target] = (entry["weights"] or PUBLISHED[entry["network"]].file, sha256)
    return made
