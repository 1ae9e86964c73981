"""Which scans an ADNI download has: its folders, its search table, its repeats; the standard library only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from mrisynth.cohorts.adni_folder import FOLDER_KEY, SUBJECT, FoundImage, find_images
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.rows import column_of, plain, read_rows
from mrisynth.cohorts.selection import LEFT_OUT, TAKEN, Finding, Selection
from mrisynth.errors import ConfigError

TABLE_KEY = "cohort.demographics"
DESCRIPTIONS_KEY = "cohort.adni.descriptions"
T1_DESCRIPTIONS = ("*mprage*", "mpr*", "mt1*", "*spgr*")
"""Descriptions of T1-weighted volumes in ADNI, as patterns over lower-case letters and digits."""
NEVER_T1 = ("*mask*", "*scout*", "*local*", "*jacobian*", "*segment*", "*calibration*", "*phantom*")

_FIELDS = {  # field: names of its column, first found first taken
    "image": ("Image Data ID", "Image ID", "Image UID", "image_id"),
    "subject": ("Subject", "Subject ID", "PTID"),
    "group": ("Group", "Research Group", "DX Group"),
    "sex": ("Sex", "Gender"),
    "age": ("Age",),
    "visit": ("Visit", "Image Visit"),
    "modality": ("Modality",),
    "description": ("Description", "Image Description", "Series Description"),
    "type": ("Type", "Image Type"),
    "day": ("Acq Date", "Acquisition Date", "Study Date", "Scan Date", "Image Date"),
    "downloaded": ("Downloaded",),
}
_STEPS = ("gradwarp", "b1correction", "n3", "scaled")


@dataclass(frozen=True, kw_only=True)
class AdniImage:
    """One image of the download or of the search table.

    Attributes:
        found: where it lies; None for a row of the table without a file.
        row: the fields of its row of the search table (``group``, ``sex``, ``age``, ``visit`` ...), all text; empty
            without a row.
        subject, image, description: from the folder, else from the row.
        day: day of the scan, ``20060418``; from the folder, else from the row; empty when unknown.
        visit: of the row, or of another image of the person on that day; else the day.
    """

    image: str
    subject: str
    description: str = ""
    day: str = ""
    visit: str = ""
    found: FoundImage | None = None
    row: Mapping[str, str] = field(default_factory=dict)

    @property
    def participant_id(self) -> str:
        """The person, ``sub-002S0295``."""
        return f"sub-{self.subject.replace('_', '')}"

    @property
    def scan(self) -> str:
        """Name of the scan, ``002S0295-20060418-I13722``."""
        return f"{self.subject.replace('_', '')}-{self.day or 'undated'}-{self.image}"


@dataclass(frozen=True, kw_only=True)
class AdniSelection(Selection):
    """The selection of an ADNI download.

    Attributes:
        images: the image behind each scan, by the scan's name.
    """

    images: dict[str, AdniImage]


def list_adni(
    folder: Path, *, table: Path | None, descriptions: Sequence[str] | None = None, repeats: str = "first"
) -> AdniSelection:
    """List the T1-weighted scans of an ADNI download.

    Args:
        folder: as :func:`mrisynth.cohorts.adni_folder.find_images` reads it.
        table: the search table (CSV) of the download, or None. An image without a row is taken, with a remark. A row
            without a file is a scan whose file is missing when its ``Downloaded`` is filled and, unless all repeats are
            taken, its visit has no other image; otherwise it is left out, with a remark.
        descriptions: patterns (``*`` and ``?``; case, blanks and punctuation do not count) of the descriptions to
            keep; None keeps :data:`T1_DESCRIPTIONS` without :data:`NEVER_T1`.
        repeats: which images of a person's visit are taken. ``first``: the one that the archive processed least, of
            these the earliest, an original before a repeat. ``best_processed``: the one with most steps of the
            archive's correction (GradWarp, B1, N3, scaling). ``all``: all of them.

    Raises:
        ConfigError: the folder or the table cannot be read, or nothing is left.
    """
    images, findings = _joined(find_images(folder), {} if table is None else _read_table(table))
    images, dropped = _t1_weighted(_with_visits(images), descriptions)
    taken, repeated = _without_repeats(images, repeats)
    findings += dropped + repeated
    if not taken:
        shown = ", ".join(sorted({finding.message for finding in findings})[:3])
        raise ConfigError(
            f"{FOLDER_KEY}: {folder} holds no scan that can be taken ({shown}); see `{DESCRIPTIONS_KEY}`."
        )
    taken = sorted(taken, key=lambda image: image.scan)
    findings += [_taken(image, has_table=table is not None) for image in taken]
    return AdniSelection(
        scans=[_scan_file(image, folder) for image in taken],
        findings=sorted(findings, key=lambda finding: (finding.participant_id, finding.image)),
        images={image.scan: image for image in taken},
    )


def parse_day(text: str) -> str:
    """Return a date such as ``4/18/2006`` (month first) or ``2006-04-18`` as ``20060418``; empty for any other text."""
    if match := re.match(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", text.strip()):
        year, month, day = match.groups()
    elif match := re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})", text.strip()):
        month, day, year = match.groups()
    else:
        return ""
    return f"{year}{int(month):02d}{int(day):02d}" if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else ""


def _read_table(path: Path) -> dict[str, dict[str, str]]:
    """Read the search table: fields by Image ID; a field that rows of one image state differently is empty."""
    rows = read_rows(path, key=TABLE_KEY)
    columns = {name: column_of(rows, *spellings) for name, spellings in _FIELDS.items()}
    if missing := [_FIELDS[name][0] for name in ("image", "subject") if columns[name] is None]:
        raise ConfigError(
            f"{TABLE_KEY}: {path} lacks the column {' and '.join(missing)} (found {', '.join(rows[0])}); "
            f"give the CSV that the archive offers beside the download."
        )
    table: dict[str, dict[str, str]] = {}
    for row in rows:
        fields = {name: row.get(column, "") if column else "" for name, column in columns.items()}
        fields["day"] = parse_day(fields["day"])
        number = re.fullmatch(r"I?(\d+)", fields["image"])
        if not number:
            continue
        before = table.setdefault(f"I{number[1]}", fields)
        table[f"I{number[1]}"] = {name: value if before[name] == value else "" for name, value in fields.items()}
    return table


def _joined(
    found: Iterable[FoundImage], table: Mapping[str, Mapping[str, str]]
) -> tuple[list[AdniImage], list[Finding]]:
    """Join the images of the folder and the rows of the table; what cannot be attributed is left out."""
    images: dict[str, AdniImage] = {}
    findings = []
    for each in found:
        row = table.get(each.image, {})
        image = AdniImage(
            image=each.image,
            subject=each.subject,
            description=each.description or row.get("description", ""),
            day=each.day or row.get("day", ""),
            found=each,
            row=row,
        )
        where = each.path or each.folder
        if each.path is None and each.dicom is None:
            findings.append(_left_out(image, "no_file", f"{where} holds neither a NIfTI file nor a DICOM series."))
        elif not each.image:
            findings.append(_left_out(image, "no_image_id", f"{where} has no Image ID in its name or folder."))
        elif each.image in images:
            findings.append(_left_out(image, "same_image", f"{where} is image {each.image} a second time."))
        elif row and row["subject"] != each.subject:
            message = f"{where}: the table says that {each.image} is of {row['subject'] or 'several subjects'}."
            findings.append(_left_out(image, "subject_differs", message))
        else:
            images[each.image] = image
    accounted = images.keys() | {finding.image for finding in findings}
    for name, row in table.items():
        image = AdniImage(**{key: row[key] for key in ("subject", "description", "day")}, image=name, row=row)
        if name in accounted:
            continue
        if SUBJECT.fullmatch(row["subject"]):
            images[name] = image
        else:
            message = f"{name} has no file here, and the table no subject such as 002_S_0295 for it."
            findings.append(_left_out(image, "no_file", message))
    return list(images.values()), findings


def _with_visits(images: Sequence[AdniImage]) -> list[AdniImage]:
    known = {(image.subject, image.day): image.row["visit"] for image in images if image.row and image.row["visit"]}
    return [
        replace(image, visit=(image.row.get("visit") or known.get((image.subject, image.day)) or image.day))
        for image in images
    ]


def _t1_weighted(images: Iterable[AdniImage], patterns: Sequence[str] | None) -> tuple[list[AdniImage], list[Finding]]:
    wanted = [re.sub(r"[^a-z0-9*?]", "", pattern.lower()) for pattern in (patterns or T1_DESCRIPTIONS)]
    refused = NEVER_T1 if patterns is None else ()
    kept, dropped = [], []
    for image in images:
        name, modality = plain(image.description), plain(image.row.get("modality", ""))
        is_wanted = any(fnmatchcase(name, pattern) for pattern in wanted)
        if is_wanted and not any(fnmatchcase(name, pattern) for pattern in refused) and modality in ("", "mri", "mr"):
            kept.append(image)
            continue
        what = image.description or "without a description"
        dropped.append(
            _left_out(image, "not_t1", f"{image.image} ({what}) is not among the descriptions that are kept.")
        )
    return kept, dropped


def _without_repeats(images: Iterable[AdniImage], repeats: str) -> tuple[list[AdniImage], list[Finding]]:
    visits: dict[tuple[str, str], list[AdniImage]] = defaultdict(list)
    for image in images:
        visits[image.subject, image.visit or image.image].append(image)
    taken, left = [], []
    for visit in visits.values():
        there = sorted((image for image in visit if image.found), key=lambda image: _rank(image, repeats))
        lost = [image for image in visit if not image.found and image.row.get("downloaded")]
        expected = [*there, *sorted(lost, key=lambda image: _rank(image, repeats))]
        chosen = expected if repeats == "all" else expected[:1]
        taken += chosen
        for image in visit:
            if image in chosen:
                continue
            if image.found:
                message = f"{image.image} is of the same visit as {chosen[0].image}, which is taken."
                left.append(_left_out(image, "repeat", message))
            else:
                left.append(_left_out(image, "no_file", f"{image.image} has a row in the table and no file here."))
    return taken, left


def _rank(image: AdniImage, repeats: str) -> tuple[int, bool, str, int]:
    name = plain(image.description)
    steps = sum(step in name for step in _STEPS)
    processed = max(steps, int(bool(re.match(r"mpr(?!age)|mt1", name)) or image.row.get("type") == "Processed"))
    repeated = "repeat" in name or name.startswith("mprr")
    time = (image.found.time if image.found else "") or image.day
    return (-steps if repeats == "best_processed" else processed, repeated, time, int(image.image[1:]))


def _left_out(image: AdniImage, reason: str, message: str) -> Finding:
    return Finding(
        image=image.image, participant_id=image.participant_id, status=LEFT_OUT, reason=reason, message=message
    )


def _taken(image: AdniImage, *, has_table: bool) -> Finding:
    reason = message = ""
    if not image.found:
        reason, message = "no_file", f"{image.image} was downloaded, says the table, and has no file here."
    elif has_table and not image.row:
        reason, message = "no_row", f"{image.image} has no row in the table; what it says is missing."
    return Finding(
        image=image.image,
        participant_id=image.participant_id,
        scan=image.scan,
        status=TAKEN,
        reason=reason,
        message=message,
    )


def _scan_file(image: AdniImage, folder: Path) -> ScanFile:
    if image.found is None:
        path = folder / image.subject / f"{image.image}.nii"
        return ScanFile(image.scan, image.participant_id, path, path.name)
    path, dicom = image.found.path, image.found.dicom
    return ScanFile(image.scan, image.participant_id, path, path.name if path else f"{image.image}.dcm", dicom)
