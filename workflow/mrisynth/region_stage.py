"""Region volumes of sets of packed volumes: one row each, with a reason where no tissues were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.tissue import Contrast, TissueAtlas, fit_contrast, region_volumes_mm3
from mrisynth.progress import track
from mrisynth.seeds import numpy_generator
from mrisynth.store import Pyramid

_CONTRAST_SCANS = 32


def measure_regions(
    volumes: Sequence[np.ndarray] | np.ndarray,
    ids: Sequence[str],
    *,
    atlas: TissueAtlas,
    contrast: Contrast,
    what: str,
) -> pd.DataFrame:
    """Return ``id``, ``reason`` and the volume of each region in mm3, one row a volume.

    A volume in which no tissues can be told apart (noise, an empty or constant volume, something that is no brain in
    the template's place) has a reason and missing volumes; see :func:`mrisynth.imaging.tissue.tissue_fractions`.

    Args:
        volumes: uint8 [n, x, y, z]; may be memory-mapped.
        ids: their names.
        atlas: on their grid.
        contrast: of the cohort.
        what: is shown with the progress.
    """
    rows = []
    for name, volume in track(zip(ids, volumes, strict=True), what, len(ids)):
        row: dict[str, object] = {"id": name, "reason": ""}
        try:
            row |= region_volumes_mm3(np.asarray(volume), atlas, contrast=contrast)
        except ScanError as error:
            row["reason"] = error.reason
        rows.append(row)
    return pd.DataFrame(rows, columns=["id", "reason", *atlas.regions]).round(dict.fromkeys(atlas.regions, 1))


def cohort_contrast(packed: Pyramid, training: Iterable[str], *, atlas: TissueAtlas, seed: int) -> Contrast:
    """Return the contrast of up to 32 training scans, chosen by the seed.

    Args:
        packed: the real scans.
        training: names of the training scans; those that are not packed are passed over.
        atlas: on their grid.
        seed: the study's seed.
    """
    rows = packed.rows(sorted(set(packed.scans) & set(training)))
    chosen = numpy_generator(seed, "tissue contrast").permutation(rows)[:_CONTRAST_SCANS]
    return fit_contrast((np.asarray(packed.images[row]) for row in np.sort(chosen)), atlas)


def parts_of(columns: Iterable[str]) -> list[str]:
    """Return the regions that do not overlap among the columns of a table of region volumes.

    Raises:
        MrisynthError: there is none.
    """
    parts = [name for name in columns if name not in ("id", "reason") and not name.startswith("total_")]
    if not parts:
        raise MrisynthError("The table of region volumes has no regions; measure them again.")
    return parts
