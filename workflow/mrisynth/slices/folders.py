"""Files of images, packed like slices of volumes."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.cohorts.image_folder import ClassImage, split_images
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import sha256_of
from mrisynth.imaging.grey_image import to_square
from mrisynth.imaging.picture import picture_shape, read_picture
from mrisynth.progress import track
from mrisynth.slices.packing import check_sizes, packed_slices, write_index

_LOG = logging.getLogger(__name__)


def pack_folder(
    images: Sequence[ClassImage],
    folder: Path,
    *,
    sizes: Sequence[int],
    seed: int,
    fractions: Mapping[str, float],
    stratify: bool = True,
    colour: bool = False,
) -> pd.DataFrame:
    """Pack the images at every size and write which row is which.

    Writes ``folder/{size}.npy`` (uint8 [image, row, column], with a last axis [channel] in colour, 0..255) and, last,
    ``folder/index.tsv``, whose rows are returned. An image is padded with 0 to a square and averaged
    (:func:`mrisynth.imaging.grey_image.to_square`). ``scan`` is the participant, since names of files tell no more;
    ``sha256`` is that of the file. An image that cannot be read, or that has another shape than most (``wrong_size``),
    is excluded.

    Args:
        images: from :func:`mrisynth.cohorts.image_folder.find_images`, or
            :func:`mrisynth.slices.labelled.find_labelled`.
        folder: receives the files.
        sizes: pixels a side, 4 to 256, none larger than the longer edge of the images.
        seed: the study's seed, for the splits.
        fractions: shares of participants, ``{"test": 0.2, "validation": 0.1}``; see
            :func:`mrisynth.cohorts.image_folder.split_given`.
        stratify: hold the shares within every class.
        colour: keep red, green and blue as a last axis; otherwise colours become grey.

    Raises:
        MrisynthError: no image is left, or a size is larger than they are.
    """
    usual = _usual_shape(images)
    sizes = check_sizes(sizes, source=max(usual or (max(sizes, default=0),)), what="most of the images")
    splits = split_images(images, seed=seed, fractions=fractions, stratify=stratify)
    rows: list[dict[str, Any]] = []
    with packed_slices(folder, sizes=sizes, channels=3 if colour else 1) as append:
        for image in track(images, "images", len(images)):
            row = _described(image, splits[image.participant_id])
            rows.append(row)
            try:
                picture = _of_shape(image, usual, colour=colour)
            except ScanError as error:
                row |= {"status": "excluded", "reason": error.reason, "message": str(error)}
                _LOG.warning("%s excluded: %s: %s", image.name, error.reason, error)
                continue
            row["row"] = append(partial(to_square, picture))
        if all(row["status"] == "excluded" for row in rows):
            raise MrisynthError(f"none of the {len(rows)} images can be used; the first: {rows[0]['message']}")
    return write_index(rows, folder)


def _usual_shape(images: Iterable[ClassImage]) -> tuple[int, int] | None:
    """Return the commonest (rows, columns) by the headers of the files; None when no header can be read."""
    shapes: Counter[tuple[int, int]] = Counter()
    for image in images:
        with contextlib.suppress(ScanError):
            shapes[picture_shape(image.path)] += 1
    return max(shapes, key=lambda shape: (shapes[shape], shape), default=None)


def _of_shape(image: ClassImage, usual: tuple[int, int] | None, *, colour: bool) -> np.ndarray:
    picture = read_picture(image.path, colour=colour)
    if picture.shape[:2] != usual:
        found, expected = ("{} x {}".format(*shape) for shape in (picture.shape, usual or ("?", "?")))
        raise ScanError("wrong_size", f"{image.name} has {found} pixels (rows x columns); most images have {expected}.")
    return picture


def _described(image: ClassImage, split: str) -> dict[str, Any]:
    return {
        "row": None,
        "image": image.name,
        "scan": image.participant_id,
        "participant_id": image.participant_id,
        "label": image.label or None,
        "slice": image.slice,
        "given_split": image.given_split or None,
        "split": split,
        "status": "passed",
        "reason": None,
        "message": None,
        "sha256": sha256_of(image.path) if image.path.is_file() else None,
    }
