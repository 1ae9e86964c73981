"""Which T1 images a UK Biobank folder has: zip files, unpacked folders or NIfTI files; the standard library only."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.selection import TAKEN, Finding, Selection
from mrisynth.errors import ConfigError

FOLDER_KEY = "cohort.folder"
MEMBER = "T1/T1.nii.gz"
"""The image inside a zip file of field 20252: the head, in its own space, with its skull."""

_NAME = re.compile(r"(?P<eid>\d{5,8})_(?P<field>\d+)_(?P<instance>\d)_(?P<array>\d+)(?P<suffix>\.zip|\.nii\.gz|\.nii)?")
_FIELD = "20252"
_PREFERRED = (".nii.gz", ".nii", "", ".zip")  # an image at hand before one that must be unpacked


def list_ukbiobank(folder: Path) -> Selection:
    """List the T1 images (field 20252) of a UK Biobank folder and of its direct sub-folders.

    ``1234567_20252_2_0.zip`` (holding ``T1/T1.nii.gz``), the folder ``1234567_20252_2_0`` that it unpacks to, or
    ``1234567_20252_2_0.nii.gz`` is scan ``1234567-i2`` of participant ``sub-1234567``, seen at instance 2 (the first
    imaging visit; 3 is the repeat). An unpacked folder without that image (the Biobank puts images that it found
    unusable elsewhere) is a scan whose file is missing. Of several forms of one image the unpacked one is taken;
    other fields and other arrays are told apart by their numbers and left out or named ``1234567-i2-1``.

    Raises:
        ConfigError: the folder is missing, or holds no such image.
    """
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "it does not exist"
        raise ConfigError(f"{FOLDER_KEY}: {folder} should be the folder of the Biobank's images, but {found}.")
    found = sorted(_images(folder), key=lambda pair: (pair[0].scan, _PREFERRED.index(pair[1]), str(pair[2])))
    taken: dict[str, ScanFile] = {}
    findings = []
    for scan, _, path in found:
        finding = Finding(image=path.name, participant_id=scan.participant_id)
        if path.name.split("_")[1] != _FIELD:
            findings.append(replace(finding, reason="not_t1", message=f"{path.name} is not of field {_FIELD}."))
        elif scan.scan in taken:
            findings.append(replace(finding, reason="repeat", message=f"{path.name} holds {scan.scan} a second time."))
        else:
            taken[scan.scan] = scan
            findings.append(replace(finding, scan=scan.scan, status=TAKEN))
    if not taken:
        raise ConfigError(
            f"{FOLDER_KEY}: {folder} holds no image such as 1234567_{_FIELD}_2_0.zip, 1234567_{_FIELD}_2_0/{MEMBER} "
            f"or 1234567_{_FIELD}_2_0.nii.gz; give the folder of the Biobank's T1 images."
        )
    return Selection(scans=sorted(taken.values(), key=lambda scan: scan.scan), findings=findings)


def _images(folder: Path, *, deeper: bool = True) -> list[tuple[ScanFile, str, Path]]:
    images, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and bool(match["suffix"]) != entry.is_dir():
                images.append((_scan_file(match, Path(entry.path)), match["suffix"] or "", Path(entry.path)))
            elif not match and deeper and not entry.name.startswith(".") and entry.is_dir():
                folders.append(Path(entry.path))
    return images + [image for inner in folders for image in _images(inner, deeper=False)]


def _scan_file(match: re.Match[str], path: Path) -> ScanFile:
    repeat = "" if match["array"] == "0" else f"-{match['array']}"
    scan, person = f"{match['eid']}-i{match['instance']}{repeat}", f"sub-{match['eid']}"
    if match["suffix"] == ".zip":
        return ScanFile(scan, person, None, path.name, archive=path)
    return ScanFile(scan, person, path if match["suffix"] else path / MEMBER, path.name)
