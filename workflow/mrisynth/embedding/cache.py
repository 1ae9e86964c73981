"""Cache of features: what a network said of a volume is kept by the checksums of both and never computed twice."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mrisynth.embedding.interface import FeatureNetwork
from mrisynth.files import atomic
from mrisynth.versions import version_of

_logger = logging.getLogger(__name__)


def image_sha256(image: np.ndarray) -> str:
    """Return the SHA-256 of a volume's type, shape and bytes in C order."""
    digest = hashlib.sha256(f"{image.dtype} {image.shape}\n".encode())
    digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()


class FeatureCache:
    """The features of one network, in packs under ``folder/{network's sha256}/``.

    Features of code of another version (:mod:`mrisynth.versions`) have a folder of their own, whose name ends with it.
    Jobs that run at the same time may share a folder: packs are written whole, and one that two jobs make is the same
    twice. A pack that cannot be read is ignored with a warning; its volumes are embedded anew.
    """

    def __init__(self, folder: Path, network: FeatureNetwork) -> None:
        versions = map(str, version_of("features").values())
        self.folder = folder / "-".join([network.sha256(), *versions])
        self._width = network.width
        self._description = network.description()

    def find(self, wanted: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the features, float32 [width], of those volumes that are known.

        Args:
            wanted: checksums of volumes, see :func:`image_sha256`.
        """
        left, found = set(wanted), {}
        for path in sorted(self.folder.glob("*.npz")):
            if not left:
                break
            found |= self._read(path, left)
            left -= found.keys()
        return found

    def keep(self, features: Mapping[str, np.ndarray]) -> None:
        """Write the features of some volumes as one pack, named by their checksums."""
        names = sorted(features)
        pack = hashlib.sha256("".join(names).encode()).hexdigest()[:32]
        with atomic(self.folder / f"{pack}.npz") as unfinished, unfinished.open("wb") as stream:
            np.savez(
                stream,
                image_sha256=np.array(names, dtype="U64"),
                features=np.stack([features[name] for name in names]).astype(np.float32),
                meta=np.array(json.dumps(self._description, sort_keys=True)),
            )

    def _read(self, path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
        try:
            with np.load(path, allow_pickle=False) as stored:
                names = stored["image_sha256"].tolist()
                if wanted.isdisjoint(names):
                    return {}
                features = stored["features"]
        except (OSError, KeyError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
            return _ignored(path, f"cannot be read ({error})")
        if features.dtype != np.float32 or features.shape != (len(names), self._width):
            return _ignored(path, f"holds {features.dtype} {features.shape} for {len(names)} volumes")
        if not np.isfinite(features).all():
            return _ignored(path, "holds features that are not finite")
        return {name: row for name, row in zip(names, features, strict=True) if name in wanted}


def _ignored(path: Path, why: str) -> dict[str, np.ndarray]:
    _logger.warning("%s %s: it is ignored and its volumes are embedded anew; it may be deleted.", path, why)
    return {}
