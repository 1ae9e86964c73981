"""The latents of a model with encoders: real scans put into them, and what lies between and beside.

Three lines without a workflow::

    from mrisynth.latents import LatentSpace
    space = LatentSpace.load("results/models/hagan")
    between = space.interpolate(*space.encode(volumes[:2]), steps=7)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.labels import MISSING_LABEL
from mrisynth.models import family as family_named
from mrisynth.networks.hagan_encoders import encode_features
from mrisynth.sampling import Sampler
from mrisynth.store import to_unit
from mrisynth.training.export import ENCODERS, RECIPE
from mrisynth.weights_file import fill, read_weights

_SLAB, _GLOBAL = "encoder_slab", "encoder_global"
_PARALLEL = 1e-6  # angle between two latents below which the sphere is as good as flat


class LatentSpace:
    """The encoders of a model and its generator; made by :meth:`load`.

    Latents are float32 [n, latent]. The generator was trained on latents from a standard normal distribution; those of
    real scans need not look like such draws, and what is made of latents far from them is no sample of the model.

    Attributes:
        sampler: the generator and its recipe.
    """

    def __init__(self, sampler: Sampler, encoders: dict[str, nn.Module]) -> None:
        self.sampler = sampler
        self._encoders = {
            name: network.to(sampler.device, memory_format=torch.channels_last_3d).eval().requires_grad_(False)
            for name, network in encoders.items()
        }

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> LatentSpace:
        """Load a model folder with ``encoders.safetensors``.

        Raises:
            MrisynthError: when the model has no encoders, the file is missing or not the one that the recipe names.
        """
        folder = Path(folder)
        sampler = Sampler.load(folder, device=device)
        family, recipe = family_named(sampler.recipe.family), sampler.recipe
        names = [name for name in family.exported(recipe) if name in (_SLAB, _GLOBAL)]
        if names != [_SLAB, _GLOBAL]:
            raise MrisynthError(
                f"Model {recipe.name} ({folder}) has no encoders, so no scan has a place among its latents; train it "
                "with recipe: {encoders: attached} or {encoders: detached}."
            )
        path = folder / ENCODERS
        if not path.is_file() or sha256_of(path) != sampler.facts.get("encoders_sha256"):
            raise MrisynthError(f"{path} is missing or not the file that {RECIPE} names (sha256); export it again.")
        weights = read_weights(path)
        sizes = [len(words) for words in sampler.columns.values()]
        networks = {name: family.network(name, recipe, columns=sizes, seed=sampler.facts["seed"]) for name in names}
        for name, network in networks.items():
            start = f"{name}."
            mine = {key[len(start) :]: part for key, part in weights.items() if key.startswith(start)}
            fill(network, mine, source=path)
        return cls(sampler, networks)

    def encode(self, volumes: np.ndarray) -> np.ndarray:
        """Return the latents of whole volumes, one after the other in 32 bits.

        Args:
            volumes: uint8 [n, x, y, z], or float in [-1, 1], at the model's size, background 0 or -1.

        Raises:
            MrisynthError: for volumes of another size, type or range.
        """
        self._check(volumes)
        latents = [self._latent(self._tensor(volume)) for volume in volumes]
        return np.stack([latent[0].cpu().numpy() for latent in latents])

    def decode(self, latents: np.ndarray, labels: Sequence[int] | int = MISSING_LABEL) -> np.ndarray:
        """Return the volumes of latents, float32 [n, x, y, z] in [-1, 1].

        Args:
            latents: [n, latent].
            labels: what the generator is told, one for each or one for all, as in :mod:`mrisynth.labels`.
        """
        told = [labels] * len(latents) if isinstance(labels, int) else [int(label) for label in labels]
        volumes = []
        for latent, label in zip(latents, told, strict=True):
            volume, _ = self.sampler.generate(torch.as_tensor(latent, dtype=torch.float32)[None], [label])
            volumes.append(volume[0].float().cpu().numpy())
        return np.stack(volumes)

    def reconstruct(self, volumes: np.ndarray, labels: Sequence[int] | int = MISSING_LABEL) -> np.ndarray:
        """Return what the generator makes of the latents of volumes; arguments of :meth:`encode` and :meth:`decode`."""
        return self.decode(self.encode(volumes), labels)

    def interpolate(
        self, one: np.ndarray, other: np.ndarray, *, steps: int, path: str = "spherical", label: int = MISSING_LABEL
    ) -> np.ndarray:
        """Return the volumes on the way from one latent to another, both ends among them; see :func:`between`."""
        return self.decode(between(one, other, steps=steps, path=path), label)

    def walk(
        self, latent: np.ndarray, direction: np.ndarray, amounts: Sequence[float], *, label: int = MISSING_LABEL
    ) -> np.ndarray:
        """Return the volumes of a latent moved along a unit direction by these amounts, in units of the latent."""
        return self.decode(np.asarray(latent) + np.outer(amounts, direction), label)

    def _latent(self, volume: Tensor) -> Tensor:
        """Return the latent [1, latent] of a volume [1, 1, x, y, z] in [-1, 1]."""
        generator = self.sampler.network
        own = (volume + 1) / 2 if generator.data_range == "unit" else volume
        with torch.inference_mode():
            features = encode_features(self._encoders[_SLAB], own, slab=generator.layout.slab)
            return self._encoders[_GLOBAL](features)

    def _tensor(self, volume: np.ndarray) -> Tensor:
        volume = np.array(volume)
        signed = to_unit(volume) if volume.dtype == np.uint8 else volume.astype(np.float32)
        return torch.from_numpy(signed)[None, None].to(self.sampler.device)

    def _check(self, volumes: np.ndarray) -> None:
        size = self.sampler.recipe.size
        kind = volumes.dtype == np.uint8 or np.issubdtype(volumes.dtype, np.floating)
        if not kind or volumes.ndim != 4 or volumes.shape[1:] != (size,) * 3:
            raise MrisynthError(
                f"Model {self.sampler.recipe.name}: found volumes {volumes.dtype} {list(volumes.shape)}, expected "
                f"uint8 or float [n, {size}, {size}, {size}]."
            )
        if volumes.dtype != np.uint8 and not (np.isfinite(volumes).all() and np.abs(volumes).max(initial=0) <= 1.001):
            raise MrisynthError(f"Model {self.sampler.recipe.name}: float volumes are expected in [-1, 1].")


def between(one: np.ndarray, other: np.ndarray, *, steps: int, path: str = "spherical") -> np.ndarray:
    """Return ``steps`` latents on the way from one to another [steps, latent], both ends among them.

    Args:
        one: [latent].
        other: [latent].
        steps: two or more.
        path: ``spherical`` (Shoemake 1985: it keeps the length that latents of a normal distribution have; a straight
            way passes nearer to 0) or ``linear``.

    Raises:
        MrisynthError: for fewer than two steps or another path.
    """
    if steps < 2 or path not in ("spherical", "linear"):
        raise MrisynthError(f"Found {steps} steps, path {path!r}; expected two or more, spherical or linear.")
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    way = np.linspace(0.0, 1.0, steps)[:, None]
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    angle = np.arccos(np.clip(one @ other / lengths, -1.0, 1.0)) if lengths else 0.0
    if path == "linear" or not _PARALLEL < angle < np.pi - _PARALLEL:
        shares = 1 - way, way
    else:
        shares = np.sin((1 - way) * angle) / np.sin(angle), np.sin(way * angle) / np.sin(angle)
    return (shares[0] * one + shares[1] * other).astype(np.float32)
