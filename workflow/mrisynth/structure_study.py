"""Structure scores of one model or of the controls of one size, from packed volumes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mrisynth.metrics.scoring import Scored
from mrisynth.metrics.structure import RealVolumes, VolumeSource, score_structure
from mrisynth.scans_table import text_of_scans
from mrisynth.store import Pyramid

_FACTOR = 4  # between HA-GAN's two branches


def structure_of_model(
    packed: Pyramid, scans: pd.DataFrame, *, model: str, samples: np.ndarray, untrained: np.ndarray,
    low: np.ndarray | None, seed: int, pairs: int, replicates: int,
) -> Scored:  # fmt: skip
    """Return the scores of a model's samples, of its untrained generator, and of its low resolution where it is given.

    Args:
        packed: the real scans at the model's size.
        scans: the scans table.
        model: its name.
        samples: uint8 [n, s, s, s].
        untrained: uint8 [n, s, s, s].
        low: uint8 [n, s/4, s/4, s/4], compared with real scans averaged over blocks of 4 x 4 x 4 voxels; or None.
        seed, pairs, replicates: as in :func:`mrisynth.metrics.structure.score_structure`.

    Raises:
        MrisynthError: a packed scan is not in the scans table, or as there.
    """
    settings = {"seed": seed, "pairs": pairs, "replicates": replicates}
    sources = [VolumeSource(model, "model", samples), VolumeSource(model, "untrained", untrained)]
    full = score_structure(_real(packed, packed.images, scans), sources, view=str(packed.size), **settings)
    if low is None:
        return full
    real = _real(packed, low_resolution(packed.images), scans)
    of_low = score_structure(real, [VolumeSource(model, "model", low)], view=f"{packed.size} low", **settings)
    return Scored(pd.concat([full.table, of_low.table], ignore_index=True), full.replicates | of_low.replicates)


def structure_of_controls(
    packed: Pyramid, scans: pd.DataFrame, controls: Mapping[str, np.ndarray], *, seed: int, pairs: int, replicates: int
) -> pd.DataFrame:
    """Return the score table of controls: name -> uint8 [n, s, s, s]."""
    sources = [VolumeSource(name, "control", images) for name, images in controls.items()]
    real = _real(packed, packed.images, scans)
    return score_structure(real, sources, view=str(packed.size), seed=seed, pairs=pairs, replicates=replicates).table


def low_resolution(images: np.ndarray) -> np.ndarray:
    """Return uint8 [n, s, s, s] averaged over blocks of 4 x 4 x 4 voxels, uint8 [n, s/4, s/4, s/4], one by one."""
    size = images.shape[1] // _FACTOR
    blocks = (size, _FACTOR) * 3
    return np.stack(
        [np.rint(image.reshape(blocks).mean(axis=(1, 3, 5), dtype=np.float64)).astype(np.uint8) for image in images]
    )


def _real(packed: Pyramid, images: np.ndarray, scans: pd.DataFrame) -> RealVolumes:
    columns = text_of_scans(scans, packed.scans, "split", "participant_id")
    return RealVolumes(images, packed.scans, *(dict(zip(packed.scans, column, strict=True)) for column in columns))
