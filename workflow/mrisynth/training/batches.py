"""Batches of real images, each a function of the seed and its number alone."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mrisynth.errors import MrisynthError
from mrisynth.models.interface import Batch
from mrisynth.seeds import numpy_generator
from mrisynth.store import to_unit

_SHARE_OF_DEVICE = 0.4  # of a GPU's free memory that the images may take


class Batches:
    """The training images in an endless stream of shuffled epochs, cut into batches.

    Batch ``number`` holds positions ``number * batch_size`` onwards of the stream, so no random state needs saving.
    Batches run across the end of an epoch; a cohort smaller than a batch repeats scans inside it. Images that are not
    held on the device are read by a thread, one batch ahead of the batch asked for.

    Args:
        images: uint8 [scan, x, y, z], 0 .. 255 (a memory map is read batch by batch unless a GPU holds it).
        rows: rows of ``images`` that are trained on.
        labels: class numbers aligned with ``rows``; -1 is missing.
        batch_size: images in a batch.
        seed: the study's seed.
        model: name of the model.
        device: where the batches go; on a GPU all images are moved there once when they fit.
        balanced: show every class equally often: each run of as many images as there are classes shows each class
            once, in an order of its own, and each class goes through shuffled epochs of its own. Missing labels count
            as a class; classes without an image as none.

    Attributes:
        waited_seconds: seconds that the caller waited for batches so far: for the images to be read, and for the host
            to set off their way to the device.

    Raises:
        MrisynthError: without rows, or with another number of labels.
    """

    def __init__(
        self, images: np.ndarray, *, rows: np.ndarray, labels: np.ndarray, batch_size: int, seed: int, model: str,
        device: str, balanced: bool = False,
    ) -> None:  # fmt: skip
        if not len(rows):
            raise MrisynthError(f"Model {model}: found no training image; the training split of its cohort is empty.")
        if len(rows) != len(labels):
            raise MrisynthError(f"Model {model}: {len(rows)} training images but {len(labels)} labels; one label each.")
        self.rows = np.asarray(rows, dtype=np.int64)
        self.labels = torch.from_numpy(np.array(labels, dtype=np.int64))
        self.batch_size = batch_size
        self.device = torch.device(device)
        self.waited_seconds = 0.0
        self._images = images
        self._on_device = _on_device(images, self.rows, self.device)
        self._stream = _Stream(self.labels.numpy() if balanced else None, count=len(self.rows), seed=seed, model=model)
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._ahead: tuple[int, Future[Tensor]] | None = None

    def __getitem__(self, number: int) -> Batch:
        """Return batch ``number``, counted from 0 at the start of the training."""
        started = time.perf_counter()
        places = self._places(number)
        packed = self._read(number, places) if self._on_device is None else self._on_device[self._sent(places)]
        batch = Batch(images=to_unit(packed)[:, None], labels=self._sent(self.labels[places]))
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
