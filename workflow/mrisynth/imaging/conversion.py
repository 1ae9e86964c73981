"""Conversion: a bundle of DICOM series or zip files becomes a folder of NIfTI files and a table of what failed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from mrisynth.archives import unpack_zip_member
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import write_table
from mrisynth.progress import Progress

CONVERTED, FAILED = "converted", "failed"
CONVERSION_NAME = "conversion.tsv"
_LOG = logging.getLogger(__name__)


def convert_bundle(
    sources: Mapping[str, Path], folder: Path, *, convert: Callable[[Path, Path], None], what: str
) -> pd.DataFrame:
    """Convert source after source to ``<folder>/<scan>_T1w.nii.gz`` and write what became of each.

    A source that fails leaves no image, and is later a scan that is excluded for the reason in the table.

    Args:
        sources: DICOM folder or archive of each scan.
        folder: made when it is not there.
        convert: writes the image of a source to a path; raises ScanError.
        what: name of the work on the terminal.

    Returns:
        The rows of ``<folder>/conversion.tsv``: scan, status (``converted``, ``failed``), reason, message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(what, len(sources))
    rows = []
    for scan, source in sources.items():
        reason = message = None
        try:
            convert(source, folder / f"{scan}_T1w.nii.gz")
        except ScanError as error:
            reason, message = error.reason, str(error)
            _LOG.warning("%s is not converted: %s: %s", scan, reason, message)
        rows.append({"scan": scan, "status": FAILED if reason else CONVERTED, "reason": reason, "message": message})
        progress.advance(note=f"{scan}: {reason}" if reason else "")
    table = pd.DataFrame(rows, columns=["scan", "status", "reason", "message"]).astype("str")
    write_table(table, folder / CONVERSION_NAME)
    _LOG.info("%s: %s", what, table["status"].value_counts().to_dict())
    return table


def unpack_image(archive: Path, path: Path, *, member: str) -> None:
    """Unpack the one image ``member`` of a zip file to ``path``; nothing else of it is written.

    Raises:
        ScanError: with reason ``not_unpacked``: the archive is broken, or does not hold the member once.
        MrisynthError: the disk is full or the folder cannot be written to.
    """
    if archive.is_file() and shutil.disk_usage(path.parent).free < archive.stat().st_size:
        raise MrisynthError(f"{path.parent} has too little space for the image in {archive}; make room and run again.")
    try:
        unpack_zip_member(archive, member, path)
    except MrisynthError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise ScanError("not_unpacked", str(error)) from error
