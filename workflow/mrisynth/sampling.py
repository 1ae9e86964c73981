"""Samples from a trained model, each seeded by its own number.

Three lines without a workflow::

    from mrisynth.sampling import Sampler
    samples = Sampler.load("results/models/wgp_hagan").draw(8, seed=1)
    samples.images()[0].to_filename("brain.nii.gz")
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mrisynth.covariate_wishes import CovariateWish
from mrisynth.disk import allocate
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, sha256_of, write_table
from mrisynth.model_facts import read_facts
from mrisynth.models import family as family_named
from mrisynth.models.interface import Family
from mrisynth.one_class import OneClass
from mrisynth.progress import Progress
from mrisynth.recipes import ModelRecipe
from mrisynth.seeds import derive_seed
from mrisynth.store import from_unit
from mrisynth.told import Label, told_of
from mrisynth.training.export import RECIPE, WEIGHTS
from mrisynth.training.precision import computing_in
from mrisynth.weights_file import fill, read_weights
from mrisynth.wishes import Condition, Wish, wish_of

_WAITING = 2  # volumes drawn but not yet written
_SMALL, _TOGETHER = 64, 4  # up to that size, so many samples are made at once


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Synthetic brains.

    Attributes:
        volumes: float32 [sample, x, y, z] in [-1, 1], background near -1, axes to right, front, top; of a model of
            slices [sample, row, column], row 0 at the top, in colour with a last axis of channels.
        low_resolution: the same at a quarter of the size.
        labels: the class that the generator was told, as in :mod:`mrisynth.labels`, or the number of the source; -1
            without a condition. Of a model of one class, which is told nothing, the label of that class.
        label_names: the same in words; ``n/a`` without a condition.
        told: what each was told of every column of the condition, covariates in real units.
        seeds: seed of every sample's latent.
        affine: 4 x 4, voxel index to world mm.
    """

    volumes: np.ndarray
    low_resolution: np.ndarray
    labels: np.ndarray
    label_names: list[str]
    told: list[dict[str, Any]]
    seeds: list[int]
    affine: np.ndarray

    def images(self) -> list[nib.Nifti1Image]:
        """Return NIfTI images, float32 in [0, 1] with the background near 0, in world mm."""
        return [unit_image(volume, self.affine) for volume in self.volumes]


