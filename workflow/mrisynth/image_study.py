"""A study whose input is images: packed like slices, with the tables that other studies have of their scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.cohorts.image_folder import ClassImage, find_images
from mrisynth.cohorts.splits import balance_table, split_record
from mrisynth.colour import channels_of
from mrisynth.errors import MrisynthError
from mrisynth.files import write_json, write_table
from mrisynth.imaging.verdicts import counts_table
from mrisynth.plain_text import check_path
from mrisynth.seeds import derive_seed
from mrisynth.slices.exchange import IMAGES, LABELS
from mrisynth.slices.exchange_reading import read_exchange, stacks_of, table_rows
from mrisynth.slices.folders import pack_folder
from mrisynth.slices.labelled import find_labelled, labels_of_parts
from mrisynth.slices.packing import INDEX

_PARTS = ("train", "test")
_KEY = "cohort.folder"


@dataclass(frozen=True, kw_only=True)
class ImageTables:
    """The tables of a cohort of images.

    Attributes:
        participants: one row a person: participant_id, source, the class (all, joined by ``and``, of images in
            several), images (how many passed), split.
        scans: one row an image: scan (its name), participant_id, the class, split, sha256, what else is known of it.
        verdicts: one row an image: scan, status (``passed``, ``excluded``), reason, message.
    """

    participants: pd.DataFrame
    scans: pd.DataFrame
    verdicts: pd.DataFrame


def image_files(cohort: Mapping[str, Any]) -> list[Path]:
    """Return every file that a cohort of images is read from, sorted.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in.

    Raises:
        MrisynthError: the folder holds no image, or a part of the exchange format is missing.
        ConfigError: a path holds what Snakemake would read as something else.
    """
    if cohort["name"] != "exchange":
        images, _ = _found(cohort)
        found = [image.path for image in images]
        found += labels_of_parts(Path(cohort["folder"])) if cohort["name"] == "labelled" else []
    else:
        parts = _parts(cohort)
        found = [path for part in parts.values() for path in sorted([*part.glob("Real*.nii*"), part / LABELS])]
        found += [part / IMAGES for part in parts.values() if (part / IMAGES).is_file()]
    for path in found:
        check_path(str(path), key=_KEY)
    return sorted(found)


def count_images(cohort: Mapping[str, Any]) -> int:
    """Return how many images a cohort has, good or bad; the arguments and errors are those of :func:`image_files`."""
    if cohort["name"] != "exchange":
        return len(_found(cohort)[0])
    return sum(len(table_rows(part / LABELS)) for part in _parts(cohort).values())


def pack_cohort(cohort: Mapping[str, Any], folder: Path, *, sizes: Sequence[int], seed: int) -> pd.DataFrame:
    """Pack a cohort of images at every size and return the index; every image is a scan of its own, by its name.

    A person may have images of several classes, so that what is known of an image is not known of its person. Persons
    of a folder are packed in the order of a hash, so that the first images, which pages show, are of all classes.
    A test folder that came with the images is kept as :func:`mrisynth.cohorts.image_folder.split_given` says.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in; the shares of the splits hold within
            each class unless ``stratify`` is empty.
        folder: receives ``{size}.npy`` (uint8 [image, row, column], with ``cohort.colour`` [image, row, column,
            channel], 0..255) and ``index.tsv``.
        sizes: pixels a side.
        seed: the study's seed, for the splits.

    Raises:
        MrisynthError: as :func:`mrisynth.slices.folders.pack_folder` and
            :func:`mrisynth.slices.exchange_reading.read_exchange`; or stacks are not what ``cohort.colour`` says, or
            nobody is left to train on.
    """
    fractions = {split: cohort[f"{split}_fraction"] for split in ("test", "validation")}
    asked: dict[str, Any] = {"sizes": sizes, "seed": seed, "fractions": fractions, "stratify": bool(cohort["stratify"])}
    colour = channels_of(cohort) > 1
    if cohort["name"] != "exchange":
        images, _ = _found(cohort)
        index = pack_folder(_shuffled(images, seed=seed), folder, colour=colour, **asked)
    else:
        _check_colour(cohort, colour=colour)
        index = read_exchange(_parts(cohort), folder, **asked)
    passed = index[index["status"] == "passed"]
    if "train" not in set(passed["split"]):
        raise MrisynthError(
            f"None of the {len(passed)} images that passed is in the train split; take smaller shares, "
            "cohort.test_fraction and cohort.validation_fraction, or another seed."
        )
    index = index.assign(scan=index["image"])
    write_table(index, folder / INDEX)
    return index


def known_of_images(cohort: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return what is known of the images beside their class: ``scan`` and a column a label; None where nothing is.

    The argument and errors are those of :func:`image_files`.
    """
    return _found(cohort)[1] if cohort["name"] == "labelled" else None


