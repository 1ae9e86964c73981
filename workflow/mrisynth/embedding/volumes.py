"""From the configuration's feature networks and packed volumes to embeddings that carry their origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrisynth.embedding.embed import embed
from mrisynth.embedding.interface import FeatureNetwork, FeatureSpec
from mrisynth.embeddings import Embeddings


def feature_spec(name: str, entry: Mapping[str, Any], *, weights: str) -> FeatureSpec:
    """Return the specification of an entry under ``features:``; ``weights`` is its file, empty without one."""
    return FeatureSpec(
        name=name,
        network=entry["network"],
        weights=Path(weights) if weights else None,
        sha256=entry["sha256"],
        seed=entry["seed"],
        width=entry["width"],
    )


def embed_volumes(
    images: np.ndarray, ids: Sequence[str], network: FeatureNetwork, *, batch_size: int, what: str
) -> Embeddings:
    """Embed uint8 volumes [n, x, y, z] whose names are ``ids``."""
    features = embed(images, network, batch_size=batch_size, what=what)
    return Embeddings(features=features, ids=list(ids), meta=network.description() | {"view": int(images.shape[1])})
