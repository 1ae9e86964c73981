"""Perceptual distances of pairs of images: LPIPS by weights of local files, or a named substitute without any."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.metrics.paired_images import perceptual_distances
from mrisynth.networks.perceptual import PerceptualNetwork, alex_network, random_network, squeeze_network
from mrisynth.seeds import derive_seed
from mrisynth.weights_file import read_published

LPIPS: Mapping[str, Callable[[], PerceptualNetwork]] = {"lpips_squeeze": squeeze_network, "lpips_alex": alex_network}
RANDOM = "lpips_random"
"""The substitute: seeded random filters; its numbers compare with no published value."""

_TOGETHER = 32
_IN_SLICES = re.compile(r"^net\.slice\d+\.(\d+)\.")  # how a whole LPIPS model names the layers of its backbone
_LINEAR = re.compile(r"^lin(\d+)\.model\.1\.weight$")


@dataclass(frozen=True)
class PerceptualDistance:
    """A perceptual distance of images.

    Attributes:
        name: ``lpips_squeeze``, ``lpips_alex`` or ``lpips_random``; every table and figure carries it.
        sha256: checksum of the files of its weights, or words that say there are none.
        trained: false for random weights.
        network: of feature maps.
        device: where it runs.
    """

    name: str
    sha256: str
    trained: bool
    network: PerceptualNetwork
    device: str = "cpu"

    def __call__(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return the distance of each pair, float64 [n].

        Args:
            one, other: uint8 [n, row, column], or in colour with a last axis of 3; may be memory-mapped.

        Raises:
            MrisynthError: the shapes differ or are of no images of slices.
        """
        if one.shape != other.shape or not (one.ndim == 3 or (one.ndim == 4 and one.shape[-1] == 3)):
            raise MrisynthError(
                f"Found images of shapes {one.shape} and {other.shape}; expected two equal ones of [n, row, column] or "
                "[n, row, column, 3]."
            )
        weights = [weight.flatten().cpu().double().numpy() for weight in self.network.weights]
        found = [np.empty(0)]
        for start in range(0, len(one), _TOGETHER):
            pair = (self._maps(images[start : start + _TOGETHER]) for images in (one, other))
            found.append(perceptual_distances(*pair, weights))
        return np.concatenate(found)

    @torch.inference_mode()
    def _maps(self, images: np.ndarray) -> list[np.ndarray]:
        shown = torch.from_numpy(np.array(images)).float() / 127.5 - 1.0
        shown = shown[:, None] if shown.dim() == 3 else shown.permute(0, 3, 1, 2)
        return [maps.cpu().numpy() for maps in self.network(shown.to(self.device))]


def load_perceptual(
    name: str = RANDOM, *, weights: Sequence[str | Path] = (), seed: int = 0, device: str = "cpu"
) -> PerceptualDistance:
    """Return a perceptual distance.

    Args:
        name: ``lpips_squeeze`` or ``lpips_alex``, or the substitute ``lpips_random``.
        weights: files that together hold the backbone as torchvision names it (``features.*``) and the linear layers
            of LPIPS (``lin*.model.1.weight``): safetensors, or states of torch, which are read without unpickling code.
        seed: of the random filters.
        device: ``cpu`` or ``cuda``.

    Raises:
        MrisynthError: the name is unknown, a file is missing or no plain state, or a weight is missing or of another
            shape.
    """
    if name == RANDOM:
        network = random_network(seed=derive_seed(seed, RANDOM))
        return _ready(name, "none: random filters", network, trained=False, device=device)
    if name not in LPIPS:
        raise MrisynthError(f"Found the perceptual distance {name!r}; expected one of {', '.join([*LPIPS, RANDOM])}.")
    if not weights:
        raise MrisynthError(
            f"{name} needs the files of its weights, of the backbone and of the linear layers; give them, or choose "
            f"{RANDOM}, which is untrained and compares with no published value."
        )
    paths = [Path(path) for path in weights]
    state: dict[str, Tensor] = {}
    for path in paths:
        state |= _read_state(path)
    network = LPIPS[name]()
    _fill(network, state, name=name, paths=paths)
    sha256 = hashlib.sha256("".join(sorted(map(sha256_of, paths))).encode()).hexdigest()
    return _ready(name, sha256, network, trained=True, device=device)


def _ready(name: str, sha256: str, network: PerceptualNetwork, *, trained: bool, device: str) -> PerceptualDistance:
    network = network.to(device).eval().requires_grad_(requires_grad=False)
    return PerceptualDistance(name=name, sha256=sha256, trained=trained, network=network, device=device)


def _read_state(path: Path) -> dict[str, Tensor]:
    """Return the weights of a file by the names of our network."""
    named = ((_IN_SLICES.sub(r"features.\1.", key), value) for key, value in read_published(path).items())
    return {_LINEAR.sub(r"lin\1", key): value.float() for key, value in named}


def _fill(network: PerceptualNetwork, state: Mapping[str, Tensor], *, name: str, paths: Sequence[Path]) -> None:
    """Put the weights in; what else the files hold, such as the head of a classifier, is left out."""
    expected = network.state_dict()
    wrong = sorted(key for key, value in expected.items() if key not in state or state[key].shape != value.shape)
    if wrong:
        raise MrisynthError(
            f"{', '.join(map(str, paths))} do not hold the weights of {name}: {len(wrong)} missing or of another shape "
            f"(first: {wrong[0]})."
        )
    network.load_state_dict({key: state[key] for key in expected})
