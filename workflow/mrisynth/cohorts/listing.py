"""Listing: which scans a cohort has, from file names alone; the standard library only, for it runs at every parse."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrisynth.errors import ConfigError

FOLDER_KEY = "cohort.folder"
NAMES_KEY = "cohort.scan_names"
NAMES_COLUMN = "file_name"

_SUFFIXES = (".nii.gz", ".nii")
_IXI = re.compile(r"(?P<participant>IXI\d{3})-(?P<site>[A-Za-z]+)-(?P<number>\d+)-(?P<modality>[A-Z]+\d*)(-\d+)?")
_BIDS_FOLDER = re.compile(r"sub-[A-Za-z0-9][A-Za-z0-9._+-]*")  # laxer than BIDS, which has letters and digits alone
_BIDS_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")


@dataclass(frozen=True)
class ScanFile:
    """One scan that is expected.

    Attributes:
        scan: its name, ``[A-Za-z0-9-]+``, such as ``IXI012-HH-1211`` or ``sub-01-ses-02-run-1``.
        participant_id: the person, such as ``IXI012`` or ``sub-01``.
        path: where its image should be; the file may be missing (the scan is then excluded with the reason
            ``missing``). None where the image is made or downloaded by the workflow.
        file_name: name of the image, such as ``IXI012-HH-1211-T1.nii.gz``.
        dicom: folder of the DICOM series that a job converts to the image; None for any other image.
        archive: zip file that a job unpacks the image from; None for any other image.
        member: the cohort that it is from, where a study has several; empty where it has one.
    """

    scan: str
    participant_id: str
    path: Path | None
    file_name: str = ""
    dicom: Path | None = None
    archive: Path | None = None
    member: str = ""


def list_ixi(folder: Path | None, *, names: Path | None) -> list[ScanFile]:
    """List the T1 scans of an IXI-like folder, sorted by name.

    Args:
        folder: folder of NIfTI files, not searched deeper; None: the scans of ``names``, to be downloaded.
        names: TSV with a column ``file_name``: just these scans are listed, also those whose file is missing.
            A folder that holds none of these names is listed as it is; so is one without ``names`` (IXI images
            of another modality, ``IXI012-HH-1211-T2.nii.gz``, are passed over).

    Raises:
        ConfigError: the folder or the table is missing, holds no scan, or two files make the same scan name.
    """
    expected = None if names is None else _read_names(names)
    if folder is None:
        if expected is None:
            raise ConfigError(
                f"config keys `{FOLDER_KEY}` and `{NAMES_KEY}` are both empty: give the folder that holds the scans, "
                f"or the table of the scans to download."
            )
        return _checked([_scan_file(name, path=None) for name in expected], f"{NAMES_KEY}: {names}")
    found = _images_in(folder)
    if expected is not None and (set(expected) & {path.name for path in found}):
        scans = [_scan_file(name, path=folder / name) for name in expected]
    else:
        scans = [_scan_file(path.name, path=path) for path in found if not _other_modality(path.name)]
    return _checked(scans, f"{FOLDER_KEY}: {folder}")


def list_bids(folder: Path) -> list[ScanFile]:
    """List the T1w images of a BIDS folder, ``sub-*/[ses-*/]anat/*_T1w.nii[.gz]``, sorted by scan.

    ``sub-01/ses-02/anat/sub-01_ses-02_run-1_T1w.nii.gz`` is scan ``sub-01-ses-02-run-1`` of participant ``sub-01``.

    Raises:
        ConfigError: the folder is missing, holds no such image or an impossible name of a participant, or two files
            make the same scan name.
    """
    _require_folder(folder)
    paths = [
        path
        for pattern in ("sub-*/anat/*_T1w.nii*", "sub-*/ses-*/anat/*_T1w.nii*")
        for path in folder.glob(pattern)
        if path.name.endswith(_SUFFIXES) and not path.name.startswith(".")
    ]
    if not paths:
        raise ConfigError(
            f"{FOLDER_KEY}: {folder} holds no image sub-*/[ses-*/]anat/*_T1w.nii[.gz]; "
            f"give the root of a BIDS data set, or set `cohort.name: ixi` for a flat folder of NIfTI files."
        )
    people = [path.relative_to(folder).parts[0] for path in paths]
    if wrong := next((person for person in people if not _BIDS_FOLDER.fullmatch(person)), None):
        raise ConfigError(
            f"{FOLDER_KEY}: {folder} holds the folder {wrong!a}; a participant of BIDS is named sub- and letters "
            "and digits, so rename it (and its row in participants.tsv)."
        )
    scans = [
        ScanFile(scan_name(path.name), person, path, path.name) for path, person in zip(paths, people, strict=True)
    ]
    return _checked(scans, f"{FOLDER_KEY}: {folder}")


def list_simulated(count: int) -> list[ScanFile]:
    """List the scans ``sub-0001`` ... of a simulated cohort; their images are made by the workflow.

    Raises:
        ConfigError: ``count`` is below 1.
    """
    if count < 1:
        raise ConfigError(f"cohort.participants is {count}; a simulated cohort needs at least 1.")
    names = [f"sub-{number:04d}" for number in range(1, count + 1)]
    return [ScanFile(name, name, None, f"{name}_T1w.nii.gz") for name in names]


def ixi_site(file_name: str) -> str | None:
    """Return the site in an IXI file or scan name (``Guys``, ``HH``, ``IOP``); None for any other name."""
    match = _IXI.match(f"{_stem(file_name)}-T1")
    return match["site"] if match else None


def scan_name(file_name: str) -> str:
    """Return the wildcard-safe scan name of a file name: without suffix and final T1 or T1w, hyphens for the rest."""
    stem = re.sub(r"[-_]T1w?$", "", _stem(file_name))
    return re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")


def _scan_file(name: str, *, path: Path | None) -> ScanFile:
    scan = scan_name(name)
    if match := _IXI.fullmatch(_stem(name)):
        participant = match["participant"]
    elif match := _BIDS_SUBJECT.match(scan):
        participant = match[0]
    else:
        participant = scan
    return ScanFile(scan, participant, path, name)


def _stem(name: str) -> str:
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


def _other_modality(name: str) -> bool:
    match = _IXI.fullmatch(_stem(name))
    return match is not None and match["modality"] != "T1"


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "it does not exist"
        raise ConfigError(f"{FOLDER_KEY}: {folder} should be the folder that holds the scans, but {found}.")


def _images_in(folder: Path) -> list[Path]:
    _require_folder(folder)
    paths = sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIXES) and path.name[0] != ".")
    if not paths:
        raise ConfigError(
            f"{FOLDER_KEY}: {folder} holds no scan (*.nii.gz or *.nii); sub-folders are not searched, "
            f"give the folder of the images itself, or set `cohort.name: bids` for a BIDS data set."
        )
    return paths


def _read_names(table: Path) -> list[str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{NAMES_KEY}: {table} cannot be read as a table of scans ({error}).") from error
    if not rows or NAMES_COLUMN not in rows[0]:
        raise ConfigError(f"{NAMES_KEY}: {table} should be a TSV with a column `{NAMES_COLUMN}` and at least one row.")
    names = [(row[NAMES_COLUMN] or "").strip() for row in rows]
    for line, name in enumerate(names, start=2):
        if not name.endswith(_SUFFIXES) or Path(name).name != name or name.startswith("."):
            raise ConfigError(
                f"{NAMES_KEY}: line {line} of {table} holds {name!r}; a plain file name that ends in .nii.gz or .nii "
                f"was expected in column `{NAMES_COLUMN}`."
            )
    return names


def _checked(scans: Sequence[ScanFile], where: str) -> list[ScanFile]:
    counts = Counter(scan.scan for scan in scans)
    if "" in counts or not scans:
        unnamed = [scan.file_name for scan in scans if not scan.scan]
        raise ConfigError(
            f"{where}: no scan name can be made of {unnamed}; use letters or digits in the file names."
            if unnamed
            else f"{where} holds no T1 scan; give the folder of the T1 images."
        )
    repeated = sorted(scan for scan, count in counts.items() if count > 1)
    if repeated:
        files = [str(scan.path or scan.file_name) for scan in scans if scan.scan == repeated[0]]
        raise ConfigError(
            f"{where}: {len(repeated)} scan names occur more than once; the first is {repeated[0]}, "
            f"made of {' and '.join(files)}; rename or remove one of them."
        )
    return sorted(scans, key=lambda scan: scan.scan)
