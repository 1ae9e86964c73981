"""A folder of images with ``dataset.json`` as the cohort of a study: whose each image is, and what is known of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mrisynth.cohorts.image_folder import ClassImage
from mrisynth.errors import MrisynthError
from mrisynth.slices.dataset_json import DATASET, PARTS, inside, read_tables
from mrisynth.slices.dataset_labels import FILE, SPLIT

_TAKEN = ("scan", "participant_id", "source", "sha256")
"""Columns of ``cohort/scans.tsv`` that are no covariates."""


def find_labelled(
    folder: Path, *, person: str | None = None, class_column: str = "diagnosis"
) -> tuple[list[ClassImage], pd.DataFrame]:
    """List the images that a ``dataset.json`` names, and read no image.

    Args:
        folder: as :func:`mrisynth.slices.dataset_json.read_dataset` takes it; its parts are given splits.
        person: the label that says whose an image is; None: every image is of another person.
        class_column: the label that is the class of an image, if there is one.

    Returns:
        images: in the order of the file.
        known: one row an image, in the same order: ``scan`` (the path below the folder, with ``/``), then the other
            labels, missing where unknown.

    Raises:
        MrisynthError: as ``read_dataset``; or a label has the name of another column of the scans, ``person`` is no
            label, or an image has none.
    """
    table, _ = read_tables(folder)
    if clash := [name for name in _TAKEN if name in table]:
        raise MrisynthError(
            f"{folder / DATASET}: {clash[0]!r} is a column that every study has; call the label otherwise."
        )
    people = _people(table, person, folder)
    classes = _words(table[class_column]) if class_column in table else pd.Series("", index=table.index)
    images = [
        ClassImage(
            path=inside(folder / file, folder), name=file, participant_id=owner, label=label, slice=None,
            given_split=split if isinstance(split, str) else "",
        )
        for file, owner, label, split in zip(table[FILE], people, classes, table[SPLIT], strict=True)
    ]  # fmt: skip
    known = table.drop(columns=[SPLIT, *{person, class_column}.intersection(table)]).rename(columns={FILE: "scan"})
    return images, known


def labels_of_parts(folder: Path) -> list[Path]:
    """Return the ``dataset.json`` of a folder, or those of its parts."""
    parts = [folder / name / DATASET for name in PARTS if (folder / name / DATASET).is_file()]
    return parts or [folder / DATASET]


def _people(table: pd.DataFrame, person: str | None, folder: Path) -> pd.Series:
    if person is None:
        return table[FILE].map(lambda file: file.split(".")[0].replace("/", "-"))
    if person not in table:
        raise MrisynthError(
            f"cohort.participant_column is {person}, but the labels of {folder} are "
            f"{', '.join(table.columns.drop([FILE, SPLIT])) or 'none'}."
        )
    if table[person].isna().any():
        raise MrisynthError(
            f"{folder}: {table[FILE][table[person].isna()].iloc[0]} has no {person}, which says whose it is."
        )
    return _words(table[person])


def _words(labels: pd.Series) -> pd.Series:
    """Return labels as text, a number as short as it can be, what is missing as an empty one."""
    return labels.map(lambda value: "" if pd.isna(value) else value if isinstance(value, str) else f"{value:.15g}")
