"""The default scorer: a small U-Net that finds the structures, which real annotated images have taught."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.networks.nets import BasicUNet
from safetensors.torch import save_file
from torch import Tensor, nn

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, sha256_of, write_json
from mrisynth.filtering.scorers import StructureScores, check_asked, mean_inside, overlaps
from mrisynth.store import to_unit
from mrisynth.weights_file import fill, read_trained

WEIGHTS, FACTS = "segmenter.safetensors", "segmenter.json"
FORMAT = 1
SMALLEST_EDGE = 16
"""Voxels; the network halves its images four times."""

_TOGETHER = {2: 32, 3: 1}
_GROUPS = 4


@dataclass(frozen=True, kw_only=True)
class Segmenter:
    """A trained network and all that its use needs; a :class:`mrisynth.filtering.scorers.Scorer`.

    Attributes:
        network: ready for use.
        structures: names of the classes, class 1 first.
        dimensions: 2 or 3.
        facts: of the training, as written to ``segmenter.json``.
        device: where it runs.
        name: of the scorer.
    """

    network: nn.Module
    structures: tuple[str, ...]
    dimensions: int
    facts: dict[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    name: str = "segmenter"

    @torch.inference_mode()
    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of the background and of each structure, float32 [n, 1 + structures, ...].

        Args:
            images: uint8 0..255 or float -1..1, [n, ...]; the answer for one depends on no other.

        Raises:
            MrisynthError: the images have another number of axes, or are smaller than :data:`SMALLEST_EDGE`.
        """
        check_images(images, dimensions=self.dimensions)
        step = _TOGETHER[self.dimensions]
        found = [
            self.network(as_brightness(images, slice(start, start + step)).to(self.device)).softmax(dim=1).cpu().numpy()
            for start in range(0, len(images), step)
        ]
        return np.concatenate(found) if found else np.empty((0, 1 + len(self.structures), *images.shape[1:]))

    def segment(self, images: np.ndarray) -> np.ndarray:
        """Return the masks that the network finds, uint8 [n, ...]."""
        return self.probabilities(images).argmax(axis=1).astype(np.uint8)

    def score(self, images: np.ndarray, asked: np.ndarray) -> StructureScores:
        """Return overlaps, and as confidence the mean probability of a structure inside what is found of it."""
        check_asked(images, asked, self.structures)
        iou, sure = [], []
        for start in range(0, len(images), _TOGETHER[self.dimensions]):
            rows = slice(start, start + _TOGETHER[self.dimensions])
            probabilities = self.probabilities(images[rows])
            found = probabilities.argmax(axis=1)
            iou.append(overlaps(found, asked[rows], structures=len(self.structures)))
            sure += [
                [mean_inside(part, one == number) for number, part in enumerate(parts[1:], start=1)]
                for parts, one in zip(probabilities, found, strict=True)
            ]
        together = np.concatenate(iou) if iou else np.empty((0, len(self.structures)))
        confidence = np.array(sure, dtype=np.float64).reshape(together.shape)
        return StructureScores(together, np.where(np.isnan(together), np.nan, confidence))

    def save(self, folder: str | Path) -> None:
        """Write ``segmenter.safetensors`` and ``segmenter.json`` into a folder."""
        folder = Path(folder)
        state = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        with atomic(folder / WEIGHTS) as unfinished:
            save_file(state, unfinished)
        write_json(
            {"format": FORMAT, "structures": list(self.structures), "dimensions": self.dimensions}
            | {"weights_sha256": sha256_of(folder / WEIGHTS), "training": self.facts},
            folder / FACTS,
        )

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> Segmenter:
        """Load what :meth:`save` wrote; nothing is unpickled.

        Raises:
            MrisynthError: a file is missing, damaged, of another version, or not the one that the other names.
        """
        folder = Path(folder)
        state, facts = read_trained(folder / WEIGHTS, folder / FACTS, known=FORMAT, what="segmenter")
        structures, width = tuple(facts["structures"]), facts["training"]["settings"]["width"]
        network = segmenter_network(len(structures), dimensions=facts["dimensions"], width=width)
        fill(network, state, source=folder / WEIGHTS)
        return cls(
            network=network.to(device).eval().requires_grad_(requires_grad=False), structures=structures,
            dimensions=facts["dimensions"], facts=facts["training"], device=device,
        )  # fmt: skip


def as_brightness(images: np.ndarray, rows: np.ndarray | slice) -> Tensor:
    """Return rows of images, uint8 or float in [-1, 1], as the network takes them: float32 [n, 1, ...] of 0..1."""
    part = np.array(images[rows])
    unit = to_unit(part) if part.dtype == np.uint8 else part.astype(np.float32)
    return (torch.from_numpy(unit)[:, None] + 1.0) / 2.0


def segmenter_network(structures: int, *, dimensions: int, width: int) -> nn.Module:
    """Return an untrained network: a U-Net of four halvings with group norms, so that images stay apart."""
    widths = (width, width, 2 * width, 4 * width, 8 * width, width)
    norm = ("group", {"num_groups": _GROUPS, "affine": True})
    return BasicUNet(dimensions, 1, structures + 1, features=widths, norm=norm, upsample="nontrainable")


def check_images(images: np.ndarray, *, dimensions: int) -> None:
    """Check that images [n, ...] have so many axes and edges that the network can halve.

    Raises:
        MrisynthError: they have not.
    """
    if dimensions not in (2, 3) or images.ndim != dimensions + 1 or min(images.shape[1:]) < SMALLEST_EDGE:
        raise MrisynthError(
            f"Found images of shape {images.shape}; this segmenter takes [n, edges], {dimensions} edges of "
            f"{SMALLEST_EDGE} voxels or more."
        )
