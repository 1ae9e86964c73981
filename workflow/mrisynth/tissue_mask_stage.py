"""Masks of scans without label maps: the tissues of the packed scans, a bundle at a time, and masks made of them."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import atomic, read_table
from mrisynth.imaging.label_maps import class_map, resampled_mask
from mrisynth.imaging.tissue import TissueAtlas
from mrisynth.imaging.tissue_map import tissue_map
from mrisynth.label_classes import OF_TISSUES, label_classes
from mrisynth.progress import track
from mrisynth.seeds import derive_seed
from mrisynth.store import Pyramid

_LOG = logging.getLogger(__name__)


def segment_scans(
    packed: Pyramid, checksums: Mapping[str, str], path: str | Path, *, atlas: TissueAtlas, seed: int
) -> pd.DataFrame:
    """Write the tissues of some packed scans, each as :func:`mrisynth.imaging.tissue_map.tissue_map` finds them.

    Args:
        packed: the study's scans.
        checksums: scan -> SHA-256 of its packed volume, of the scans that are wanted.
        path: ``.npz``; member ``k`` is the map of the scan in row k of the table, uint8 [x, y, z].
        atlas: on their grid.
        seed: the study's seed.

    Returns:
        ``scan``, ``reason`` (empty: there is a map) and ``sha256`` of the packed volume, one row a scan.
    """
    told = []
    with atomic(path) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for row, (scan, checksum) in enumerate(track(list(checksums.items()), "tissues", len(checksums))):
            volume = np.asarray(packed.images[int(packed.rows([scan])[0])])
            reason = ""
            try:
                labels = tissue_map(volume, atlas, seed=derive_seed(seed, "tissue masks", scan))
            except ScanError as error:
                _LOG.warning("%s: %s", scan, error)
                reason = error.reason
            else:
                with archive.open(f"{row}.npy", "w") as member:
                    np.lib.format.write_array(member, labels, allow_pickle=False)
            told.append({"scan": scan, "reason": reason, "sha256": checksum})
    return pd.DataFrame(told, columns=["scan", "reason", "sha256"])


class TissueMasks:
    """The masks of scans on the cube that a study packs, made of tissues; a :class:`mrisynth.mask_stage.MaskSource`.

    Args:
        maps: files of :func:`segment_scans`.
        tables: their tables, in the same order.
        classes: name of a class -> tissues, as :func:`mrisynth.label_classes.label_classes` takes them.
        size: voxels a side of the cube.
    """

    def __init__(
        self,
        maps: Sequence[str | Path],
        tables: Sequence[str | Path],
        *,
        classes: Mapping[str, Sequence[str | int]],
        size: int,
    ) -> None:
        self._labels = label_classes(classes, numbering=OF_TISSUES, key="masks.classes")
        self._size = size
        self._found = {
            str(row["scan"]): (Path(path), number, row)
            for path, table in zip(maps, tables, strict=True)
            for number, row in enumerate(read_table(table, reason="string").fillna({"reason": ""}).to_dict("records"))
        }

    def told(self, scan: str) -> dict[str, str]:
        """Return where a mask is from: ``numbering`` is atropos, ``sha256`` that of the packed volume."""
        if scan not in self._found:
            return {"numbering": "", "sha256": ""}
        return {"numbering": OF_TISSUES, "sha256": self._found[scan][2]["sha256"]}

    def cube(self, scan: str) -> np.ndarray:
        """Return the mask of a scan, uint8 [x, y, z], 0 the background.

        Raises:
            ScanError: no tissues were found, with the reason of that, or none of the classes (``no_classes``).
            MrisynthError: the scan is in no table.
        """
        if scan not in self._found:
            raise MrisynthError(f"{scan} is in no table under masks/tissue; delete that folder and run again.")
        path, number, row = self._found[scan]
        if row["reason"]:
            raise ScanError(row["reason"], f"no tissues were found in {scan}; see {path.with_suffix('.tsv')}.")
        with np.load(path, allow_pickle=False) as maps:
            mask = class_map(maps[str(number)], self._labels)
        if not mask.any():
            raise ScanError("no_classes", f"{scan} has no voxel of {', '.join(self._labels)}.")
        return resampled_mask(mask, shape=(self._size,) * 3)
