"""Batches of real images, each a function of the seed and its number alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mrisynth.colour import in_colour
from mrisynth.errors import MrisynthError
from mrisynth.models.interface import Batch
from mrisynth.seeds import numpy_generator
from mrisynth.store import to_unit

Complete = Callable[[np.ndarray, np.random.Generator], np.ndarray]

_SHARE_OF_DEVICE = 0.4  # of a GPU's free memory that the images may take


class Batches:
    """The training images in an endless stream of shuffled epochs, cut into batches.

    Batch ``number`` holds positions ``number * batch_size`` onwards of the stream, so no random state needs saving.
    Batches run across the end of an epoch; a cohort smaller than a batch repeats scans inside it. Images that are not
    held on the device are read by a thread, one batch ahead of the batch asked for.

    Args:
        images: uint8 [scan, x, y, z], slices [image, row, column] or [image, row, column, channel], 0 .. 255 (a memory
            map is read batch by batch unless a GPU holds it).
        rows: rows of ``images`` that are trained on.
        labels: class numbers aligned with ``rows``; -1 is missing. Of covariates rows, see
            :mod:`mrisynth.networks.covariate_columns`, the source first.
        batch_size: images in a batch.
        seed: the study's seed.
        model: name of the model.
        device: where the batches go; on a GPU all images are moved there once when they fit.
        balanced: show every class equally often: each run of as many images as there are classes shows each class
            once, in an order of its own, and each class goes through shuffled epochs of its own. Missing labels count
            as a class; classes without an image as none.
        weights: aligned with ``rows``, above 0: how often each image is shown beside the others; None for all alike.
            An epoch stays as long as it was and shows an image so often as its share of the weights says, rounded up
            or down by chance. With ``balanced`` the share of a class is its mean weight, however many images it has.
        complete: fills the gaps of a batch's rows of covariates, float64 [batch, columns], by a generator of that
            batch.
        masks: uint8, of the shape of ``images`` without an axis of channels; 255 throughout where a mask is not known.

    Attributes:
        waited_seconds: seconds that the caller waited for batches so far: for the images to be read, and for the host
            to set off their way to the device.

    Raises:
        MrisynthError: without rows, with another number of labels, or with weights that are not above 0.
    """

    def __init__(
        self, images: np.ndarray, *, rows: np.ndarray, labels: np.ndarray, batch_size: int, seed: int, model: str,
        device: str, balanced: bool = False, weights: np.ndarray | None = None, complete: Complete | None = None,
        masks: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        if not len(rows):
            raise MrisynthError(f"Model {model}: found no training image; the training split of its cohort is empty.")
        if len(rows) != len(labels):
            raise MrisynthError(f"Model {model}: {len(rows)} training images but {len(labels)} labels; one label each.")
        self.rows = np.asarray(rows, dtype=np.int64)
        labels = np.asarray(labels)
        self.labels = torch.from_numpy(labels.astype(np.int64 if labels.ndim == 1 else np.float32))
        self._complete, self._entity = complete, (seed, "completed", model)
        self.batch_size = batch_size
        self.device = torch.device(device)
        self.waited_seconds = 0.0
        self._images, self._masks = images, masks
        self._on_device = _on_device(images, self.rows, self.device)
        balancing = (labels if labels.ndim == 1 else labels[:, 0]).astype(np.int64) if balanced else None
        self._stream = (
            _Stream(balancing, count=len(self.rows), seed=seed, model=model)
            if weights is None
            else _WeightedEpochs(_shares(weights, balancing, count=len(self.rows), model=model), seed, "train", model)
        )
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._ahead: tuple[int, Future[Tensor]] | None = None

    def __getitem__(self, number: int) -> Batch:
        """Return batch ``number``, counted from 0 at the start of the training."""
        started = time.perf_counter()
        places = self._places(number)
        packed = self._read(number, places) if self._on_device is None else self._on_device[self._sent(places)]
        labels = self.labels[places]
        completed = None
        if self._complete is not None:
            filled = self._complete(labels.double().numpy(), numpy_generator(*self._entity, number))
            completed = self._sent(torch.from_numpy(filled).float())
        rows = torch.from_numpy(self.rows[places.numpy()])
        masks = None if self._masks is None else self._sent(torch.from_numpy(np.array(self._masks[rows.numpy()])))
        batch = Batch(
            images=as_images(packed), labels=self._sent(labels), completed=completed, rows=rows, masks=masks
        )  # fmt: skip
        self.waited_seconds += time.perf_counter() - started
        return batch

    def _places(self, number: int) -> Tensor:
        positions = range(number * self.batch_size, (number + 1) * self.batch_size)
        return torch.tensor([self._stream[position] for position in positions])

    def _sent(self, values: Tensor) -> Tensor:
        """Move a tensor to the device; a GPU's copy queues behind its work, and the host goes on."""
        return values.to(self.device, non_blocking=True)

    def _read(self, number: int, places: Tensor) -> Tensor:
        """Return the images of a batch, read ahead if the last batch was the one before; start on the next."""
        ahead, self._ahead = self._ahead, None
        packed = ahead[1].result() if ahead is not None and ahead[0] == number else self._packed(places)
        self._ahead = number + 1, self._reader.submit(self._packed, self._places(number + 1))
        return self._sent(packed)

    def _packed(self, places: Tensor) -> Tensor:
        packed = torch.from_numpy(np.ascontiguousarray(self._images[self.rows[places.numpy()]]))
        return packed.pin_memory() if self.device.type == "cuda" else packed


