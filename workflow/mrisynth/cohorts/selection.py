"""Selection: which of the images found are scans of the study, and why the others are not; cheap to import."""

from __future__ import annotations

from dataclasses import dataclass

from mrisynth.cohorts.listing import ScanFile

TAKEN, LEFT_OUT = "taken", "left_out"
SELECTION_COLUMNS = ("image", "participant_id", "scan", "status", "reason", "message")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One image that was found in a folder or in a table.

    Attributes:
        image: what the archive calls it, such as ``I13722``.
        participant_id: the person; empty where nobody can tell.
        scan: name of the scan that it became; empty when it was left out.
        status: ``taken`` or ``left_out``.
        reason: short code of what there is to say, such as ``repeat`` or ``no_row``; empty for a scan without a remark.
        message: one sentence for people; empty without a reason.
    """

    image: str
    participant_id: str = ""
    scan: str = ""
    status: str = LEFT_OUT
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The scans of a cohort and what became of every image: len(findings) = taken + left out.

    Attributes:
        scans: the scans, sorted by name.
        findings: one entry an image, the taken ones included.
    """

    scans: list[ScanFile]
    findings: list[Finding]
