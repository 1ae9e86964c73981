"""Where in slices the structures of covariates lie, by label maps of training participants."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic
from mrisynth.region_covariate_stage import maps_of
from mrisynth.region_covariates import RegionPlan
from mrisynth.region_numberings import structures_of
from mrisynth.slice_region_stage import region_probability, training_scans
from mrisynth.slices.positions import Cut
from mrisynth.slices.region_maps import cut_region

_LOG = logging.getLogger(__name__)
_ENDING = "_ml"
_MOST_SCANS = 40  # the probability of a voxel is then known to 0.08


def control_regions(
    covariates: Sequence[str], *, scans: pd.DataFrame, quality: pd.DataFrame, regions: pd.DataFrame, plan: RegionPlan,
    preprocessed: Path, cohort: str, cuts: Sequence[Cut], volume_size: int, sizes: Sequence[int], field_mm: float,
    seed: int,
) -> dict[int, dict[str, np.ndarray]]:  # fmt: skip
    """Return by size and covariate where its structure lies, float32 [position, row, column], 0..1.

    Of up to 40 training participants whose maps are of the commonest numbering, chosen by the seed. A covariate that is
    no structure of that numbering has no map.

    Args:
        covariates: names, such as ``ventricles_ml``.
        scans, quality: tables of the scans.
        regions: table of region covariates, with ``scan``, ``reason`` and ``numbering``.
        plan: whose label maps they are.
        preprocessed: holds the registration of every scan in a folder of its name.
        cohort: ``cohort.name``.
        cuts: positions of the slices.
        volume_size: of the volumes that slices are cut from.
        sizes: of the slices.
        field_mm: edge of the field of view.
        seed: the study's seed.
    """
    measured = regions[regions["reason"].isna() | (regions["reason"] == "")]
    numbering = str(measured["numbering"].mode()[0])
    alike = set(measured.loc[measured["numbering"] == numbering, "scan"].astype(str))
    mine = scans[scans["scan"].astype(str).isin(alike)]
    chosen = training_scans(mine, quality, seed=seed)[:_MOST_SCANS]
    maps = maps_of(mine[mine["scan"].astype(str).isin(chosen)], plan, cohort=cohort)
    structures = structures_of(numbering, plan.structures)
    found: dict[int, dict[str, np.ndarray]] = {size: {} for size in sizes}
    for covariate in covariates:
        labels = structures.get(covariate.removesuffix(_ENDING), ())
        if not covariate.endswith(_ENDING) or not labels:
            continue
        try:
            probability, count = region_probability(
                maps, preprocessed, labels=labels, size=volume_size, field_mm=field_mm
            )
        except MrisynthError as error:
            _LOG.warning("%s is not measured in pixels: %s", covariate, error)
            continue
        _LOG.info("%s: %d label maps", covariate, count)
        for size in sizes:
            found[size][covariate] = cut_region(probability, cuts, size=size)
    return found


def save_regions(regions: Mapping[str, np.ndarray], path: Path) -> None:
    """Write the maps of one size as one ``.npz`` without pickle."""
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        np.savez_compressed(stream, **regions)