def as_images(packed: Tensor) -> Tensor:
    """Return packed images as networks see them: float in [-1, 1], the axis of channels second."""
    unit = to_unit(packed)
    return unit.movedim(3, 1).contiguous() if in_colour(packed.shape[1:]) else unit[:, None]


class _Stream:
    """Which image stands at each position; kept of the past is only the order of the latest epochs."""

    def __init__(self, labels: np.ndarray | None, *, count: int, seed: int, model: str) -> None:
        self._seed, self._model = seed, model
        if labels is None:
            self._parts = [_Epochs(np.arange(count), seed, "train", model)]
        else:
            labels = np.maximum(labels, -1)  # partly missing is missing
            classes = np.unique(labels)
            self._parts = [
                _Epochs(np.flatnonzero(labels == label), seed, "train", model, "class", int(label)) for label in classes
            ]

    def __getitem__(self, position: int) -> int:
        if len(self._parts) == 1:
            return self._parts[0][position]
        run, place = divmod(position, len(self._parts))
        order = numpy_generator(self._seed, "train", self._model, "classes", run).permutation(len(self._parts))
        return self._parts[order[place]][run]


class _Epochs:
    """Some images in an endless stream of shuffled epochs."""

    def __init__(self, places: np.ndarray, seed: int, *entity: str | int) -> None:
        self._places, self._seed, self._entity = places, seed, entity
        self._epoch, self._order = -1, places

    def __getitem__(self, position: int) -> int:
        epoch, place = divmod(position, len(self._places))
        if epoch != self._epoch:
            shuffled = numpy_generator(self._seed, *self._entity, "epoch", epoch).permutation(len(self._places))
            self._epoch, self._order = epoch, self._places[shuffled]
        return int(self._order[place])


class _WeightedEpochs:
    """An endless stream of epochs as long as there are images, each image in them as often as its share says.

    Every epoch draws systematically: a comb with one tooth an image is laid at random over the shares in shuffled
    order, so an image with the share of 2.4 images stands in an epoch twice or three times, never once or ten times.
    """

    def __init__(self, shares: np.ndarray, seed: int, *entity: str | int) -> None:
        self._shares, self._seed, self._entity = shares, seed, entity
        self._epoch, self._order = -1, np.arange(len(shares))

    def __getitem__(self, position: int) -> int:
        count = len(self._shares)
        epoch, place = divmod(position, count)
        if epoch != self._epoch:
            generator = numpy_generator(self._seed, *self._entity, "weighted epoch", epoch)
            laid = generator.permutation(count)
            ends = np.cumsum(self._shares[laid])
            teeth = (np.arange(count) + generator.random()) / count * ends[-1]
            found = np.minimum(np.searchsorted(ends, teeth, side="right"), count - 1)
            self._epoch, self._order = epoch, laid[found][generator.permutation(count)]
        return int(self._order[place])


def _shares(weights: np.ndarray, labels: np.ndarray | None, *, count: int, model: str) -> np.ndarray:
    """Return the weights, each divided by the images of its class when classes are balanced."""
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (count,) or not (np.isfinite(weights) & (weights > 0)).all():
        raise MrisynthError(f"Model {model}: {weights.shape} weights for {count} images; expected one each, above 0.")
    if labels is None:
        return weights
    _, class_of, sizes = np.unique(np.maximum(labels, -1), return_inverse=True, return_counts=True)
    return weights / sizes[class_of]


def _on_device(images: np.ndarray, rows: np.ndarray, device: torch.device) -> Tensor | None:
    if device.type != "cuda":
        return None
    free_bytes, _ = torch.cuda.mem_get_info(device)
    bytes_needed = len(rows) * int(np.prod(images.shape[1:]))
    if bytes_needed > _SHARE_OF_DEVICE * free_bytes:
        return None
    held = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, device=device)
    for place, row in enumerate(rows):
        held[place].copy_(torch.from_numpy(np.array(images[row])))
    return held
