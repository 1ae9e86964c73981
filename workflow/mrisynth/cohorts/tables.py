"""Tables: the participants table and the scans table that every later step reads."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mrisynth.cohorts.ages import age_tercile_bounds_years, terciles
from mrisynth.cohorts.listing import ScanFile, ixi_site
from mrisynth.cohorts.splits import assign_splits, strata_of
from mrisynth.errors import MrisynthError
from mrisynth.progress import track
from mrisynth.provenance.contents import content_of

_LOG = logging.getLogger(__name__)
_KNOWN = ("sex", "age", "age_tercile", "site", "diagnosis")
_SOURCE = "source"
_OF_SCANS = ("site", "sex", "age", "age_tercile", "diagnosis")
_RECORDS = ("conflicts", "rejected")
_VISIT = re.compile(r"-ses-([A-Za-z0-9]+)(-|$)")


def build_cohort(
    scan_files: Sequence[ScanFile],
    demographics: pd.DataFrame,
    *,
    source: str | Mapping[str, str],
    seed: int,
    fractions: Mapping[str, float],
    stratify: Sequence[str] = (),
    scan_values: pd.DataFrame | None = None,
    age_bounds_years: tuple[float, float] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join scans and demographics into the participants table and the scans table.

    Participants are the persons with a listed scan; one without a row in ``demographics`` is kept with missing
    values. What is known of a scan itself (its visit, the age and the diagnosis at that visit) stands before what is
    known of the person; age and diagnosis of a person with such values are those at the first scan, in the order of
    the names of the scans, which is the order of time where a cohort has several. Age terciles are cut at the
    quantiles of all persons of ``demographics`` who have an age, scanned or not; with ages of scans, or several
    cohorts, at those of the participants. The site comes from an IXI file name, else from ``scan_values``, else from
    ``demographics``.

    Args:
        scan_files: the scans, in any order.
        demographics: one row a person: ``participant_id`` and whatever is known (sex, age in years, site, diagnosis,
            further columns, which are kept); ``agreed_tercile`` stands in where the age is missing.
        source: kind of cohort, such as ``ixi``; or participant -> cohort, where a study has several.
        seed: the study's seed, for the splits.
        fractions: shares of the participants of each cohort, ``{"test": 0.2, "validation": 0.1}``; expected ones
            without strata.
        stratify: columns of the participants table within which the shares hold; none: the ID alone decides.
        scan_values: one row a scan: ``scan`` and any of visit, age, site, diagnosis and further columns, which are
            kept in the scans table; None where only persons are known.
        age_bounds_years: the ages that end the low and the middle third; None cuts them as said above.

    Returns:
        participants: participant_id, source, sex, age, age_tercile, site, diagnosis, further columns, split.
        scans: scan, participant_id, source (where there are several), visit, site, sex, age, age_tercile, diagnosis,
            split, t1w (path), sha256 (missing where the file is), further columns; sorted by scan.

    Raises:
        MrisynthError: a scan name or a row of a table occurs twice, nobody is left to train on, or no participant of
            a BIDS data set has a row although there are rows, or a column of ``stratify`` is not there.
    """
    known, values = _checked_demographics(demographics), _checked_values(scan_values)
    agreed = known.pop("agreed_tercile") if "agreed_tercile" in known else pd.Series(index=known.index, dtype="str")
    agreed.index = known["participant_id"]
    listed = _listed(scan_files)
    ids = sorted(set(listed["participant_id"]))
    if source == "bids":
        check_some_match(ids, known)
    participants = pd.DataFrame({"participant_id": pd.Series(ids, dtype="str")})
    participants = participants.merge(known, on="participant_id", how="left", validate="one_to_one")
    several = not isinstance(source, str)
    participants["source"] = participants["participant_id"].map(source) if several else source
    scans = _with_scan_values(
        listed.merge(participants, on="participant_id", how="left", suffixes=("_file", ""), validate="many_to_one"),
        values,
    )
    for name in {"age", "diagnosis"} & set(values):
        participants[name] = participants["participant_id"].map(_at_first_scan(scans, name))
    bounds = age_bounds_years or age_tercile_bounds_years(
        (participants if several or "age" in values else known)["age"]
    )
    for table in (participants, scans):
        table["age_tercile"] = terciles(table["age"], bounds).fillna(table["participant_id"].map(agreed).astype("str"))
    participants["site"] = participants["participant_id"].map(_one_site(scans))
    shares = {f"{split}_fraction": fraction for split, fraction in fractions.items()}
    strata = strata_of(participants, stratify)
    splits: dict[str, str] = {}
    for _, own in participants.groupby("source"):
        splits |= assign_splits(own["participant_id"], seed=seed, strata=strata, **shares)
    _check_splits(splits, fractions)
    participants["split"], scans["split"] = (table["participant_id"].map(splits) for table in (participants, scans))
    _report(participants, known, scans)
    others = [name for name in known.columns if name not in ("participant_id", *_KNOWN, *_RECORDS)]
    records = [name for name in _RECORDS if name in known]
    of_scans = [name for name in values.columns if name not in ("scan", "visit", *_KNOWN, *others)]
    files = ["t1w", "sha256", *others, *of_scans]
    return (
        participants[["participant_id", "source", *_KNOWN, *others, *records, "split"]],
        scans[["scan", "participant_id", *[_SOURCE] * several, "visit", *_OF_SCANS, "split", *files]],
    )


