"""The folder tree of an ADNI download: subject, description, date, image ID; the standard library only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mrisynth.errors import ConfigError

FOLDER_KEY = "cohort.folder"
DEEPEST = 5  # levels below a subject that are searched: description, date, series, image, one more

SUBJECT = re.compile(r"\d{3}_S_\d{4,5}")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(_.*)?")
_IMAGE_FOLDER = re.compile(r"I\d+")
_IMAGE_FILE = re.compile(r"(?:^|_)(I\d+)$")
_FLAT = re.compile(
    r"ADNI_(?P<subject>\d{3}_S_\d{4,5})_[A-Z]+_(?P<description>.+?)(?:_+br_raw)?_\d{14,}.*_(?P<image>I\d+)"
)
_NIFTI = (".nii.gz", ".nii")


@dataclass(frozen=True, kw_only=True)
class FoundImage:
    """One image of the download.

    Attributes:
        subject: such as ``002_S_0295``.
        folder: the folder that holds the image.
        image: the Image ID, such as ``I13722``; empty where neither folder nor file name holds one.
        description: name of the folder below the subject, such as ``MPR__GradWarp__B1_Correction__N3``.
        time: day and time of the scan as in the folder's name, ``2006-04-18_08_20_30.0``; empty when unknown.
        path: the NIfTI file; None for a DICOM series and for a folder without any image.
        dicom: the folder of the DICOM series, or None.
    """

    subject: str
    folder: Path
    image: str = ""
    description: str = ""
    time: str = ""
    path: Path | None = None
    dicom: Path | None = None

    @property
    def day(self) -> str:
        """Day of the scan, ``20060418``; empty when unknown."""
        return "".join(_DATE.fullmatch(self.time).groups()[:3]) if self.time else ""


def find_images(folder: Path) -> list[FoundImage]:
    """Find the images of an ADNI download, sorted by subject, time and image.

    ``folder`` is the folder of the subjects (``ADNI``), a folder that holds one or several of these (several
    downloads side by side), or a flat folder of NIfTI files with the names that the archive gives them. A folder that
    holds a file ``*.dcm`` is one DICOM series.

    Raises:
        ConfigError: the folder is missing, or holds neither subjects nor such files.
    """
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "it does not exist"
        raise ConfigError(f"{FOLDER_KEY}: {folder} should be the folder of an ADNI download, but {found}.")
    subjects = [FoundImage(subject=path.name, folder=path) for path in _subjects(folder)]
    images = [image for subject in subjects for image in _search(subject)] + list(_flat(folder))
    if not images:
        raise ConfigError(
            f"{FOLDER_KEY}: {folder} holds no folder of an ADNI subject such as 002_S_0295 with images in it; "
            f"give the folder `ADNI` that the download unpacks to."
        )
    return sorted(images, key=lambda image: (image.subject, image.time, image.image, str(image.folder)))


def _subjects(folder: Path) -> Iterator[Path]:
    below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in below:
        if SUBJECT.fullmatch(path.name):
            yield path
        else:
            yield from (inner for inner in path.iterdir() if SUBJECT.fullmatch(inner.name) and inner.is_dir())


def _search(place: FoundImage, *, depth: int = 0) -> Iterator[FoundImage]:
    """Yield the images at and below a place that knows its subject, and its description and time once it is below."""
    files, folders, series = [], [], ""
    with os.scandir(place.folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.name.lower().endswith(".dcm"):
                series = entry.name
                break  # a series has hundreds of files; one is enough to know
            if entry.name.endswith(_NIFTI):
                files.append(entry.name)
            elif entry.is_dir():
                folders.append(entry.name)
    if series:
        yield replace(place, image=_image_id(series, place.folder), dicom=place.folder)
        return
    if not files and not folders:
        yield replace(place, image=_image_id("", place.folder))
    for name in files:
        yield replace(place, image=_image_id(name, place.folder), path=place.folder / name)
    for name in folders if depth < DEEPEST else ():
        time = name if _DATE.fullmatch(name) else place.time
        below = replace(place, folder=place.folder / name, description=place.description or name, time=time)
        yield from _search(below, depth=depth + 1)


def _image_id(file: str, folder: Path) -> str:
    """Return the Image ID that a file name ends in, else that of the folder (a series number S13408 is none)."""
    stem = file
    for suffix in (*_NIFTI, ".dcm", ".DCM"):
        stem = stem.removesuffix(suffix)
    if match := _IMAGE_FILE.search(stem):
        return match[1]
    return folder.name if _IMAGE_FOLDER.fullmatch(folder.name) else ""


def _flat(folder: Path) -> Iterator[FoundImage]:
    """Yield the files beside the subjects; the date in their names is that of the archive, not of the scan."""
    for path in folder.iterdir():
        if path.name.endswith(_NIFTI) and (
            match := _FLAT.fullmatch(path.name.removesuffix(".gz").removesuffix(".nii"))
        ):
            yield FoundImage(**match.groupdict(), folder=folder, path=path)