def image_tables(
    index: pd.DataFrame, *, source: str, column: str = "diagnosis", known: pd.DataFrame | None = None
) -> ImageTables:
    """Return the tables of a cohort of images from the index of the packed ones.

    Args:
        index: of :func:`pack_cohort`.
        source: kind of cohort.
        column: name of the column of the classes.
        known: of :func:`known_of_images`.
    """
    images = index.rename(columns={"label": column})
    people = images.groupby("participant_id", sort=True)
    participants = pd.DataFrame(
        {
            "source": source,
            column: people[column].agg(lambda words: " and ".join(sorted(set(words.dropna()))) or None),
            "images": people["status"].agg(lambda status: int((status == "passed").sum())),
            "split": people["split"].first(),
        }
    ).reset_index()
    scans = images[["scan", "participant_id", column, "split", "sha256"]]
    if known is not None:
        scans = scans.merge(known, on="scan", how="left", validate="one_to_one")
    return ImageTables(
        participants=participants,
        scans=scans.sort_values("scan", ignore_index=True),
        verdicts=images[["scan", "status", "reason", "message"]].sort_values("scan", ignore_index=True),
    )


def write_image_tables(tables: ImageTables, files: Mapping[str, str | Path], *, settings: Mapping[str, object]) -> None:
    """Write the tables of a cohort of images and what is counted of them.

    Args:
        tables: of :func:`image_tables`.
        files: participants, scans, verdicts, exclusions (counts by reason), balance (of the splits) and splits.
        settings: what the splits were made with, for ``splits``.
    """
    write_table(tables.participants, files["participants"])
    write_table(tables.scans, files["scans"])
    write_table(tables.verdicts, files["verdicts"])
    write_table(counts_table(tables.verdicts), files["exclusions"])
    write_table(balance_table(tables.participants), files["balance"])
    write_json(split_record(tables.scans, settings=settings), files["splits"])


def _found(cohort: Mapping[str, Any]) -> tuple[list[ClassImage], pd.DataFrame | None]:
    """Return the images of a cohort of single files, and what is known of them beside their class."""
    folder = Path(cohort["folder"])
    if cohort["name"] == "labelled":
        return find_labelled(folder, person=cohort["participant_column"], class_column=cohort["class_column"])
    return find_images(folder), None


def _shuffled(images: Sequence[ClassImage], *, seed: int) -> list[ClassImage]:
    """Return the images by person, persons in the order of a hash of seed and ID."""
    return sorted(images, key=lambda image: (derive_seed(seed, "image order", image.participant_id), image.name))


def _check_colour(cohort: Mapping[str, Any], *, colour: bool) -> None:
    """Refuse stacks of another number of channels than the models of the study are built for, before any is read."""
    stacks = [stack for part in _parts(cohort).values() for stack in stacks_of(part).values()]
    if any((stack.channels > 1) != colour for stack in stacks):
        found, value = ("grey", "false") if colour else ("in colour", "true")
        raise MrisynthError(
            f"{_KEY}: the stacks of {cohort['folder']} are {found}, and cohort.colour is {str(colour).lower()}; "
            f"write cohort.colour: {value}."
        )


def _parts(cohort: Mapping[str, Any]) -> dict[str, Path]:
    parts = {name: Path(cohort["folder"], name) for name in _PARTS}
    if not parts["train"].is_dir():
        raise MrisynthError(f"{_KEY}: {cohort['folder']} holds no folder train; give the folder of train and test.")
    return {name: part for name, part in parts.items() if part.is_dir()}
