"""Which masks images are made for: of annotated training images, of as many people as there are."""

from __future__ import annotations

import logging

import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.imaging.label_maps import foreground_share
from mrisynth.seeds import derive_seed
from mrisynth.synthesis.annotated import ShownImages

_LOG = logging.getLogger(__name__)
COLUMNS = ("mask", "row", "scan", "participant_id", "coverage")


def choose_masks(shown: ShownImages, *, count: int, smallest_share: float, seed: int) -> pd.DataFrame:
    """Return the masks that images are made for, the first image of every participant before the second of any.

    People, and the images of each, are in the order of hashes of their names, so that a scan more changes few masks.

    Args:
        shown: images and masks.
        count: masks wanted; where there are fewer, all are taken.
        smallest_share: share of the foreground, 0..1; masks with no more are left out.
        seed: the study's seed.

    Returns:
        One row a mask: ``mask`` (name of its image), ``row`` of it, ``scan``, ``participant_id``, ``coverage`` (share
        of its foreground).

    Raises:
        MrisynthError: no training image has such a mask.
    """
    rows = shown.annotated("train")
    table = shown.table.iloc[rows].assign(
        row=rows, coverage=[float(foreground_share(shown.masks[row][None])[0]) for row in rows]
    )
    table = table[table["coverage"] > smallest_share].rename(columns={"image": "mask"})
    if table.empty:
        raise MrisynthError(
            f"Of {len(rows)} annotated training images none has a mask that covers more than {100 * smallest_share:g} "
            "% of it; choose a lower smallest_share, or see masks in the configuration."
        )
    person = table["participant_id"].map(lambda name: derive_seed(seed, "person of a mask", str(name)))
    image = table["mask"].map(lambda name: derive_seed(seed, "mask of a synthesis", str(name)))
    table = table.assign(person=person, image=image).sort_values(["person", "image"])
    table = table.assign(turn=table.groupby("participant_id").cumcount()).sort_values(["turn", "person", "image"])
    if len(table) < count:
        _LOG.warning("%d masks are wanted, and %d annotated training images have one", count, len(table))
    return table.head(count)[list(COLUMNS)].reset_index(drop=True)
