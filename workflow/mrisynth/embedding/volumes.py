"""From the configuration's feature networks and packed volumes to embeddings that carry their origin."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrisynth.colour import in_colour
from mrisynth.embedding.cache import FeatureCache, image_sha256
from mrisynth.embedding.embed import embedded
from mrisynth.embedding.interface import FeatureNetwork, FeatureSpec
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError

_logger = logging.getLogger(__name__)


def feature_spec(name: str, entry: Mapping[str, Any], *, weights: str) -> FeatureSpec:
    """Return the specification of an entry under ``features:``; ``weights`` is its file, empty without one."""
    given = {key: entry[key] for key in ("network", "sha256", "seed", "input", "slices")}
    given |= {"width": entry["width"]} if entry["width"] else {}
    return FeatureSpec(name=name, weights=Path(weights) if weights else None, **given)


def view_of(shape: tuple[int, ...]) -> int | str:
    """Return what a feature network sees of an image of this shape: the size of a volume, ``slice 64`` of a slice."""
    return int(shape[0]) if len(shape) == 3 and not in_colour(shape) else f"slice {shape[0]}"


def embed_volumes(
    images: np.ndarray | Sequence[np.ndarray],
    ids: Sequence[str],
    network: FeatureNetwork,
    *,
    what: str,
    cache: Path | None = None,
) -> Embeddings:
    """Embed uint8 volumes, or slices, whose names are ``ids``; equal ones are embedded once.

    Args:
        images: uint8 [n, x, y, z] or [n, row, column], in colour with a last axis of channels, or n of one shape.
        ids: n names.
        network: the feature network.
        what: words for the progress line.
        cache: folder of the cache; what it knows is not embedded, and what is new is added, also when the job fails
            half-way.

    Raises:
        MrisynthError: names and volumes do not match, or as :func:`mrisynth.embedding.embed.embed`.
    """
    sha256, shapes = [], set()
    for row in range(len(images)):
        image = images[row]
        sha256.append(image_sha256(image))
        shapes.add(image.shape)
    if len(sha256) != len(ids) or len(shapes) != 1:
        raise MrisynthError(
            f"{what}: expected volumes of one shape and a name for each, found {len(sha256)} volumes of "
            f"{len(shapes)} shapes and {len(ids)} names."
        )
    known = _known(images, sha256, network, what=what, cache=cache)
    features = np.stack([known[name] for name in sha256])
    meta = network.description() | {"view": view_of(shapes.pop())}
    return Embeddings(features=features, ids=list(ids), meta=meta, image_sha256=sha256)


def _known(
    images: np.ndarray | Sequence[np.ndarray],
    sha256: Sequence[str],
    network: FeatureNetwork,
    *,
    what: str,
    cache: Path | None,
) -> dict[str, np.ndarray]:
    """Return the features of every volume by its checksum, from the cache or embedded now."""
    kept = FeatureCache(cache, network) if cache else None
    known = kept.find(sha256) if kept else {}
    new: dict[str, int] = {}
    for row, name in enumerate(sha256):
        if name not in known:
            new.setdefault(name, row)
    fresh: dict[str, np.ndarray] = {}
    found = embedded((images[row] for row in new.values()), network, what=what, count=len(new))
    try:
        for name, features in zip(new, found, strict=True):
            fresh[name] = features
    finally:
        if kept and fresh:
            kept.keep(fresh)
    _logger.info("%s: %d volumes, %d of them embedded now.", what, len(sha256), len(fresh))
    return known | fresh
