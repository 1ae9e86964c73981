"""Embedding: packed volumes to a table of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from mrisynth.colour import in_colour
from mrisynth.embedding.interface import FeatureNetwork
from mrisynth.errors import MrisynthError
from mrisynth.progress import Progress


def embed(images: np.ndarray | Sequence[np.ndarray], network: FeatureNetwork, *, what: str) -> np.ndarray:
    """Return float32 features [n, width] of n packed volumes.

    Volumes are given to the network one at a time: the features of a volume are the same to the last bit whatever
    stands before, after or beside it, on the same kind of device with the same number of threads.

    Args:
        images: uint8 [n, x, y, z], slices [n, row, column] or [n, row, column, 3], or n of one shape; 0 the background,
            255 the top of the range; may be memory-mapped.
        network: the feature network.
        what: words for the progress line.

    Raises:
        MrisynthError: a volume is not a packed one, or a feature is not finite.
    """
    features = np.empty((len(images), network.width), dtype=np.float32)
    volumes = (images[row] for row in range(len(images)))
    for row, found in enumerate(embedded(volumes, network, what=what, count=len(images))):
        features[row] = found
    return features


def embedded(images: Iterable[np.ndarray], network: FeatureNetwork, *, what: str, count: int) -> Iterator[np.ndarray]:
    """Yield the features of one of ``count`` volumes or slices after the other, float32 [width]; see :func:`embed`."""
    progress = Progress(what, count)
    for row, image in enumerate(images):
        if image.ndim not in (2, 3) or image.dtype != np.uint8:
            raise MrisynthError(
                f"{what}: expected uint8 volumes [x, y, z] or slices [row, column] (in colour [row, column, 3]), found "
                f"{image.dtype} {image.shape}."
            )
        features = network(_as_networks_take(image)).numpy()[0]
        if not np.isfinite(features).all():
            raise MrisynthError(
                f"{what}: the features of volume {row} are not finite; check the weights of {network.name}."
            )
        yield features
        progress.advance()


def _as_networks_take(image: np.ndarray) -> torch.Tensor:
    """Return a packed image as [1, channels, ...]."""
    tensor = torch.from_numpy(np.array(image))
    return tensor.movedim(2, 0)[None].contiguous() if in_colour(image.shape) else tensor[None, None]