def check_some_match(ids: Sequence[str], known: pd.DataFrame) -> None:
    """Refuse a ``participants.tsv`` with rows of which none is of a participant with a scan.

    Args:
        ids: of the participants with a scan.
        known: one row a person, with ``participant_id``.

    Raises:
        MrisynthError: naming an ID of each.
    """
    if len(known) and not set(ids) & set(known["participant_id"]):
        raise MrisynthError(
            f"participants.tsv describes none of the {len(set(ids))} participants with a scan: it has IDs such as "
            f"{known['participant_id'].iloc[0]}, the scans such as {min(ids)}; make them equal."
        )


def _checked_demographics(demographics: pd.DataFrame) -> pd.DataFrame:
    if "participant_id" not in demographics:
        raise MrisynthError(f"the demographics lack the column participant_id (found {list(demographics.columns)}).")
    repeated = demographics["participant_id"][demographics["participant_id"].duplicated()]
    if len(repeated):
        raise MrisynthError(f"the demographics hold {repeated.iloc[0]} twice; merge the rows of one person first.")
    own = {"scan", "visit", "source", "age_tercile", "split", "t1w", "sha256"}
    known = demographics[[name for name in demographics.columns if name not in own]].copy()
    for name in ("sex", "site", "diagnosis"):
        known[name] = known[name].astype("str") if name in known else pd.Series(None, index=known.index, dtype="str")
    known["age"] = known["age"].astype("float64") if "age" in known else np.nan
    known["participant_id"] = known["participant_id"].astype("str")
    return known


def _checked_values(scan_values: pd.DataFrame | None) -> pd.DataFrame:
    if scan_values is None:
        return pd.DataFrame({"scan": pd.Series([], dtype="str")})
    repeated = scan_values["scan"][scan_values["scan"].duplicated()]
    if len(repeated):
        raise MrisynthError(f"the values of scan {repeated.iloc[0]} are given twice; every scan has one row.")
    own = {"participant_id", "source", "age_tercile", "split", "t1w", "sha256"}
    return scan_values[[name for name in scan_values.columns if name not in own]]


def _with_scan_values(scans: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Put what is known of each scan before what is known of its person, and the site of a file name before both."""
    by_scan = values.set_index("scan")
    for name in by_scan:
        at_scan = scans["scan"].map(by_scan[name])
        scans[name] = at_scan.fillna(scans[name]) if name in scans else at_scan
    scans["site"] = scans["site_file"].fillna(scans["site"])
    return scans


def _at_first_scan(scans: pd.DataFrame, name: str) -> pd.Series:
    return scans.drop_duplicates("participant_id").set_index("participant_id")[name]


def _listed(scan_files: Sequence[ScanFile]) -> pd.DataFrame:
    rows = []
    for file in track(sorted(scan_files, key=lambda file: file.scan), "checksums of the scans", len(scan_files)):
        there = file.path is not None and file.path.is_file()
        visit = _VISIT.search(file.scan)
        rows.append(
            {
                "scan": file.scan,
                "participant_id": file.participant_id,
                "visit": visit[1] if visit else None,
                "site": ixi_site(file.file_name or file.scan),
                "t1w": None if file.path is None else str(file.path),
                "sha256": content_of(file.path).sha256 if there else None,
            }
        )
    table = pd.DataFrame(rows, columns=["scan", "participant_id", "visit", "site", "t1w", "sha256"]).astype("str")
    repeated = table["scan"][table["scan"].duplicated()]
    if len(repeated):
        raise MrisynthError(f"scan {repeated.iloc[0]} is listed twice; every scan needs its own name.")
    return table


def _one_site(scans: pd.DataFrame) -> dict[str, str]:
    sites = scans.dropna(subset=["site"]).groupby("participant_id")["site"]
    return {participant: values.iloc[0] for participant, values in sites if values.nunique() == 1}


def _check_splits(splits: Mapping[str, str], fractions: Mapping[str, float]) -> None:
    if "train" not in splits.values():
        raise MrisynthError(
            f"none of the {len(splits)} participants falls in the train split; take more participants, smaller "
            f"cohort.test_fraction and cohort.validation_fraction, or another seed."
        )
    for split, fraction in fractions.items():
        if fraction > 0 and split not in splits.values():
            _LOG.warning("none of the %d participants falls in the %s split (share %s)", len(splits), split, fraction)


def _report(participants: pd.DataFrame, known: pd.DataFrame, scans: pd.DataFrame) -> None:
    without = sorted(set(participants["participant_id"]) - set(known["participant_id"]))
    _LOG.info(
        "%d scans of %d participants; %d persons of the demographics have no scan here; splits: %s",
        len(scans),
        len(participants),
        len(set(known["participant_id"]) - set(participants["participant_id"])),
        participants["split"].value_counts().to_dict(),
    )
    if without:
        _LOG.warning("%d participants have no row in the demographics: %s", len(without), ", ".join(without[:20]))
    absent = scans.loc[scans["sha256"].isna(), "scan"]
    if len(absent):
        _LOG.warning("%d scans have no file: %s", len(absent), ", ".join(absent[:20]))
    same = scans[scans["sha256"].notna() & scans["sha256"].duplicated(keep=False)]
    for _, group in same.groupby("sha256"):
        _LOG.warning("the files of %s are identical; keep one of them", " and ".join(group["scan"]))
