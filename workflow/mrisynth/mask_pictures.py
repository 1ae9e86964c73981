"""Which packed images a picture of masks shows: annotated training scans, and the domain that counts as unannotated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.planes import PLANES, plane

_IMAGES = 6

SHOWN = "Training scans, annotated"
HIDDEN = "Unannotated: masks not shown to training"


@dataclass(frozen=True, kw_only=True)
class MaskedSection:
    """Images of one kind.

    Attributes:
        title: what they are.
        names: of each image.
        images: of each, its views, uint8 [row, column]: three planes of a volume, or the slice.
        masks: of each, the masks of these views.
    """

    title: str
    names: list[str]
    images: list[list[np.ndarray]]
    masks: list[list[np.ndarray]]


def masked_sections(
    index: pd.DataFrame, table: pd.DataFrame, splits: pd.Series, *, images: np.ndarray, masks: np.ndarray
) -> list[MaskedSection]:
    """Return what a picture shows, images evenly spaced among those there are; a kind without any is left out.

    Args:
        index: the packed images: ``row``, ``scan``; of slices ``plane`` and ``slice`` too.
        table: of :func:`mrisynth.mask_stage.pack_masks`.
        splits: split of each scan, by its name.
        images: uint8 [row, ...].
        masks: those that are known, uint8 [row, ...].
    """
    columns = [name for name in ("row", "scan", "plane", "slice") if name in index]
    rows = index[columns].merge(table, on="scan").sort_values("row")
    rows = rows[rows["reason"] == ""]
    annotated = rows["annotated"].astype(bool)
    training = rows["scan"].map(splits) == "train"
    kinds = ((SHOWN, rows[annotated & training]), (HIDDEN, rows[~annotated]))
    return [
        MaskedSection(
            title=title,
            names=[_name(row) for row in chosen.to_dict("records")],
            images=[_views(images[row]) for row in chosen["row"]],
            masks=[_views(masks[row]) for row in chosen["row"]],
        )
        for title, chosen in ((title, _spaced(found)) for title, found in kinds)
        if len(chosen)
    ]


def _spaced(found: pd.DataFrame) -> pd.DataFrame:
    count = min(_IMAGES, len(found))
    return found.iloc[[(2 * place + 1) * len(found) // (2 * count) for place in range(count)]]


def _name(row: dict[str, object]) -> str:
    if "plane" not in row:
        return str(row["scan"])
    return f"{row['scan']} {row['plane']} {int(str(row['slice']))}"


def _views(image: np.ndarray) -> list[np.ndarray]:
    if image.ndim == 2:
        return [np.asarray(image)]
    return [np.asarray(plane(image, name)) for name in PLANES]
