"""Folders of 2D images with a ``dataset.json`` of labels, as generators with covariates exchange them."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from PIL import Image

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import write_json
from mrisynth.imaging.picture import read_picture
from mrisynth.slices.dataset_labels import FILE, SPLIT, read_labels, written_labels
from mrisynth.slices.slice_set import open_slices

DATASET = "dataset.json"
PARTS = {"trainset": "train", "valset": "validation", "testset": "test"}
"""Folders of a data set that is divided, and the split that each stands for."""
ENDINGS = (".png", ".jpg", ".nii.gz")
READ_ENDINGS = (*ENDINGS, ".jpeg", ".nii")
MOST_JSON_BYTES, MOST_IMAGES, MOST_BYTES = 2**26, 2**20, 2**33
_PER_FOLDER = 1000


@dataclass(frozen=True, kw_only=True)
class LabelledImages:
    """The images of a data set and what is known of each.

    Attributes:
        images: uint8 [image, row, column], or [image, row, column, channel] in colour, 0..255, row 0 at the top.
        table: one row an image, in the same order: ``file`` (its path below the folder, with ``/``), ``split``
            (``train``, ``validation``, ``test``; missing where the data set is not divided), then a column for each
            covariate, missing where an entry does not have it.
        form: of the labels, one of :data:`mrisynth.slices.dataset_labels.FORMS`; ``none`` without labels.
    """

    images: np.ndarray
    table: pd.DataFrame
    form: str


def read_dataset(folder: str | Path, *, columns: Sequence[str] | None = None, colour: bool = False) -> LabelledImages:
    """Read ``dataset.json`` and the images that it names, or those of ``trainset``, ``valset`` and ``testset``.

    Nobody need trust who made it: a file is read only where it lies in the folder, and what it claims is checked
    before memory is taken for it. A NIfTI file holds one image whose first axis is the row, from the top, as arrays
    of pictures are stored, and whole values of 0..255.

    Args:
        folder: holds ``dataset.json``, or folders of :data:`PARTS` that do.
        columns: names of the values of the form ``native``.
        colour: keep red, green and blue; else colours become grey.

    Raises:
        MrisynthError: a file is missing, no image, outside the folder, named twice or of another shape than the first;
            the labels are of no form that is known; the parts have labels of several forms.
    """
    table, form = read_tables(folder, columns=columns)
    return LabelledImages(images=_images(Path(folder), table[FILE], colour=colour), table=table, form=form)


def read_tables(folder: str | Path, *, columns: Sequence[str] | None = None) -> tuple[pd.DataFrame, str]:
    """Read what :func:`read_dataset` reads but the images: the table and the form, see :class:`LabelledImages`."""
    folder = Path(folder)
    given = [name for name in PARTS if (folder / name / DATASET).is_file()]
    if (folder / DATASET).is_file() == bool(given):
        both = "both, itself and in its parts," if given else f"neither itself nor in {', '.join(PARTS)}"
        raise MrisynthError(f"{folder} holds {DATASET} {both}; expected one of them.")
    tables, forms = [], {}
    for name in given or [""]:
        table, form = read_labels_of(folder / name, columns=columns)
        table[FILE] = [f"{name}/{file}".lstrip("/") for file in table[FILE]]
        table.insert(1, SPLIT, pd.Series([PARTS.get(name)] * len(table), dtype="str"))
        tables.append(table)
        forms[name] = form
    if len(set(forms.values())) > 1:
        words = ", ".join(f"{name} {form}" for name, form in forms.items())
        raise MrisynthError(f"The parts of {folder} have labels of several forms ({words}); write one form.")
    return pd.concat(tables, ignore_index=True), form


def inside(path: Path, folder: Path) -> Path:
    """Return ``path``; raise MrisynthError where it leads out of the folder, as links may."""
    home = os.path.realpath(folder)
    if os.path.commonpath([home, os.path.realpath(path)]) != home:
        raise MrisynthError(f"{path} leads out of {folder}; expected the image itself.")
    return path


def read_labels_of(folder: str | Path, *, columns: Sequence[str] | None = None) -> tuple[pd.DataFrame, str]:
    """Read ``dataset.json`` of one folder, and no image.

    Returns:
        The table of :func:`mrisynth.slices.dataset_labels.read_labels` and its form. Without labels (``null``, as
        StyleGAN writes it) every image below the folder by name, and ``none``.

    Raises:
        MrisynthError: as :func:`read_dataset`.
    """
    path = Path(folder) / DATASET
    labels = _json(path)
    if labels is None:
        files = sorted(file.relative_to(folder).as_posix() for file in Path(folder).rglob("*") if _is_image(file.name))
        if not files:
            raise MrisynthError(f"{path} has no labels, and no image lies beside it; expected {', '.join(ENDINGS)}.")
        return pd.DataFrame({FILE: pd.Series(files, dtype="str")}), "none"
    entries = [_entry(entry, number, path) for number, entry in enumerate(labels)]
    seen: set[str] = set()
    for number, (file, _) in enumerate(entries):
        if file in seen:
            raise MrisynthError(f"{path}: entry {number} names {file!a}, as an entry before it does; name it once.")
        seen.add(file)
    return read_labels(entries, where=str(path), columns=columns)


def write_dataset(
    folder: str | Path, images: np.ndarray, table: pd.DataFrame, *, form: str = "pairs", ending: str = ".png"
) -> None:
    """Write images as ``00000/img00000000.png`` ... and, last, ``dataset.json`` with their labels.

    Args:
        folder: receives them; with a column ``split`` in the table its folders of :data:`PARTS` do.
        images: uint8 [image, row, column] or [image, row, column, channel], row 0 at the top.
        table: one row an image, in their order: covariates in columns, and perhaps ``split``; ``file`` is passed over.
        form: one of :data:`mrisynth.slices.dataset_labels.FORMS`.
        ending: of :data:`ENDINGS`; ``.jpg`` loses a little, ``.nii.gz`` holds grey images alone.

    Raises:
        MrisynthError: images and table do not fit, the form or the ending is unknown, or a value has no place in the
            form.
    """
    if ending not in ENDINGS:
        raise MrisynthError(f"The ending {ending!r} is unknown; expected one of: {', '.join(ENDINGS)}.")
    grey = images.ndim == 3
    if images.dtype != np.uint8 or len(images) != len(table) or not (grey or images.shape[3:] == (3,)):
        raise MrisynthError(
            f"{folder}: {images.dtype} images of shape {images.shape} came with {len(table)} rows of labels; expected "
            "uint8 [image, row, column], or three channels, and a row for each."
        )
    if ending == ".nii.gz" and not grey:
        raise MrisynthError(f"{folder}: a NIfTI file here holds a grey image, and these are in colour; use .png.")
    known = table.drop(columns=FILE, errors="ignore").reset_index(drop=True)
    labels = written_labels(known.drop(columns=SPLIT, errors="ignore"), form=form)
    for place, rows in _parts(Path(folder), known).items():
        _write_part(place, images, labels, rows=rows, ending=ending)


def export_slices(
    slices: str | Path,
    folder: str | Path,
    *,
    size: int,
    table: pd.DataFrame,
    columns: Sequence[str],
    form: str = "pairs",
    ending: str = ".png",
) -> None:
    """Write a study's packed slices with what a table says of their scans, by :func:`write_dataset`.

    They are parts of real scans: who may have the scans may have these, and nobody else. Names of scans and of
    participants are not written.

    Args:
        slices: ``slices`` of a study.
        folder: receives ``trainset``, ``valset`` and ``testset``.
        size: pixels a side, one that is packed.
        table: one row a scan, such as ``cohort/scans.tsv`` or a table of a condition: ``scan`` and the columns.
        columns: what is told of each image.
        form: one of :data:`mrisynth.slices.dataset_labels.FORMS`.
        ending: of :data:`ENDINGS`.

    Raises:
        MrisynthError: the size is not packed, or the table lacks a column or a scan.
    """
    packed = open_slices(slices, size)
    known = {name: packed.values(table, name).to_numpy() for name in columns}
    write_dataset(folder, packed.images, pd.DataFrame({SPLIT: packed.index["split"]} | known), form=form, ending=ending)


def _json(path: Path) -> list[Any] | None:
    if not path.is_file():
        raise MrisynthError(f"{path} is not there; expected the labels of the images beside it.")
    if path.stat().st_size > MOST_JSON_BYTES:
        raise MrisynthError(f"{path} has {path.stat().st_size} bytes; expected {MOST_JSON_BYTES} at most.")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise MrisynthError(f"{path} is no JSON file ({str(error)[:80]}); write it again.") from error
    labels = content.get("labels", 0) if isinstance(content, dict) else 0
    if labels is not None and (not isinstance(labels, list) or len(labels) > MOST_IMAGES):
        raise MrisynthError(f'{path} has no list {{"labels": [[file, label], ...]}} of at most {MOST_IMAGES} images.')
    return labels


def _entry(entry: Any, number: int, path: Path) -> tuple[str, Any]:
    """Return file and label of an entry; the file lies, by its name, below the folder of ``path``."""
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
        raise MrisynthError(f"{path}: entry {number} is {str(entry)[:60]!a}; expected [file, label].")
    file = PurePosixPath(entry[0])
    if not entry[0].isprintable() or file.is_absolute() or ".." in file.parts or "\\" in entry[0]:
        raise MrisynthError(f"{path}: entry {number} names {entry[0][:100]!a}; expected a path below its folder.")
    if not _is_image(file.name):
        raise MrisynthError(
            f"{path}: entry {number} names {entry[0][:100]!a}; expected a file {', '.join(READ_ENDINGS)}."
        )
    return file.as_posix(), entry[1]


def _is_image(name: str) -> bool:
    return name.lower().endswith(READ_ENDINGS) and not name.startswith(".")


def _images(folder: Path, files: pd.Series, *, colour: bool) -> np.ndarray:
    """Read the images into one array; the first says the shape of all."""
    images = np.empty(0, dtype=np.uint8)
    for number, file in enumerate(files):
        path = inside(folder / file, folder)
        try:
            image = read_picture(path, colour=colour)
        except ScanError as error:
            raise MrisynthError(f"Image {number} of {folder} cannot be used: {error}") from error
        if number == 0:
            if (needed := len(files) * image.size) > MOST_BYTES:
                raise MrisynthError(f"The {len(files)} images of {folder} need {needed} bytes; expected {MOST_BYTES}.")
            images = np.empty((len(files), *image.shape), dtype=np.uint8)
        if image.shape != images.shape[1:]:
            found, first = (" x ".join(map(str, shape[:2])) for shape in (image.shape, images.shape[1:]))
            raise MrisynthError(f"{path} has {found} pixels (rows x columns), {files.iloc[0]} {first}; make all equal.")
        images[number] = image
    return images


def _parts(folder: Path, table: pd.DataFrame) -> dict[Path, np.ndarray]:
    """Return each folder to write, and the rows of its images."""
    if SPLIT not in table:
        return {folder: np.arange(len(table))}
    folders = {split: folder / name for name, split in PARTS.items()}
    if unknown := [split for split in dict.fromkeys(table[SPLIT]) if split not in folders]:
        raise MrisynthError(f"{folder}: the table has the split {unknown[0]!s}; expected {', '.join(folders)}.")
    rows = {place: np.flatnonzero(table[SPLIT] == split) for split, place in folders.items()}
    return {place: found for place, found in rows.items() if len(found)}


def _write_part(folder: Path, images: np.ndarray, labels: Sequence[Any], *, rows: np.ndarray, ending: str) -> None:
    save: Mapping[str, Callable[[np.ndarray, Path], None]] = {".png": _png, ".jpg": _jpeg, ".nii.gz": _gz}
    (folder / DATASET).unlink(missing_ok=True)
    entries = []
    for number, row in enumerate(rows):
        name = f"{number // _PER_FOLDER:05d}/img{number:08d}{ending}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save[ending](np.ascontiguousarray(images[row]), folder / name)
        entries.append([name, labels[row]])
    write_json({"labels": entries}, folder / DATASET)


def _png(image: np.ndarray, path: Path) -> None:
    Image.fromarray(image).save(path, format="PNG")


def _jpeg(image: np.ndarray, path: Path) -> None:
    Image.fromarray(image).save(path, format="JPEG", quality=95, subsampling=0)


def _gz(image: np.ndarray, path: Path) -> None:
    content = nib.Nifti1Image(image, np.eye(4)).to_bytes()
    path.write_bytes(gzip.compress(content, mtime=0))