class Sampler:
    """A trained model that draws samples; made by :meth:`load`.

    On a GPU the generator computes in the precision that it was trained in (``precision`` of the recipe), on a CPU in
    32 bits. Small samples are made four at once. Kernels for four round otherwise than for one, so it is four even
    where fewer are wanted, and sample k is always at place k modulo 4: it never depends on those beside it.

    Attributes:
        facts: content of recipe.json.
        recipe: recipe of the model.
        classes: names of the joint classes; empty for an unconditional model.
        columns: categories of each condition column.
        only: the class that all samples are of, of a model that was trained on it alone; else None.
        affine: 4 x 4, voxel index to world mm.
        device: ``cpu`` or ``cuda``.
        network: the generator, not to be trained.
    """

    def __init__(self, network: torch.nn.Module, family: Family, facts: Mapping[str, Any], *, device: str) -> None:
        self.facts = facts
        self.recipe = ModelRecipe(**facts["model"])
        self.classes: list[str] = facts["classes"]
        self.columns: dict[str, list[str]] = {column["name"]: column["categories"] for column in facts["columns"]}
        self.only = OneClass.read(facts)
        self._told = told_of(facts, named=None if self.only is None else self.only.columns)
        self.affine = np.array(facts["affine"])
        self.device = device
        self._family = family
        order = torch.channels_last_3d if self.recipe.dimensions == 3 else torch.contiguous_format
        self.network = network.to(device, memory_format=order).eval().requires_grad_(requires_grad=False)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> Sampler:
        """Load ``generator.safetensors`` and ``recipe.json`` of a folder.

        Raises:
            MrisynthError: when one is missing or not of this version, or the weights are not those that the recipe
                names.
        """
        folder = Path(folder)
        for path in (folder / RECIPE, folder / WEIGHTS):
            if not path.is_file():
                raise MrisynthError(f"{path} is missing; a model folder holds {RECIPE} and {WEIGHTS}.")
        facts = read_facts(folder / RECIPE)
        if sha256_of(folder / WEIGHTS) != facts["weights_sha256"]:
            raise MrisynthError(f"{folder / WEIGHTS} is not the file that {RECIPE} names (sha256); export it again.")
        recipe = ModelRecipe(**facts["model"])
        family = family_named(recipe.family)
        network = family.network("generator", recipe, columns=told_of(facts).columns, seed=facts["seed"])
        fill(network, read_weights(folder / WEIGHTS), source=folder / WEIGHTS)
        return cls(network, family, facts, device=device)

    def draw(self, count: int, *, seed: int | None = None, first: int = 0, condition: Condition = None) -> Samples:
        """Draw samples ``first`` to ``first + count - 1`` of a seed; each depends on the seed and its number alone.

        Args:
            count: number of samples.
            seed: default the seed of the study that trained the model.
            first: number of the first sample.
            condition: a class by name or number, or values of some condition columns (``{"sex": "f"}``; the others
                are drawn, ``n/a`` asks for a missing value). By default classes are drawn as often as they stood in
                the training set. See :func:`mrisynth.wishes.wish_of`.

        Raises:
            MrisynthError: for a class or column that the model does not have.
        """
        if count < 1 or first < 0:
            raise MrisynthError(f"Found count {count} and first {first}; expected a count from 1 and a first from 0.")
        drawn = self.stream(count, seed=seed, first=first, condition=condition)
        volumes, low, labels, seeds = zip(*drawn, strict=True)
        return Samples(
            volumes=np.stack(volumes), low_resolution=np.stack(low), seeds=list(seeds), affine=self.affine,
            labels=np.array([self._told.number(label) for label in labels], dtype=np.int64),
            label_names=[self.label_name(label) for label in labels],
            told=[self.values(label) for label in labels],
        )  # fmt: skip

    def stream(
        self, count: int, *, seed: int | None = None, first: int = 0, condition: Condition = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, Label, int]]:
        """Yield (volume, low-resolution volume, label, seed) one by one; arguments as :meth:`draw`."""
        for volume, low, label, sample_seed in self.stream_tensors(count, seed=seed, first=first, condition=condition):
            yield volume.float().cpu().numpy(), low.float().cpu().numpy(), label, sample_seed

    def stream_tensors(
        self, count: int, *, seed: int | None = None, first: int = 0, condition: Condition = None
    ) -> Iterator[tuple[Tensor, Tensor, Label, int]]:
        """Yield as :meth:`stream`, the volumes still on the device [x, y, z] and in the precision that made them."""
        seed = self.facts["seed"] if seed is None else seed
        wish, together = self.wish(condition), self.together
        for start in range(first - first % together, first + count, together):
            latents = torch.zeros(together, *self._family.latent_shape(self.recipe))
            labels, seeds = [self._told.nothing] * together, [0] * together
            wanted = range(max(first, start) - start, min(first + count, start + together) - start)
            for place in wanted:
                seeds[place] = derive_seed(seed, "sample", self.recipe.name, start + place)
                labels[place] = wish.draw(seeds[place])
                generator = torch.Generator().manual_seed(seeds[place])
                latents[place] = torch.randn(1, *latents.shape[1:], generator=generator)[0]
            volumes, low = self.generate(latents, labels)
            for place in wanted:
                label = labels[place] if self.only is None else self.only.label
                yield volumes[place], low[place], label, seeds[place]

    def generate(self, latents: Tensor, labels: Sequence[Label], masks: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the images of latents [n, ...], ordered as :class:`Samples` says, and those in low resolution.

        They are on the device, in [-1, 1]. Masks, whole numbers [n, ...], are only for a model that has learnt them.
        """
        steering = () if masks is None else (masks.to(self.device),)
        told = torch.tensor(self._told.encoded(labels), device=self.device)
        precision = self.recipe.precision if self.device != "cpu" else "fp32"
        with torch.inference_mode(), computing_in(precision, told):
            volumes, low = self._family.sample(self.network, latents.to(self.device), told, *steering)
        return _packed_order(volumes), _packed_order(low)

    def wish(self, condition: Condition) -> Wish | CovariateWish:
        """Return the labels that samples of a condition may have; see :meth:`draw`."""
        return wish_of(condition, facts=self.facts, condition_input=self._family.condition_input(self.recipe))

    @property
    def together(self) -> int:
        """How many samples are made at once."""
        return _TOGETHER if self.recipe.size <= _SMALL else 1

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent."""
        return self._family.latent_shape(self.recipe)

    def label_number(self, label: Label) -> int:
        """Return the class number of a label, of covariates that of the source; -1 of a prompt."""
        return self._told.number(label)

    def label_name(self, label: Label) -> str:
        """Return the class of a label in words, ``n/a`` where nothing is known."""
        return self._told.name(label)

    def values(self, label: Label) -> dict[str, Any]:
        """Return what a label says of each condition column, ``n/a`` for nothing."""
        return self._told.values(label)


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
    """Write some samples as packed arrays and a table; memory holds a few samples at a time.

    Volumes become 8-bit numbers where they were made, and are written by a thread while the next is drawn.

    Args:
        sampler: the model.
        first: number of the first sample.
        count: number of samples.
        seed: as in :meth:`Sampler.draw`.
        volumes_path: .npy, uint8 [sample, x, y, z] or [sample, row, column], 0 .. 255; in colour with a last axis of
            channels.
        low_path: .npy, the low-resolution volumes likewise.
        table_path: TSV; columns of :func:`table_row`.
    """
    shape = (count, *sampler.recipe.packed_shape)
    with atomic(volumes_path) as unfinished, atomic(low_path) as unfinished_low:
        volumes = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
        allocate(unfinished, unfinished.stat().st_size)
        low_volumes: dict[int, np.ndarray] = {}

        def write(place: int, volume: Tensor, low: Tensor) -> None:
            volumes[place] = volume.cpu().numpy()
            low_volumes[place] = low.cpu().numpy()

        rows = _draw_and_write(sampler, write, first=first, count=count, seed=seed)
        volumes.flush()
        with unfinished_low.open("wb") as stream:
            np.save(stream, np.stack([low_volumes[place] for place in range(count)]), allow_pickle=False)
    write_table(pd.DataFrame(rows), table_path)


def table_row(sampler: Sampler, number: int, *, seed: int, label: Label) -> dict[str, Any]:
    """Return a sample's row: number, seed, label, label_name, and the value of each condition column that it has."""
    row = {
        "sample": number,
        "seed": seed,
        "label": sampler.label_number(label),
        "label_name": sampler.label_name(label),
    }
    return row | sampler.values(label)


def unit_image(volume: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    """Return a volume [x, y, z] in [-1, 1] as a NIfTI image, float32 in [0, 1], in world mm."""
    image = nib.Nifti1Image(np.clip((volume + 1.0) / 2.0, 0.0, 1.0).astype(np.float32), affine)
    image.header.set_xyzt_units("mm")
    return image


def _packed_order(images: Tensor) -> Tensor:
    """Return [n, channels, ...] without the axis of one channel, or with that of several at the end."""
    return images[:, 0] if images.shape[1] == 1 else images.movedim(1, -1)


def _draw_and_write(
    sampler: Sampler, write: Callable[[int, Tensor, Tensor], None], *, first: int, count: int, seed: int | None
) -> list[dict[str, Any]]:
    """Draw samples and hand each, as 8-bit numbers, to a thread that writes it; return their rows."""
    rows: list[dict[str, Any]] = []
    progress = Progress(f"sampling {sampler.recipe.name}", count)
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="samples") as writer:
        drawn = sampler.stream_tensors(count, seed=seed, first=first)
        for place, (volume, low, label, sample_seed) in enumerate(drawn):
            waiting.append(writer.submit(write, place, from_unit(volume), from_unit(low)))
            if len(waiting) > _WAITING:
                waiting.popleft().result()
            rows.append(table_row(sampler, first + place, seed=sample_seed, label=label))
            progress.advance()
        for written in waiting:
            written.result()
    return rows
