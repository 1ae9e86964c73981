"""Embedding: packed volumes to a table of features."""

from __future__ import annotations

import numpy as np
import torch

from mrisynth.embedding.interface import FeatureNetwork
from mrisynth.errors import MrisynthError
from mrisynth.progress import Progress


def embed(images: np.ndarray, network: FeatureNetwork, *, batch_size: int, what: str) -> np.ndarray:
    """Return float32 features [n, width] of n packed volumes.

    Args:
        images: uint8 [n, x, y, z], 0 the background, 255 the top of the range; may be memory-mapped.
        network: the feature network.
        batch_size: volumes at once; changes speed and memory, features only in the last digits.
        what: words for the progress line.

    Raises:
        MrisynthError: the array is not packed volumes, or a feature is not finite.
    """
    if images.ndim != 4 or images.dtype != np.uint8:
        raise MrisynthError(f"{what}: expected uint8 volumes [n, x, y, z], found {images.dtype} {images.shape}.")
    features = np.empty((len(images), network.width), dtype=np.float32)
    progress = Progress(what, len(images))
    for start in range(0, len(images), batch_size):
        batch = torch.from_numpy(np.array(images[start : start + batch_size]))[:, None]
        features[start : start + len(batch)] = network(batch).numpy()
        progress.advance(len(batch))
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features).all(axis=1)).sum())
        raise MrisynthError(f"{what}: the features of {bad} volumes are not finite; check the weights of the network.")
    return features
