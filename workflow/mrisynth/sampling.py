"""Samples from a trained model, each seeded by its own number.

Three lines without a workflow::

    from mrisynth.sampling import Sampler
    samples = Sampler.load("results/models/wgp_hagan").draw(8, seed=1)
    samples.images()[0].to_filename("brain.nii.gz")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING, atomic, read_json, sha256_of, write_table
from mrisynth.models import family as family_named
from mrisynth.models.interface import Family
from mrisynth.progress import Progress
from mrisynth.recipes import ModelRecipe
from mrisynth.seeds import derive_seed, numpy_generator
from mrisynth.store import from_unit
from mrisynth.training.export import RECIPE, WEIGHTS

Condition = str | int | Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Synthetic brains.

    Attributes:
        volumes: float32 [sample, x, y, z] in [-1, 1], background near -1, axes to right, front, top.
        low_resolution: float32 [sample, x, y, z] at a quarter of the size, in [-1, 1].
        labels: class numbers; -1 without a condition.
        label_names: class names; ``n/a`` without a condition.
        seeds: seed of every sample's latent.
        affine: 4 x 4, voxel index to world mm.
    """

    volumes: np.ndarray
    low_resolution: np.ndarray
    labels: np.ndarray
    label_names: list[str]
    seeds: list[int]
    affine: np.ndarray

    def images(self) -> list[nib.Nifti1Image]:
        """Return NIfTI images, float32 in [0, 1] with the background near 0, in world mm."""
        values = np.clip((self.volumes + 1.0) / 2.0, 0.0, 1.0).astype(np.float32)
        return [_nifti(volume, self.affine) for volume in values]


class Sampler:
    """A trained model that draws samples; made by :meth:`load`."""

    def __init__(self, network: torch.nn.Module, family: Family, facts: Mapping[str, Any], *, device: str) -> None:
        self.facts = facts
        self.recipe = ModelRecipe(**facts["model"])
        self.classes: list[str] = facts["classes"]
        self.affine = np.array(facts["affine"])
        self.device = device
        self._family = family
        self._network = network.to(device).eval().requires_grad_(requires_grad=False)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> Sampler:
        """Load ``generator.safetensors`` and ``recipe.json`` of a folder.

        Raises:
            MrisynthError: when one is missing, or the weights are not those that the recipe names.
        """
        folder = Path(folder)
        for path in (folder / RECIPE, folder / WEIGHTS):
            if not path.is_file():
                raise MrisynthError(f"{path} is missing; a model folder holds {RECIPE} and {WEIGHTS}.")
        facts = read_json(folder / RECIPE)
        if sha256_of(folder / WEIGHTS) != facts["weights_sha256"]:
            raise MrisynthError(f"{folder / WEIGHTS} is not the file that {RECIPE} names (sha256); export it again.")
        recipe = ModelRecipe(**facts["model"])
        family = family_named(recipe.family)
        network = family.generator(recipe, classes=len(facts["classes"]), seed=facts["seed"])
        network.load_state_dict(load_file(folder / WEIGHTS))
        return cls(network, family, facts, device=device)

    def draw(self, count: int, *, seed: int | None = None, first: int = 0, condition: Condition = None) -> Samples:
        """Draw samples ``first`` to ``first + count - 1`` of a seed; each depends on the seed and its number alone.

        Args:
            count: number of samples.
            seed: default the seed of the study that trained the model.
            first: number of the first sample.
            condition: a class by name or number, or values of some condition columns (``{"sex": "f"}``; the others
                are drawn). By default classes are drawn as often as they stood in the training set.

        Raises:
            MrisynthError: for a class or column that the model does not have.
        """
        if count < 1 or first < 0:
            raise MrisynthError(f"Found count {count} and first {first}; expected a count from 1 and a first from 0.")
        drawn = list(self.stream(count, seed=seed, first=first, condition=condition))
        volumes, low, labels, seeds = zip(*drawn, strict=True)
        return Samples(
            volumes=np.stack(volumes),
            low_resolution=np.stack(low),
            labels=np.array(labels, dtype=np.int64),
            label_names=[self.label_name(label) for label in labels],
            seeds=list(seeds),
            affine=self.affine,
        )

    def stream(
        self, count: int, *, seed: int | None = None, first: int = 0, condition: Condition = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, int, int]]:
        """Yield (volume, low-resolution volume, label, seed) one by one; arguments as :meth:`draw`."""
        seed = self.facts["seed"] if seed is None else seed
        shares = self._class_shares(condition)
        for number in range(first, first + count):
            sample_seed = derive_seed(seed, "sample", self.recipe.name, number)
            label = self._label(shares, sample_seed)
            generator = torch.Generator().manual_seed(sample_seed)
            latents = torch.randn(1, *self._family.latent_shape(self.recipe), generator=generator)
            with torch.inference_mode():
                labels = torch.tensor([label], device=self.device)
                volume, low = self._family.sample(self._network, latents.to(self.device), labels)
            yield volume[0, 0].float().cpu().numpy(), low[0, 0].float().cpu().numpy(), label, sample_seed

    def label_name(self, label: int) -> str:
        """Return the name of a class, ``n/a`` for -1."""
        return self.classes[label] if label >= 0 else MISSING

    def _label(self, shares: np.ndarray, sample_seed: int) -> int:
        return int(numpy_generator(sample_seed, "label").choice(len(shares), p=shares)) if len(shares) else -1

    def _class_shares(self, condition: Condition) -> np.ndarray:
        """Return the probability of every class under a wish; empty for an unconditional model."""
        if condition is None:
            allowed = list(range(len(self.classes)))
        elif isinstance(condition, Mapping):
            allowed = self._matching(condition)
        else:
            allowed = [self._class_number(condition)]
        counts = np.zeros(len(self.classes))
        counts[allowed] = np.array(self.facts["label_counts"], dtype=float)[allowed]
        if allowed and not counts.any():  # asked for what training never showed: equal shares
            counts[allowed] = 1.0
        return counts / counts.sum() if allowed else counts

    def _class_number(self, wanted: str | int) -> int:
        if isinstance(wanted, str) and wanted in self.classes:
            return self.classes.index(wanted)
        if isinstance(wanted, int) and 0 <= wanted < len(self.classes):
            return wanted
        raise MrisynthError(f"Model {self.recipe.name} has no class {wanted!r}; {self._known()}.")

    def _matching(self, wanted: Mapping[str, str]) -> list[int]:
        columns = {column["name"]: column["categories"] for column in self.facts["columns"]}
        for name, value in wanted.items():
            if name not in columns:
                known = ", ".join(columns) or "none"
                raise MrisynthError(f"Model {self.recipe.name} has no condition column {name!r}; its columns: {known}.")
            if value not in columns[name]:
                known = ", ".join(columns[name])
                raise MrisynthError(f"Model {self.recipe.name}: column {name} has no value {value!r}; it has {known}.")
        joint = [dict(zip(columns, values, strict=True)) for values in product(*columns.values())]
        return [label for label, row in enumerate(joint) if all(row[name] == value for name, value in wanted.items())]

    def _known(self) -> str:
        if not self.classes:
            return "it is unconditional"
        return "its classes: " + ", ".join(f"{label} {name}" for label, name in enumerate(self.classes))


