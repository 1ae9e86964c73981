"""Packed images and their masks as cases: which of them an arm is trained or tested on, and where they lie."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.imaging.grid import grid_affine
from mrisynth.label_classes import UNKNOWN
from mrisynth.segmentation.cases import Case, slice_affine
from mrisynth.slices.slice_set import read_index

TOP = np.float32(255.0)
_NEAR = 1e-6


@dataclass(frozen=True, kw_only=True)
class PackedCases:
    """Images of one size with their masks.

    Attributes:
        images: uint8 [image, ...].
        masks: uint8 of the same shape; 255 throughout where a mask is not known, or may not be seen.
        rows: one row an image: ``row``, ``scan``, ``participant_id``, ``split``, ``mask`` (``annotated``,
            ``unannotated``: it is known, but training may not see it, or ``none``); of slices ``plane`` and ``slice``.
        field_mm: edge of the field of view.
        cut_size: of slices, voxels a side of the cubes that they are cut from.
    """

    images: np.ndarray
    masks: np.ndarray
    rows: pd.DataFrame
    field_mm: float
    cut_size: int

    @classmethod
    def read(
        cls, images: Path, *, index: Path, scans: Path, masks: Path, facts: Path, field_mm: float, cut_size: int
    ) -> PackedCases:
        """Open packed images and masks, and join what is known of their scans.

        Args:
            images: ``{size}.npy`` of the pyramid or of the slices.
            index: of these images.
            scans: the table of the scans.
            masks: ``{size}.shown.npy``, or ``{size}.known.npy`` for whoever may see all.
            facts: ``{size}.tsv`` beside them.
            field_mm, cut_size: see above.

        Raises:
            MrisynthError: the files do not belong together.
        """
        packed, under = open_array(images), open_array(masks)
        rows = read_index(index.parent) if packed.ndim == 3 else read_table(index)
        rows = rows[rows["row"].notna()].reset_index(drop=True)
        if "split" not in rows:
            known = read_table(scans).set_index("scan")
            rows = rows.join(known[["participant_id", "split"]], on="scan")
        about = read_table(facts).set_index("scan")
        if packed.shape != under.shape or len(rows) != len(packed) or not rows["scan"].isin(about.index).all():
            raise MrisynthError(
                f"{images} holds {list(packed.shape)}, {masks} {list(under.shape)} and {index} {len(rows)} images, or "
                f"scans are missing in {facts}; delete the masks and rerun."
            )
        usable, annotated = about["reason"].isna(), about["annotated"].astype(bool)
        kind = pd.Series(np.select([annotated, usable], ["annotated", "unannotated"], "none"), index=about.index)
        rows = rows.assign(mask=rows["scan"].map(kind))
        return cls(images=packed, masks=under, rows=rows, field_mm=field_mm, cut_size=cut_size)

    @property
    def size(self) -> int:
        """Edge of the images."""
        return int(self.images.shape[1])

    def training(self, *, mask: str) -> Iterator[Case]:
        """Yield the training images whose masks are ``annotated`` or, for a ceiling, ``unannotated``."""
        return self._cases(self._of("train", mask))

    def training_images(self, scans: Collection[str]) -> Iterator[np.ndarray]:
        """Yield the training images of some scans, uint8, whether they have masks or not."""
        rows = self.rows[self._is("train") & self.rows["scan"].isin(list(scans))]
        return (np.asarray(self.images[int(row)]) for row in rows["row"])

    def held_out(self, *, mask: str) -> Iterator[Case]:
        """Yield the test images of the domain to be tested; arguments as :meth:`training`."""
        return self._cases(self._of("test", mask))

    def number(self, *, split: str, mask: str) -> int:
        """Return how many images of a split have a mask of a kind."""
        return len(self._of(split, mask))

    def people(self, *, split: str) -> set[str]:
        """Return the participants of a split."""
        return set(self.rows.loc[self._is(split), "participant_id"].astype(str))

    def _is(self, split: str) -> pd.Series:
        return (self.rows["split"] == split).fillna(False).astype(bool)

    def _of(self, split: str, mask: str) -> pd.DataFrame:
        return self.rows[self._is(split) & (self.rows["mask"] == mask)]

    def _cases(self, rows: pd.DataFrame) -> Iterator[Case]:
        places = slice_places(rows, self) if self.images.ndim == 3 else volume_places(rows, self)
        for row, place in zip(rows.itertuples(), places, strict=True):
            mask = np.asarray(self.masks[int(row.row)])
            if (mask == UNKNOWN).any():
                raise MrisynthError(
                    f"The mask of {row.scan} is not known where its table says that it is; delete the masks and rerun."
                )
            image = self.images[int(row.row)].astype(np.float32) / TOP
            yield Case(
                name=f"row{int(row.row):06d}", participant_id=str(row.participant_id), image=image, labels=mask,
                affine=place.affine, volume=place.volume, position=place.position,
            )  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where an image lies: the volume that it is scored with, its position in it, and its affine."""

    volume: str
    position: int
    affine: np.ndarray


def volume_places(rows: pd.DataFrame, packed: PackedCases) -> list[Place]:
    """Return the places of volumes: each its own, on the cubic grid."""
    affine = grid_affine(packed.size, field_mm=packed.field_mm)
    return [Place(str(scan), 0, affine) for scan in rows["scan"]]


def slice_places(rows: pd.DataFrame, packed: PackedCases) -> list[Place]:
    """Return the places of slices, in the order of the rows.

    Evenly spaced slices of one plane of a scan are a volume: positions count from 0, and the affine's third axis is the
    way from one to the next. Slices that are not evenly spaced, stand alone, or are nearer to one another than a pixel
    is wide (nnU-Net takes the longest edge for the way from slice to slice) are a volume each.
    """
    pixel, voxel = packed.field_mm / packed.size, packed.field_mm / packed.cut_size
    alone = slice_affine(pixel_mm=pixel, thickness_mm=max(pixel, voxel))
    several = rows["plane"].nunique() > 1
    found: dict[int, Place] = {}
    for (scan, plane), part in rows.sort_values("slice").groupby(["scan", "plane"], sort=False):
        steps = np.unique(np.diff(part["slice"].to_numpy(int)))
        together = len(steps) == 1 and steps[0] * voxel >= pixel * (1 - _NEAR)
        name = f"{scan}_{plane}" if several else str(scan)
        affine = slice_affine(pixel_mm=pixel, thickness_mm=float(steps[0]) * voxel) if together else alone
        for position, row in enumerate(part.itertuples()):
            volume = name if together or len(part) == 1 else f"{scan}_{plane}-{int(row.slice):03d}"
            found[row.Index] = Place(volume, position if together else 0, affine)
    return [found[index] for index in rows.index]
