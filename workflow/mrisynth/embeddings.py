"""Embeddings: features of a set of volumes with their identifiers and their origin, as one file without pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrisynth.errors import MrisynthError
from mrisynth.feature_weights import COHORT_ENCODER
from mrisynth.files import atomic


@dataclass(frozen=True)
class Embeddings:
    """Features of a set of volumes.

    Attributes:
        features: float32 [n, width].
        ids: n scan names or sample names.
        meta: the feature network's description (``features``, ``weights_sha256``, ``trained`` ...) and ``view``.
        image_sha256: n checksums of the volumes (:func:`mrisynth.embedding.cache.image_sha256`); empty where they are
            not known.
    """

    features: np.ndarray
    ids: list[str]
    meta: dict[str, Any]
    image_sha256: list[str] = field(default_factory=list)

    @property
    def knows_training_scans(self) -> bool:
        """Whether the network learned from this cohort's training scans, which then look unlike all others to it."""
        return self.meta.get("network") == COHORT_ENCODER

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """Return the features of the named volumes, in that order."""
        position = {name: row for row, name in enumerate(self.ids)}
        unknown = [name for name in ids if name not in position]
        if unknown:
            raise MrisynthError(f"{len(unknown)} of {len(ids)} volumes have no features (first: {unknown[0]}).")
        return self.features[[position[name] for name in ids]]

    def taken(self, rows: Sequence[int]) -> Embeddings:
        """Return these rows, in this order, as embeddings of their own."""
        sha256 = [self.image_sha256[row] for row in rows] if self.image_sha256 else []
        features = self.features[np.asarray(rows, dtype=np.int64)]
        return Embeddings(features, [self.ids[row] for row in rows], self.meta, sha256)


def save_embeddings(embeddings: Embeddings, path: str | Path) -> None:
    """Write features, identifiers and origin as one ``.npz`` that loads without pickle."""
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        np.savez(
            stream,
            features=embeddings.features.astype(np.float32),
            ids=np.array(embeddings.ids, dtype=np.str_),
            meta=np.array(json.dumps(embeddings.meta, sort_keys=True, allow_nan=False)),
            image_sha256=np.array(embeddings.image_sha256, dtype="U64"),
        )


def load_embeddings(path: str | Path) -> Embeddings:
    """Read what :func:`save_embeddings` wrote.

    Raises:
        MrisynthError: the file is missing, damaged or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            features, ids, meta = stored["features"], stored["ids"].tolist(), json.loads(stored["meta"].item())
            sha256 = stored["image_sha256"].tolist() if "image_sha256" in stored else []
    except (OSError, KeyError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise MrisynthError(f"{path} cannot be read as embeddings ({error}); delete it and run again.") from error
    if len(features) != len(ids) or len(sha256) not in (0, len(ids)):
        raise MrisynthError(
            f"{path} holds {len(features)} rows of features for {len(ids)} identifiers and {len(sha256)} checksums of "
            "volumes; delete it."
        )
    return Embeddings(features=features, ids=[str(name) for name in ids], meta=meta, image_sha256=sha256)


def read_embeddings(paths: Iterable[str | Path]) -> dict[tuple[str, str], Embeddings]:
    """Return embeddings by (features, source); the source is the name of the file without its ending."""
    read = [(Path(path).stem, load_embeddings(path)) for path in paths]
    return {(found.meta["features"], source): found for source, found in read}


def feature_spaces(found: Iterable[tuple[str, str]]) -> list[str]:
    """Return the feature spaces of embeddings by (features, source), each once.

    Raises:
        MrisynthError: there are no embeddings.
    """
    spaces = list(dict.fromkeys(features for features, _ in found))
    if not spaces:
        raise MrisynthError("There are no embeddings to score; name feature networks under evaluation.features.")
    return spaces
