"""Image folders: 2D images sorted into a folder a class, as slice models are trained on."""

from __future__ import annotations

import contextlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from mrisynth.cohorts.splits import assign_splits
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import atomic, sha256_of, write_table
from mrisynth.imaging.grey_image import read_grey, shape_of, to_square
from mrisynth.progress import track

SUFFIXES = (".jpeg", ".jpg", ".png")
GIVEN_SPLITS = {
    "train": "train",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
"""Folders between the root and the classes, in lower case, and the split that each stands for."""

_NUMBERED = re.compile(r"(?P<participant>[A-Za-z0-9-]+)_(?P<slice>\d+)")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ClassImage:
    """One image of a class.

    Attributes:
        path: the file.
        name: its path below the root, with ``/``.
        participant_id: what stands before the ``_`` of its name (``218391`` of ``218391_78.jpeg``); the whole name of
            a file that is not named so.
        label: name of its folder, the class, such as ``AD``.
        slice: number after the ``_``, or None.
        given_split: ``train``, ``test``, ``validation`` when the classes lie in such a folder, else empty.
    """

    path: Path
    name: str
    participant_id: str
    label: str
    slice: int | None
    given_split: str


def find_images(folder: Path) -> list[ClassImage]:
    """List ``<folder>/<class>/*`` or ``<folder>/{train,test}/<class>/*``, sorted by path below ``folder``.

    Files with another suffix than :data:`SUFFIXES` (in any case) are passed over and counted in the log.

    Raises:
        MrisynthError: the folder is missing, holds no image, or holds classes both in and beside ``train`` or ``test``.
    """
    if not folder.is_dir():
        raise MrisynthError(f"{folder} is no folder; give the one that holds a folder a class.")
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    given = [path for path in below if path.name.lower() in GIVEN_SPLITS]
    if given and len(given) < len(below):
        others = ", ".join(path.name for path in below if path not in given)
        raise MrisynthError(
            f"{folder} holds {given[0].name} and, beside it, {others}; expected only splits or classes."
        )
    images, passed_over = [], 0
    for split, classes in [(path, path) for path in given] or [(None, folder)]:
        for label in sorted(path for path in classes.iterdir() if path.is_dir() and not path.name.startswith(".")):
            for path in sorted(label.iterdir()):
                if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
                    passed_over += 1
                    continue
                images.append(_image(path, folder, split))
    if passed_over:
        _LOG.warning("%d files below %s are no JPEG or PNG and are passed over", passed_over, folder)
    if not images:
        raise MrisynthError(f"{folder} holds no image CLASS/*.jpeg, .jpg or .png; give the folder of the classes.")
    return sorted(images, key=lambda image: image.name)


def split_images(images: Sequence[ClassImage], *, seed: int, fractions: Mapping[str, float]) -> dict[str, str]:
    """Assign every participant to a split: as given where that is clean, else by the hash of the ID.

    A given test (or validation) folder is kept when no participant lies in two of the given folders; what is left is
    divided by :func:`mrisynth.cohorts.splits.assign_splits`. Otherwise images of one person would be trained and
    scored on, so the given folders are dropped with a warning that counts these persons.

    Args:
        images: from :func:`find_images`.
        fractions: expected shares, ``{"test": 0.2, "validation": 0.1}``; a given split replaces its share.
    """
    given: dict[str, set[str]] = {}
    for image in images:
        given.setdefault(image.participant_id, set()).add(image.given_split)
    torn = sorted(person for person, splits in given.items() if len(splits) > 1)
    if torn:
        _LOG.warning(
            "%d of %d participants lie in several of the given folders (first: %s); these are dropped and the "
            "participants divided anew",
            len(torn),
            len(given),
            torn[0],
        )
    kept = {} if torn else {person: splits.copy().pop() for person, splits in given.items()}
    fixed = {person: split for person, split in kept.items() if split in ("test", "validation")}
    shares = {split: 0.0 if split in fixed.values() else fractions[split] for split in ("test", "validation")}
    free = assign_splits(
        [person for person in given if person not in fixed],
        seed=seed,
        test_fraction=shares["test"],
        validation_fraction=shares["validation"],
    )
    return {person: (fixed | free)[person] for person in given}


def pack_images(
    images: Sequence[ClassImage], folder: Path, *, size: int, seed: int, fractions: Mapping[str, float]
) -> pd.DataFrame:
    """Pack the images at one size and write which row is which.

    Writes ``folder/{size}.npy`` (uint8 [image, row, column], 0..255) and, last, ``folder/index.tsv``, whose rows are
    returned: row (of the array; missing for an excluded image), image, participant_id, label, slice, given_split,
    split, status (``passed``, ``excluded``), reason, message, sha256 of the file. An image that cannot be read, or
    that has another shape than most (``wrong_size``), is excluded. Images of several persons with identical bytes are
    named in the log.

    Raises:
        MrisynthError: no image is left.
    """
    splits = split_images(images, seed=seed, fractions=fractions)
    usual = _usual_shape(images)
    rows: list[dict[str, Any]] = []
    count = 0
    (folder / "index.tsv").unlink(missing_ok=True)
    with atomic(folder / f"{size}.npy") as unfinished, unfinished.open("wb") as stream:
        _write_header(stream, count, size)
        for image in track(images, "images", len(images)):
            row = _described(image, splits[image.participant_id])
            try:
                stream.write(to_square(_of_shape(image, usual), size=size).tobytes())
                row["row"], count = count, count + 1
            except ScanError as error:
                row |= {"status": "excluded", "reason": error.reason, "message": str(error)}
                _LOG.warning("%s excluded: %s: %s", image.name, error.reason, error)
            rows.append(row)
        if not count:
            raise MrisynthError(f"none of the {len(rows)} images can be used; the first: {rows[0]['message']}")
        _write_header(stream, count, size)
    index = pd.DataFrame(rows).astype({"row": "Int64", "slice": "Int64"})
    _report(index)
    write_table(index, folder / "index.tsv")
    return index


def _image(path: Path, folder: Path, split: Path | None) -> ClassImage:
    match = _NUMBERED.fullmatch(path.stem)
    return ClassImage(
        path=path,
        name=path.relative_to(folder).as_posix(),
        participant_id=match["participant"] if match else path.stem,
        label=path.parent.name,
        slice=int(match["slice"]) if match else None,
        given_split=GIVEN_SPLITS[split.name.lower()] if split else "",
    )


def _usual_shape(images: Iterable[ClassImage]) -> tuple[int, int] | None:
    """Return the commonest (rows, columns) by the headers of the files; None when no header can be read."""
    shapes: Counter[tuple[int, int]] = Counter()
    for image in images:
        with contextlib.suppress(ScanError):
            shapes[shape_of(image.path)] += 1
    return max(shapes, key=lambda shape: (shapes[shape], shape), default=None)


def _of_shape(image: ClassImage, usual: tuple[int, int] | None) -> np.ndarray:
    grey = read_grey(image.path)
    if grey.shape != usual:
        found, expected = ("{} x {}".format(*shape) for shape in (grey.shape, usual or ("?", "?")))
        raise ScanError("wrong_size", f"{image.name} has {found} pixels (rows x columns); most images have {expected}.")
    return grey


def _described(image: ClassImage, split: str) -> dict[str, Any]:
    return {
        "row": None,
        "image": image.name,
        "participant_id": image.participant_id,
        "label": image.label,
        "slice": image.slice,
        "given_split": image.given_split or None,
        "split": split,
        "status": "passed",
        "reason": None,
        "message": None,
        "sha256": sha256_of(image.path) if image.path.is_file() else None,
    }


def _write_header(stream: BinaryIO, count: int, size: int) -> None:
    """Write the header of the array at the start; numpy leaves room in it for the first axis to grow."""
    stream.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size)}
    np.lib.format.write_array_header_1_0(stream, header)


def _report(index: pd.DataFrame) -> None:
    passed = index[index["status"] == "passed"]
    _LOG.info(
        "%d images = %d passed + %d excluded, of %d participants; passed by split and class: %s",
        len(index),
        len(passed),
        len(index) - len(passed),
        index["participant_id"].nunique(),
        passed.groupby(["split", "label"]).size().to_dict(),
    )
    for _, group in passed[passed["sha256"].duplicated(keep=False)].groupby("sha256"):
        if group["participant_id"].nunique() > 1:
            _LOG.warning("the same image has several participants: %s", ", ".join(group["image"]))
