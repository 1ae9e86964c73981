"""Writes a raw data set of nnU-Net v2: images, label maps, dataset.json, folds by participant and what maps to what.

Volumes and slices alike are NIfTI files: a slice is a volume of one voxel along its third axis, with its true
thickness there. nnU-Net then plans for 2D alone, as for PNG files, but knows the edges of the pixels: of a PNG it
assumes 1 x 1, and whole numbers of 8 or 16 bits. Nothing is resampled here; label maps on another grid than their image
are refused.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import UNFINISHED, write_json, write_table
from mrisynth.imaging.volume import write_volume
from mrisynth.segmentation.cases import Case, check_case
from mrisynth.segmentation.folds import Member, participant_folds
from mrisynth.segmentation.layout import CASES, ENDING, SPLITS, STRUCTURES, Dataset
from mrisynth.segmentation.structures import Structures

COLUMNS = ["case", "set", "source", "participant_id", "volume", "position", "dimensions"]
"""Of ``cases.tsv``: file name without channel and ending; ``training`` or ``test``; ``real`` or ``synthetic``; whose;
what it is scored with (a volume is its own), where in it, and 2 or 3."""

_TREATED = ("ct", "nonorm", "zscore", "rescale_to_0_1", "rgb_to_0_1")


@dataclass
class _Written:
    """What has been written of a data set so far."""

    structures: Structures
    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    seen: np.ndarray = field(default_factory=lambda: np.zeros(0))
    dimensions: int | None = None

    def __post_init__(self) -> None:
        self.seen = np.zeros(len(self.structures.values) + 1, dtype=np.int64)


def write_dataset(
    dataset: Dataset,
    training: Iterable[Case],
    *,
    structures: Structures,
    test: Iterable[Case] = (),
    folds: int = 5,
    seed: int,
    channel: str = "T1w",
) -> pd.DataFrame:
    """Write the data set of one arm, whole or not at all, and return ``cases.tsv`` (:data:`COLUMNS`).

    Written are ``imagesTr``, ``labelsTr``, ``imagesTs``, ``labelsTs`` (nnU-Net does not look at these; scores do),
    ``dataset.json``, ``splits_final.json`` (no such file where there are fewer than two participants), ``cases.tsv``
    and ``structures.tsv``. Cases are taken one by one, so that they need not be in memory together.

    Args:
        dataset: of :meth:`mrisynth.segmentation.layout.Layout.dataset`; a former one in its place is replaced.
        training: cases with label maps.
        structures: which values of the label maps are which structure.
        test: cases to predict; with label maps they can be scored.
        folds: at most so many.
        seed: the study's seed.
        channel: what the images show. nnU-Net scales each to mean 0 and standard deviation 1 unless this is one of its
            own words, which are refused.

    Raises:
        MrisynthError: a case cannot be read rightly, cases do not belong together, a structure is in none of the
            training cases, or a test participant is one of the training set.
    """
    if channel.lower() in _TREATED:
        raise MrisynthError(f"The channel {channel!r} is a word of nnU-Net for a scaling; name the images otherwise.")
    with _whole(dataset.folder, structures) as written:
        for where, cases in (("training", training), ("test", test)):
            for case in cases:
                _write_case(case, written, where)
        _check(written, dataset)
        return _write_tables(written, channel=channel, folds=folds, seed=seed)


def write_test_set(folder: Path, test: Iterable[Case], *, structures: Structures) -> pd.DataFrame:
    """Write cases to predict and nothing to train on, whole or not at all, and return ``cases.tsv`` (:data:`COLUMNS`).

    Several arms can so be tested on one set: written are ``imagesTs``, ``labelsTs``, ``cases.tsv`` and
    ``structures.tsv``.

    Args:
        folder: a former set in its place is replaced.
        test: cases, taken one by one.
        structures: those of the arms.

    Raises:
        MrisynthError: a case cannot be read rightly, or the cases do not belong together.
    """
    with _whole(folder, structures) as written:
        for case in test:
            _write_case(case, written, "test")
        table = pd.DataFrame(written.rows, columns=COLUMNS)
        write_table(structures.table(), written.folder / STRUCTURES)
        write_table(table.replace("", pd.NA), written.folder / CASES)
    return table


@contextmanager
def _whole(folder: Path, structures: Structures) -> Iterator[_Written]:
    """Yield what is written of a data set; it is put in place when the block has ended well."""
    if folder.exists() and not (folder / CASES).is_file() and any(folder.iterdir()):
        raise MrisynthError(f"{folder} holds a data set that was not written here; delete it or move it away.")
    unfinished = folder.with_name(f"{UNFINISHED}{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        yield _Written(structures, unfinished)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_case(case: Case, written: _Written, where: str) -> None:
    check_case(case, labelled=where == "training")
    name, dimensions = case.file_name, case.image.ndim
    if name in written.names:
        raise MrisynthError(f"Two cases are named {name}; expected another name for each.")
    if written.dimensions not in (None, dimensions):
        raise MrisynthError(f"The case {name} has {dimensions} axes, others {written.dimensions}; expected one kind.")
    written.names.add(name)
    written.dimensions = dimensions
    ending = "Tr" if where == "training" else "Ts"
    _write(case.image, case.affine, written.folder / f"images{ending}" / f"{name}_0000{ENDING}", dtype="float32")
    if case.labels is not None:
        numbers = written.structures.encode(case.labels, name=name)
        _write(numbers, case.affine, written.folder / f"labels{ending}" / f"{name}{ENDING}", dtype="uint8")
        if where == "training":
            written.seen += np.bincount(numbers.ravel(), minlength=len(written.seen))
    source = "synthetic" if case.synthetic else "real"
    row = [name, where, source, case.participant_id, case.volume or name, case.position, dimensions]
    written.rows.append(dict(zip(COLUMNS, row, strict=True)))


def _write(array: np.ndarray, affine: np.ndarray, path: Path, *, dtype: str) -> None:
    volume = array[..., None] if array.ndim == 2 else array
    write_volume(nib.Nifti1Image(volume, np.asarray(affine, dtype=np.float64)), path, dtype=dtype)


def _check(written: _Written, dataset: Dataset) -> None:
    of = {where: [row for row in written.rows if row["set"] == where] for where in ("training", "test")}
    if not of["training"]:
        raise MrisynthError(f"{dataset.name} has no training cases; expected one or more.")
    people = [{row["participant_id"] for row in rows} - {""} for rows in of.values()]
    both = sorted(people[0] & people[1])
    if both:
        raise MrisynthError(
            f"{dataset.name}: participant {both[0]} is in the training set and among those to predict; split by "
            "participant, and count the mask that a synthetic case was made from."
        )
    unseen = [name for name, number in written.structures.numbers.items() if not written.seen[number]]
    if unseen:
        raise MrisynthError(
            f"{dataset.name}: no training case holds {', '.join(unseen)}, which could not be learnt; leave it out of "
            "the structures (segmentation.structures), or show it (slices.positions)."
        )


def _write_tables(written: _Written, *, channel: str, folds: int, seed: int) -> pd.DataFrame:
    folder, table = written.folder, pd.DataFrame(written.rows, columns=COLUMNS)
    training = table[table["set"] == "training"]
    members = [Member(row.case, row.participant_id, row.source == "synthetic") for row in training.itertuples()]
    splits = participant_folds(members, folds=folds, seed=seed)
    if splits:
        write_json(splits, folder / SPLITS)
    content = {
        "channel_names": {"0": channel},
        "labels": {"background": 0} | written.structures.numbers,
        "numTraining": len(training),
        "file_ending": ENDING,
        "overwrite_image_reader_writer": "NibabelIO",
    }
    (folder / "imagesTs").mkdir(exist_ok=True)
    write_json(content, folder / "dataset.json")
    write_table(written.structures.table(), folder / STRUCTURES)
    write_table(table.replace("", pd.NA), folder / CASES)
    return table
