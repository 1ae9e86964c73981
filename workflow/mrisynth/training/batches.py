"""Batches of real images, each a function of the seed and its number alone."""

from __future__ import annotations

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
    Batches run across the end of an epoch; a cohort smaller than a batch repeats scans inside it.

    Args:
        images: uint8 [scan, x, y, z], 0 .. 255 (a memory map is read batch by batch on the CPU).
        rows: rows of ``images`` that are trained on.
        labels: class numbers aligned with ``rows``; -1 is missing.
        batch_size: images in a batch.
        seed: the study's seed.
        model: name of the model.
        device: where the batches go; on a GPU all images are moved there once when they fit.

    Raises:
        MrisynthError: without rows, or with another number of labels.
    """

    def __init__(
        self, images: np.ndarray, *, rows: np.ndarray, labels: np.ndarray, batch_size: int, seed: int, model: str,
        device: str,
    ) -> None:  # fmt: skip
        if not len(rows):
            raise MrisynthError(f"Model {model}: found no training image; the training split of its cohort is empty.")
        if len(rows) != len(labels):
            raise MrisynthError(f"Model {model}: {len(rows)} training images but {len(labels)} labels; one label each.")
        self.rows = np.asarray(rows, dtype=np.int64)
        self.labels = torch.as_tensor(np.asarray(labels, dtype=np.int64))
        self.batch_size = batch_size
        self.device = torch.device(device)
        self._images = images
        self._on_device = _on_device(images, self.rows, self.device)
        self._seed, self._model = seed, model
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __getitem__(self, number: int) -> Batch:
        """Return batch ``number``, counted from 0 at the start of the training."""
        positions = range(number * self.batch_size, (number + 1) * self.batch_size)
        chosen = np.array([self._at(position) for position in positions])
        if self._on_device is None:
            packed = torch.from_numpy(np.ascontiguousarray(self._images[self.rows[chosen]])).to(self.device)
        else:
            packed = self._on_device[torch.from_numpy(chosen).to(self.device)]
        return Batch(images=to_unit(packed)[:, None], labels=self.labels[chosen].to(self.device))

    def _at(self, position: int) -> int:
        epoch, place = divmod(position, len(self.rows))
        if epoch != self._epoch:
            order = numpy_generator(self._seed, "train", self._model, "epoch", epoch).permutation(len(self.rows))
            self._epoch, self._order = epoch, order
        return int(self._order[place])


def _on_device(images: np.ndarray, rows: np.ndarray, device: torch.device) -> Tensor | None:
    if device.type != "cuda":
        return None
    free_bytes, _ = torch.cuda.mem_get_info(device)
    bytes_needed = len(rows) * int(np.prod(images.shape[1:]))
    if bytes_needed > _SHARE_OF_DEVICE * free_bytes:
        return None
    return torch.stack([torch.from_numpy(np.array(images[row])).to(device) for row in rows])
