"""Image folders: 2D images sorted into a folder a class, as slice models are trained on."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from mrisynth.cohorts.splits import assign_splits
from mrisynth.errors import MrisynthError

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


def split_images(
    images: Sequence[ClassImage], *, seed: int, fractions: Mapping[str, float], stratify: bool = False
) -> dict[str, str]:
    """Assign every participant to a split: as given where that is clean, else by the hash of the ID.

    Args:
        images: from :func:`find_images`.
        fractions: as for :func:`split_given`.
        stratify: hold the shares within every class (of a person in several: within these together).
    """
    given: dict[str, set[str]] = {}
    classes: dict[str, set[str]] = {}
    for image in images:
        given.setdefault(image.participant_id, set()).add(image.given_split)
        classes.setdefault(image.participant_id, set()).add(image.label)
    return split_given(given, seed=seed, fractions=fractions, classes=classes if stratify else None)


def split_given(
    given: Mapping[str, Set[str]],
    *,
    seed: int,
    fractions: Mapping[str, float],
    classes: Mapping[str, Set[str]] | None = None,
) -> dict[str, str]:
    """Assign every participant to a split, and keep splits that came with the images where they are clean.

    A given test (or validation) split is kept when no participant lies in two of the given splits; what is left is
    divided by :func:`mrisynth.cohorts.splits.assign_splits`. Otherwise images of one person would be trained and
    scored on, so the given splits are dropped with a warning that counts these persons.

    Args:
        given: participant -> the splits that the images came in (``train``, ``test``, ``validation``, empty for none).
        fractions: expected shares, ``{"test": 0.2, "validation": 0.1}``; a given split replaces its share.
        classes: participant -> classes of the images; the shares hold within each combination. None for no strata.
    """
    strata = {person: " and ".join(sorted(labels)) for person, labels in (classes or {}).items()}
    torn = sorted(person for person, splits in given.items() if len(splits) > 1)
    if torn:
        _LOG.warning(
            "%d of %d participants lie in several of the given folders (first: %s); these are dropped and the "
            "participants divided anew",
            len(torn),
            len(given),
            torn[0],
        )
    kept = {} if torn else {person: next(iter(splits)) for person, splits in given.items()}
    fixed = {person: split for person, split in kept.items() if split in ("test", "validation")}
    shares = {split: 0.0 if split in fixed.values() else fractions[split] for split in ("test", "validation")}
    free = assign_splits(
        [person for person in given if person not in fixed],
        seed=seed,
        test_fraction=shares["test"],
        validation_fraction=shares["validation"],
        strata=strata or None,
    )
    return {person: (fixed | free)[person] for person in given}


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
