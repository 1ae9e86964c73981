"""Where a structure lies in template space, by label maps of training scans that are carried there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.registration import Registration
from mrisynth.label_map_stage import only_map, read_labels
from mrisynth.progress import track
from mrisynth.seeds import numpy_generator
from mrisynth.slices.positions import Cut
from mrisynth.slices.region_maps import cut_region

_LOG = logging.getLogger(__name__)
_MOST_SCANS = 100  # the probability of a voxel is then known to 0.05


def training_scans(scans: pd.DataFrame, quality: pd.DataFrame, *, seed: int) -> list[str]:
    """Return a scan of each of up to 100 training participants, chosen by the seed, in the order of their names.

    Args:
        scans: the scans table, with ``scan``, ``participant_id`` and ``split``.
        quality: ``scan`` and ``status``; only those that passed are chosen.
        seed: the study's seed.
    """
    passed = set(quality.loc[quality["status"] == "passed", "scan"].astype(str))
    mine = scans[(scans["split"] == "train") & scans["scan"].astype(str).isin(passed)].sort_values("scan")
    order = numpy_generator(seed, "label maps of slices").permutation(len(mine))
    chosen = mine.iloc[order].drop_duplicates("participant_id").head(_MOST_SCANS)
    return sorted(chosen["scan"].astype(str))


def maps_of_scans(scans: Sequence[str], folders: Sequence[Path], *, own: bool) -> dict[str, Path]:
    """Return the label map of each scan that has one.

    Args:
        scans: their names.
        folders: hold the maps.
        own: the folders are those of simulated heads, whose maps are ``{scan}_labels.nii.gz``; else a scan has the
            only ``{scan}*.nii.gz`` or ``{scan}*.nii`` there is.
    """
    files = sorted(path for folder in folders for path in folder.iterdir() if path.name.endswith((".nii", ".nii.gz")))
    by_name = {path.name: path for path in files}
    found: dict[str, Path] = {}
    for scan in scans:
        try:
            found[scan] = by_name[f"{scan}_labels.nii.gz"] if own else only_map(scan, files)
        except (KeyError, ScanError):
            _LOG.warning("%s has no label map, or several; the region is made without it", scan)
    return found


def region_probability(
    maps: Mapping[str, Path], preprocessed: Path, *, labels: Sequence[int], size: int, field_mm: float
) -> tuple[np.ndarray, int]:
    """Return how often each voxel of the cube is in the structure, over the scans.

    Each map is carried to the template as its scan was (:meth:`mrisynth.imaging.registration.Registration.apply`).

    Args:
        maps: scan -> its label map, in the scan's space.
        preprocessed: holds the registration of each scan in a folder of its name.
        labels: values that are together the structure.
        size: voxels a side.
        field_mm: edge of the cube.

    Returns:
        float32 [x, y, z], 0..1, and the number of scans behind it; maps that cannot be read are passed over.

    Raises:
        MrisynthError: no map can be used, or none has the structure.
    """
    total, count = np.zeros((size,) * 3, dtype=np.float32), 0
    for scan, path in track(maps.items(), "label maps", len(maps)):
        try:
            values, affine = read_labels(path)
        except ScanError as error:
            _LOG.warning("%s: %s", scan, error)
            continue
        mask = nib.Nifti1Image(np.isin(values, labels).astype(np.float32), affine)
        moved = Registration.read(preprocessed / scan).apply(mask, size=size, field_mm=field_mm)
        total += np.asarray(moved.dataobj)
        count += 1
    if not count:
        raise MrisynthError("No training scan has a label map that can be read; see evaluation.label_maps.")
    if not total.any():
        raise MrisynthError(
            f"None of {count} label maps has a voxel of {_words(labels)}; see evaluation.slice_areas.regions."
        )
    return np.clip(total / count, 0.0, 1.0), count


def region_positions(
    probability: np.ndarray, cuts: Sequence[Cut], *, field_mm: float, labels: Sequence[int], scans: int
) -> pd.DataFrame:
    """Return how much of the structure each position shows, one row a position in the order of the cuts.

    Columns: ``position``, ``plane``, ``slice``, ``position_mm``, ``area_mm2`` (mean area of the structure), ``highest``
    (largest probability of a voxel), ``scans`` (label maps behind it), ``labels``.

    Raises:
        MrisynthError: no position shows anything of it.
    """
    whole = cut_region(probability, cuts, size=len(probability))
    if not whole.any():
        raise MrisynthError(
            f"No slice of slices.positions shows anything of {_words(labels)}; choose other positions, other "
            "evaluation.slice_areas.regions, or leave slice_areas out of evaluation.metrics."
        )
    pixel_mm2 = (field_mm / len(probability)) ** 2
    rows: list[dict[str, Any]] = [
        {"position": cut.name, "plane": cut.plane, "slice": cut.index, "position_mm": cut.position_mm}
        | {"area_mm2": round(float(part.sum()) * pixel_mm2, 2), "highest": round(float(part.max()), 4)}
        | {"scans": scans, "labels": " ".join(map(str, labels))}
        for cut, part in zip(cuts, whole, strict=True)
    ]
    return pd.DataFrame(rows)


def _words(labels: Sequence[int]) -> str:
    return f"the label{'s' if len(labels) > 1 else ''} {', '.join(map(str, labels))}"
