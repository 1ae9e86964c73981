"""Knowledge: what a cohort knows of its persons and of their scans, and what became of every image it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.cohorts.adni import read_adni
from mrisynth.cohorts.adni_listing import AdniSelection
from mrisynth.cohorts.bids_sessions import read_sessions
from mrisynth.cohorts.demographics import read_merged
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.merging import Merged
from mrisynth.cohorts.restricted import RESTRICTED, select_scans
from mrisynth.cohorts.selection import LEFT_OUT, SELECTION_COLUMNS, TAKEN, Finding
from mrisynth.cohorts.ukbiobank import read_ukbiobank


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What is known before any image is read.

    Attributes:
        merged: the persons, one row each, and how their rows became one.
        scans: one row a scan, with ``scan`` and its visit, age, diagnosis ...; None where only persons are known.
        selection: one row an image: image, participant_id, scan, status (``taken``, ``left_out``), reason, message.
    """

    merged: Merged
    scans: pd.DataFrame | None
    selection: pd.DataFrame

    @property
    def people(self) -> pd.DataFrame:
        """One row a person, with ``participant_id``."""
        return self.merged.table


def read_knowledge(
    cohort: Mapping[str, Any], table: str | Path, *, scan_files: Sequence[ScanFile], seed: int
) -> Knowledge:
    """Read what a cohort of any kind knows.

    Args:
        cohort: the block ``cohort`` of the configuration, defaults filled in.
        table: the spreadsheet of an ixi cohort; unused by the others.
        scan_files: the scans of the study; images of the cohort that are not among them are left out.
        seed: the study's seed, from which simulated participants are drawn.
    """
    if cohort["name"] not in RESTRICTED:
        merged = read_merged(cohort, table, seed=seed)
        findings = [Finding(image=f.file_name, participant_id=f.participant_id, scan=f.scan) for f in scan_files]
        scans = read_sessions(Path(cohort["folder"]), scan_files) if cohort["name"] == "bids" else None
        return Knowledge(merged=merged, scans=scans, selection=_table(findings, scan_files))
    found = select_scans(cohort)
    if isinstance(found, AdniSelection):
        settings = cohort["adni"]
        merge = Path(settings["adnimerge"]) if settings["adnimerge"] else None
        merged, scans = read_adni(found, adnimerge=merge, window_days=settings["window_days"])
    else:
        demographics = Path(cohort["demographics"]) if cohort["demographics"] else None
        merged, scans = read_ukbiobank(found.scans, table=demographics)
    return Knowledge(merged=merged, scans=scans, selection=_table(found.findings, scan_files))


def _table(findings: Sequence[Finding], scan_files: Sequence[ScanFile]) -> pd.DataFrame:
    chosen = {file.scan for file in scan_files}
    rows = [_row(finding, chosen) for finding in findings]
    return pd.DataFrame(rows, columns=list(SELECTION_COLUMNS)).astype("str")


def _row(finding: Finding, chosen: set[str]) -> dict[str, str | None]:
    changed = finding
    if finding.scan in chosen:
        changed = replace(finding, status=TAKEN)
    elif finding.scan:
        message = f"{finding.scan} is not among the first scans (cohort.first_scans)."
        changed = replace(finding, scan="", status=LEFT_OUT, reason="first_scans", message=message)
    return {name: value or None for name, value in asdict(changed).items()}
