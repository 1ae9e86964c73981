"""Slices of volumes: cut from the packed scans of a pyramid, drawn upright, and packed at several sizes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.imaging.grey_image import to_square
from mrisynth.planes import drawn_slice
from mrisynth.progress import track
from mrisynth.slices.packing import check_one_split, check_sizes, packed_slices, write_index
from mrisynth.slices.positions import SliceWish, cuts_of
from mrisynth.store import Pyramid, row_checksum

_FROM_SCANS = ("participant_id", "split")


def pack_volumes(
    pyramid: Pyramid,
    folder: Path,
    *,
    wishes: Sequence[SliceWish],
    sizes: Sequence[int],
    scans: pd.DataFrame,
    label: str | None = None,
    participants: Collection[str] | None = None,
    **grid: Any,
) -> pd.DataFrame:
    """Cut slices from the scans of a pyramid and pack them at every size.

    Writes ``folder/{size}.npy`` (uint8 [image, row, column], row 0 at the top, as
    :func:`mrisynth.planes.drawn_slice` draws) and, last, ``folder/index.tsv``, whose rows are returned: first by scan
    in the order of the pyramid, then by position in the order of the wishes. Every size is the area average of the
    same slice, which is as thick as a voxel of the pyramid. ``image`` is ``{scan}_{plane}-{index}``, ``slice`` the
    voxel of the pyramid across the plane, ``position_mm`` its template coordinate, ``sha256`` that of the slice before
    it is averaged. An image of one value everywhere is excluded (``constant``).

    Args:
        pyramid: the scans, of the largest wanted size or larger; sizes between are fine.
        folder: receives the files.
        wishes: which slices.
        sizes: pixels a side, 4 to 256.
        scans: the scans table: ``scan``, ``participant_id``, ``split`` and the label; joined by ``scan``.
        label: column of the scans table that becomes ``label``; None leaves it missing.
        participants: only their scans are cut, such as those of a matching; None for all.
        grid: ``field_mm`` and ``centre_mm`` of the study, where they are not the usual ones.

    Raises:
        MrisynthError: a size larger than the pyramid, a scan that the table does not know or names twice, a
            participant in several splits, a column that is missing, or no image left.
    """
    sizes = check_sizes(sizes, source=pyramid.size, what=f"the volumes of {pyramid.path}")
    cuts = cuts_of(wishes, size=pyramid.size, **grid)
    known = _known(scans, pyramid.scans, label)
    check_one_split(known, what="The scans table")
    chosen = [
        scan for scan in pyramid.scans if participants is None or known.at[scan, "participant_id"] in participants
    ]
    rows: list[dict[str, Any]] = []
    with packed_slices(folder, sizes=sizes) as append:
        for scan, number in zip(track(chosen, "slices", len(chosen)), pyramid.rows(chosen), strict=True):
            volume = np.asarray(pyramid.images[number])
            for cut in cuts:
                image = np.ascontiguousarray(drawn_slice(volume, cut.plane, cut.index))
                row = {"row": None, "image": f"{scan}_{cut.name}", "scan": scan, **known.loc[scan].to_dict()}
                row |= {"plane": cut.plane, "slice": cut.index, "position_mm": cut.position_mm}
                rows.append(row | {"sha256": row_checksum(image)} | _judged(image))
                if rows[-1]["status"] == "passed":
                    rows[-1]["row"] = append(partial(to_square, image))
    return write_index(rows, folder)


def _known(scans: pd.DataFrame, names: Sequence[str], label: str | None) -> pd.DataFrame:
    """Return participant, split and label of the named scans, by scan."""
    wanted = [*_FROM_SCANS, *([label] if label else [])]
    if absent := [name for name in ("scan", *wanted) if name not in scans]:
        raise MrisynthError(f"The scans table has no column {absent[0]}; it has {', '.join(scans.columns)}.")
    table = scans.set_index(scans["scan"].astype(str))
    if len(repeated := table.index[table.index.duplicated()]):
        raise MrisynthError(f"The scans table names {repeated[0]} twice; expected one row a scan.")
    if absent := [name for name in names if name not in table.index]:
        raise MrisynthError(f"The scans table knows no scan {absent[0]} ({len(absent)} of the pyramid unknown in all).")
    found = table.loc[list(names), wanted].astype(object)
    return found.where(found.notna(), None).rename(columns={label: "label"} if label else {})


def _judged(image: np.ndarray) -> dict[str, str | None]:
    low, high = int(image.min()), int(image.max())
    if low < high:
        return {"status": "passed", "reason": None, "message": None}
    message = f"The slice has the value {low} everywhere; expected a part of the brain."
    return {"status": "excluded", "reason": "constant", "message": message}
