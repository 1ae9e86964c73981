"""Sources: the scans of a study from its cohort, or from each of its members; runs at every parse, so it is cheap."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrisynth.cohorts import listing
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.restricted import RESTRICTED, select_scans
from mrisynth.cohorts.several import errors_of, in_member, in_study, sources_of
from mrisynth.errors import ConfigError
from mrisynth.plain_text import check_path

IXI_FOLDER = Path("resources/ixi/T1")
IXI_NAMES = Path("resources/ixi_t1_scans.tsv")
IXI_TABLE = "resources/ixi/IXI.xls"


def list_study(cohort: Mapping[str, Any], *, source: str) -> list[ScanFile]:
    """List the scans of a study of scans, each cohort's in the order of their names.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in; of ``several`` every member is listed,
            and its scans have the names of :func:`mrisynth.cohorts.several.joined_name`.
        source: the file the configuration came from, named in errors.

    Raises:
        ConfigError: a folder or a table is missing or holds nothing that can be taken, or a path holds what Snakemake
            would read as something else.
    """
    found: list[ScanFile] = []
    for member, own in sources_of(cohort).items():
        with errors_of(member):
            listed = _listed(own, source=source)[: own["first_scans"]]
            for path in filter(None, (scan.path or scan.dicom or scan.archive for scan in listed)):
                check_path(str(path), key=f"{source}: {listing.FOLDER_KEY}")
        found += [in_study(member, scan) if member else scan for scan in listed]
    return found


def future_path(scan: ScanFile, cohort: Mapping[str, Any], *, folder: str, bundle: str) -> Path:
    """Return where a scan without a file will have it.

    Args:
        scan: of :func:`list_study`.
        cohort: the block ``cohort`` of the configuration, defaults filled in.
        folder: of the study.
        bundle: that the scan is in.
    """
    made = Path(folder, "cohort")
    if scan.dicom:
        return made / "nifti" / f"bundle-{bundle}" / f"{scan.scan}_T1w.nii.gz"
    if scan.archive:
        return made / "unpacked" / f"bundle-{bundle}" / f"{scan.scan}_T1w.nii.gz"
    if is_simulated(scan, cohort):
        return made / "simulated" / scan.member / f"bundle-{bundle}" / f"{in_member(scan).scan}_T1w.nii.gz"
    return IXI_FOLDER / f"{scan.scan}-T1.nii.gz"


def is_simulated(scan: ScanFile, cohort: Mapping[str, Any]) -> bool:
    """Return whether a scan of a study is a simulated head, which a job makes."""
    kind = cohort["members"][scan.member]["name"] if scan.member else cohort["name"]
    return kind == "simulated"


def _listed(cohort: Mapping[str, Any], *, source: str) -> list[ScanFile]:
    folder = Path(cohort["folder"]) if cohort["folder"] else None
    names = Path(cohort["scan_names"]) if cohort["scan_names"] else None
    match cohort["name"]:
        case "ixi":
            return listing.list_ixi(folder, names=names or (None if folder else IXI_NAMES))
        case "bids" if folder is None:
            raise ConfigError(f"{source}: the key cohort.folder is missing; a bids cohort needs its folder.")
        case "bids":
            return listing.list_bids(folder)
        case name if name in RESTRICTED:
            return _selected(cohort, source=source)
        case _:
            return listing.list_simulated(cohort["participants"])


def _selected(cohort: Mapping[str, Any], *, source: str) -> list[ScanFile]:
    try:
        return select_scans(cohort).scans
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error