def write_shard(
    sampler: Sampler,
    *,
    first: int,
    count: int,
    seed: int | None,
    volumes_path: Path,
    low_path: Path,
    table_path: Path,
) -> None:
    """Write some samples as packed arrays and a table; memory holds one sample at a time.

    Args:
        sampler: the model.
        first: number of the first sample.
        count: number of samples.
        seed: as in :meth:`Sampler.draw`.
        volumes_path: .npy, uint8 [sample, x, y, z], 0 .. 255.
        low_path: .npy, the low-resolution volumes likewise.
        table_path: TSV with sample (number), seed, label and label_name.
    """
    size = sampler.recipe.size
    rows: list[dict[str, Any]] = []
    progress = Progress(f"sampling {sampler.recipe.name}", count)
    with atomic(volumes_path) as unfinished, atomic(low_path) as unfinished_low:
        volumes = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(count, size, size, size))
        low_volumes: list[np.ndarray] = []
        for place, (volume, low, label, sample_seed) in enumerate(sampler.stream(count, seed=seed, first=first)):
            volumes[place] = from_unit(volume)
            low_volumes.append(from_unit(low))
            row = {"sample": first + place, "seed": sample_seed, "label": label}
            rows.append(row | {"label_name": sampler.label_name(label)})
            progress.advance()
        volumes.flush()
        with unfinished_low.open("wb") as stream:
            np.save(stream, np.stack(low_volumes), allow_pickle=False)
    write_table(pd.DataFrame(rows), table_path)


def _nifti(volume: np.ndarray, affine: Sequence[Sequence[float]] | np.ndarray) -> nib.Nifti1Image:
    image = nib.Nifti1Image(volume, np.asarray(affine))
    image.header.set_xyzt_units("mm")
    return image
