"""Verdicts: which scans of the whole study passed, and whether enough of them did."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.imaging.bundles import CRASHED, MEASURED
from mrisynth.imaging.limits import Limit, judge, limits_of_study

_LOG = logging.getLogger(__name__)
_LISTED = 20
FAULTS_OF_PROCESS = (CRASHED, "unexpected")


def summarise(
    tables: Sequence[str | Path],
    *,
    exclusions: str | Path | None,
    configured: Mapping[str, Sequence[float | None]],
    learn: bool,
    transform: str,
) -> tuple[pd.DataFrame, list[Limit]]:
    """Judge all scans of all bundles against the limits of the study.

    Args:
        tables: the bundles' tables (scan, status, reason, message, measures).
        exclusions: table (scan, reason) kept by the user outside the results; a scan it names is excluded with the
            reason ``by_hand``. Names of no scan are only reported, so that one table can serve several studies.
        configured: limits set in the configuration, measure to (low, high).
        learn: whether the cohort may make the other limits stricter.
        transform: of the registration.

    Returns:
        One row a scan, sorted by scan, status ``passed`` or ``excluded``; and the limits. A scan that a stage had to
        give up keeps the stage's reason, unless something measured before it explains more (a brain of 20 mL whose
        registration failed is excluded for its volume).
    """
    words = dict.fromkeys(("status", "reason", "message"), "string")
    quality = pd.concat([read_table(table, **words) for table in tables], ignore_index=True).sort_values("scan")
    quality = quality.reset_index(drop=True)
    measured = quality[quality["status"] == MEASURED]
    limits = limits_of_study(
        measured, configured={name: tuple(pair) for name, pair in configured.items()}, learn=learn, transform=transform
    )
    verdicts = [_verdict(row, limits) for row in quality.to_dict("records")]
    quality[["status", "reason", "message"]] = pd.DataFrame(verdicts, dtype="string").to_numpy()
    if exclusions is not None:
        _apply_by_hand(quality, exclusions)
    return quality, limits


def counts_table(quality: pd.DataFrame) -> pd.DataFrame:
    """Return how many scans came in, passed and were excluded, and for which reasons, with their names.

    Returns:
        Columns outcome (``in``, ``passed``, ``excluded``), reason, scans (count), names; ``in`` = ``passed`` +
        ``excluded``, and the rows with a reason add up to ``excluded``.
    """
    excluded = quality[quality["status"] != "passed"]
    totals = {"in": len(quality), "passed": len(quality) - len(excluded), "excluded": len(excluded)}
    rows = [{"outcome": outcome, "reason": None, "scans": count, "names": None} for outcome, count in totals.items()]
    for reason, group in excluded.groupby("reason"):
        rows.append(
            {"outcome": "excluded", "reason": reason, "scans": len(group), "names": " ".join(sorted(group["scan"]))}
        )
    return pd.DataFrame(rows)


def _verdict(row: Mapping[str, Any], limits: list[Limit]) -> tuple[str, str | None, str | None]:
    reason, message = judge(row, limits)
    if row["status"] == MEASURED:
        return ("excluded", reason, message) if reason else ("passed", None, None)
    if reason and row["reason"] not in FAULTS_OF_PROCESS:
        return "excluded", reason, f"{row['message']} {message}"
    return "excluded", row["reason"], row["message"]


def _apply_by_hand(quality: pd.DataFrame, exclusions: str | Path) -> None:
    by_hand = _read_exclusions(exclusions)
    chosen = quality["scan"].isin(by_hand.index)
    quality.loc[chosen, "status"] = "excluded"
    quality.loc[chosen, "reason"] = "by_hand"
    quality.loc[chosen, "message"] = quality.loc[chosen, "scan"].map(by_hand)
    for scan in sorted(set(by_hand.index) - set(quality["scan"])):
        _LOG.warning("%s names %s, which is no scan of this study.", exclusions, scan)


def check_excluded_fraction(
    quality: pd.DataFrame, max_excluded_fraction: float, *, where: str, what: str = "scans"
) -> None:
    """Say how many scans passed, and raise :class:`MrisynthError` with the list when too many did not.

    Args:
        where: where all verdicts stand, for the message.
        what: word for the rows; images are excluded by no table, so they are taken out of their folder.
    """
    excluded = quality[quality["status"] != "passed"]
    counts = f"{len(quality)} {what} = {len(quality) - len(excluded)} passed + {len(excluded)} excluded"
    lines = [f"  {row.scan}: {row.reason} ({row.message})" for row in excluded.itertuples()]
    listed = "\n".join(lines[:_LISTED] + ([f"  ... and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []))
    _LOG.info("%s\n%s", counts, "\n".join(lines))
    by_hand = "exclude them by hand" if what == "scans" else "take them out of their folder"
    if len(excluded) == len(quality) or len(excluded) > max_excluded_fraction * len(quality):
        raise MrisynthError(
            f"{counts}, more than preprocessing.max_excluded_fraction ({max_excluded_fraction:g}) allows. Mend or "
            f"replace the {what}, {by_hand}, or raise that key; all verdicts are in {where}.\n{listed}"
        )
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"    quality: {counts}\n{listed}\n" if lines else f"    quality: {counts}\n")


def _read_exclusions(path: str | Path) -> pd.Series:
    table = read_table(path, reason="string")
    missing = {"scan", "reason"} - set(table.columns)
    if missing:
        raise MrisynthError(f"{path} has the columns {', '.join(table.columns)}; it needs scan and reason.")
    return table.drop_duplicates("scan").set_index("scan")["reason"].fillna("no reason given")
