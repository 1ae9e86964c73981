"""Masks of few classes under every packed image: label maps carried to the template as their scans were."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import atomic, sha256_of
from mrisynth.imaging.label_maps import class_map, resampled_mask
from mrisynth.imaging.registration import Registration
from mrisynth.label_classes import UNKNOWN, label_classes
from mrisynth.label_map_stage import read_labels
from mrisynth.progress import track
from mrisynth.region_covariate_stage import maps_of
from mrisynth.region_covariates import RegionPlan
from mrisynth.slices.positions import Cut
from mrisynth.slices.region_maps import cut_mask

_LOG = logging.getLogger(__name__)


class MaskSource(Protocol):
    """What masks are made of."""

    def told(self, scan: str) -> dict[str, str]:
        """Return where the mask of a scan is from: ``numbering`` and ``sha256``, both text."""
        ...

    def cube(self, scan: str) -> np.ndarray:
        """Return the mask of a scan, uint8 [x, y, z], 0 the background; raises ScanError where there is none."""
        ...


class Masks:
    """The masks of scans on the cube that a study packs, made of label maps; a :class:`MaskSource`.

    Args:
        maps: scan -> its label map, in the scan's own space.
        preprocessed: holds the registration of each scan in a folder of its name.
        numberings: scan -> the numbering of its map, one of :data:`mrisynth.region_numberings.NUMBERINGS`.
        classes: name of a class -> structures and labels, as :func:`mrisynth.label_classes.label_classes` takes them.
        size: voxels a side of the cube.
        field_mm: edge of the cube.
    """

    def __init__(
        self,
        maps: Mapping[str, Path],
        preprocessed: str | Path,
        *,
        numberings: Mapping[str, str],
        classes: Mapping[str, Sequence[str | int]],
        size: int,
        field_mm: float,
    ) -> None:
        self._maps, self._preprocessed, self._numberings = maps, Path(preprocessed), numberings
        self._size, self._field_mm, self._names = size, field_mm, list(classes)
        self._labels = {
            numbering: label_classes(classes, numbering=numbering, key="masks.classes")
            for numbering in sorted(set(numberings.values()))
        }

    def told(self, scan: str) -> dict[str, str]:
        """Return where a mask is from: ``numbering`` and ``sha256`` of its label map, empty where there is none."""
        if scan not in self._numberings or scan not in self._maps:
            return {"numbering": "", "sha256": ""}
        return {"numbering": self._numberings[scan], "sha256": sha256_of(self._maps[scan])}

    def cube(self, scan: str) -> np.ndarray:
        """Return the mask of a scan, uint8 [x, y, z], 0 the background; every voxel has one label, none is averaged.

        Raises:
            ScanError: there is no label map whose numbering is known (reason ``missing``), it cannot be read, or it has
                none of the classes (``no_classes``).
        """
        if scan not in self._maps or scan not in self._numberings:
            raise ScanError("missing", f"{scan} has no label map that could be measured; see covariates/regions.tsv.")
        values, affine = read_labels(self._maps[scan])
        mask = class_map(values, self._labels[self._numberings[scan]])
        if not mask.any():
            raise ScanError("no_classes", f"{self._maps[scan]} has no voxel of {', '.join(self._names)}.")
        moved = Registration.read(self._preprocessed / scan).apply(
            nib.Nifti1Image(mask, affine), size=self._size, field_mm=self._field_mm, interpolation="nearest"
        )
        return np.rint(np.asarray(moved.dataobj)).astype(np.uint8)


def masks_of_maps(
    scans: pd.DataFrame,
    regions: pd.DataFrame,
    plan: RegionPlan,
    *,
    cohort: str,
    preprocessed: str | Path,
    classes: Mapping[str, Sequence[str | int]],
    size: int,
    field_mm: float,
) -> Masks:
    """Return the masks of the label maps that covariates were measured in.

    Args:
        scans: the scans table.
        regions: ``covariates/regions.tsv``.
        plan: of ``covariates.regions``.
        cohort: name of the cohort.
        preprocessed, classes, size, field_mm: as :class:`Masks`.
    """
    measured = regions.dropna(subset="numbering").set_index("scan")
    return Masks(
        maps_of(scans[scans["scan"].isin(measured.index)], plan, cohort=cohort),
        preprocessed,
        numberings=measured["numbering"].to_dict(),
        classes=classes,
        size=size,
        field_mm=field_mm,
    )


def pack_masks(
    images: pd.DataFrame,
    masks: MaskSource,
    *,
    cuts: Sequence[Cut] | None,
    size: int,
    hidden: Collection[str],
    known: Path,
    shown: Path,
) -> pd.DataFrame:
    """Write the masks under packed images, row by row, twice: all that are known, and what training may see of them.

    Of the scans of a domain that counts as unannotated, and of scans without a usable label map, every voxel of
    ``shown`` is :data:`UNKNOWN`; ``known`` has the masks of the former, for scores. Whoever trains is given ``shown``
    alone, so that no label of such a domain can leak.

    Args:
        images: rows that are packed: ``row`` from 0 without a gap, ``scan``; of slices ``plane`` and ``slice`` too.
        masks: of the scans.
        cuts: positions of the slices; None for volumes.
        size: edge of the packed images.
        hidden: scans that count as unannotated.
        known, shown: ``.npy``, uint8 [image, ...].

    Returns:
        One row a scan: ``scan``, ``reason`` (empty where the mask is known), ``annotated`` (training sees it), and
        ``numbering`` and ``sha256`` of what it was made of.

    Raises:
        MrisynthError: the rows have gaps, or no scan has a mask that training may see.
    """
    images = images.sort_values("row")
    if images["row"].tolist() != list(range(len(images))):
        raise MrisynthError(f"The packed images have {len(images)} rows with gaps; pack them again.")
    shape = (len(images), *[size] * (3 if cuts is None else 2))
    told: list[dict[str, object]] = []
    with atomic(known) as known_file, atomic(shown) as shown_file:
        arrays = [
            np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape) for path in (known_file, shown_file)
        ]
        for scan, rows in track(list(images.groupby("scan", sort=False)), "masks", images["scan"].nunique()):
            found, reason = _found(masks, str(scan), rows, cuts=cuts, size=size)
            annotated = not reason and scan not in hidden
            for row, mask in zip(rows["row"], found, strict=True):
                arrays[0][row] = mask
                arrays[1][row] = mask if annotated else UNKNOWN
            told.append({"scan": scan, "reason": reason, "annotated": annotated} | masks.told(str(scan)))
        for array in arrays:
            array.flush()
        table = pd.DataFrame(told)
        if not table["annotated"].any():
            reasons = table["reason"].value_counts().to_dict()
            raise MrisynthError(
                f"None of {len(table)} scans has a mask that training may see ({reasons}, {len(hidden)} unannotated); "
                "see masks in the configuration."
            )
    return table


def _found(
    masks: MaskSource, scan: str, rows: pd.DataFrame, *, cuts: Sequence[Cut] | None, size: int
) -> tuple[Iterator[np.ndarray | int], str]:
    try:
        cube = masks.cube(scan)
    except ScanError as error:
        _LOG.warning("%s: %s", scan, error)
        return iter([UNKNOWN] * len(rows)), error.reason
    if cuts is None:
        return iter([resampled_mask(cube, shape=(size,) * 3)] * len(rows)), ""
    return _cut(cube, rows, cuts, size=size), ""


def _cut(cube: np.ndarray, rows: pd.DataFrame, cuts: Sequence[Cut], *, size: int) -> Iterator[np.ndarray]:
    at = {(cut.plane, cut.index): cut for cut in cuts}
    for plane, index in zip(rows["plane"], rows["slice"], strict=True):
        yield cut_mask(cube, [at[plane, int(index)]], size=size)[0]
