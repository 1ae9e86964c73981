"""What the picture of a synthesis shows: some masks with the real image of each and its candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.synthesis.kept import Candidates


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One row of the picture.

    Attributes:
        name: of the mask.
        real: the image whose mask it is, uint8 [...].
        mask: uint8 [...], 0 = background.
        images: the candidates, uint8 [...] each, best first.
        words: above each: its mean overlap, and what became of it.
        kept: whether each is kept.
    """

    name: str
    real: np.ndarray
    mask: np.ndarray
    images: list[np.ndarray]
    words: list[str]
    kept: list[bool]


def shown_candidates(
    candidates: Candidates, chosen: pd.DataFrame, images: np.ndarray, masks: np.ndarray, *, rows: int, columns: int
) -> list[Shown]:
    """Return masks evenly spaced over those that were made for, with their best candidates.

    Args:
        candidates: of all shards.
        chosen: of :func:`mrisynth.synthesis.chosen.choose_masks`.
        images: all packed images, uint8 [n, ...].
        masks: of them.
        rows: masks, at most.
        columns: candidates of each, at most.
    """
    places = np.unique(np.linspace(0, len(chosen) - 1, min(rows, len(chosen))).round().astype(int))
    found = []
    for entry in chosen.iloc[places].to_dict("records"):
        name, row = str(entry["mask"]), int(entry["row"])
        own = candidates.of(name).sort_values(["kept", "mean_iou"], ascending=False).head(columns)
        found.append(
            Shown(
                name=name, real=np.asarray(images[row]), mask=np.asarray(masks[row]),
                images=[np.asarray(candidates.images[name, int(number)]) for number in own["try"]],
                words=[_words(one) for one in own.to_dict("records")], kept=[bool(one) for one in own["kept"]],
            )
        )  # fmt: skip
    return found


def _words(row: dict[str, object]) -> str:
    note = ", failed a check" if row["fault"] else ", kept" if row["kept"] else ""
    return f"{row['mean_iou']:.2f}{note}{', lowered' if row['lowered'] else ''}"
