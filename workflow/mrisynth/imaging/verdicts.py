"""Verdicts: which scans of the whole study passed, and whether enough of them did."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table

_LOG = logging.getLogger(__name__)
_LISTED = 20


def summarise(tables: Sequence[str | Path], *, exclusions: str | Path | None) -> pd.DataFrame:
    """Return one row per scan of all bundles, sorted by scan, after applying the exclusions by hand.

    Args:
        tables: the bundles' tables (scan, status, reason, message, measures).
        exclusions: table (scan, reason) kept by the user outside the results; a scan it names is excluded with the
            reason ``by_hand``. Names of no scan are only reported, so that one table can serve several studies.
    """
    words = dict.fromkeys(("status", "reason", "message"), "string")
    quality = pd.concat([read_table(table, **words) for table in tables], ignore_index=True).sort_values("scan")
    if exclusions is not None:
        by_hand = _read_exclusions(exclusions)
        chosen = quality["scan"].isin(by_hand.index)
        quality.loc[chosen, "status"] = "excluded"
        quality.loc[chosen, "reason"] = "by_hand"
        quality.loc[chosen, "message"] = quality.loc[chosen, "scan"].map(by_hand)
        for scan in sorted(set(by_hand.index) - set(quality["scan"])):
            _LOG.warning("%s names %s, which is no scan of this study.", exclusions, scan)
    return quality.reset_index(drop=True)


def check_excluded_fraction(quality: pd.DataFrame, max_excluded_fraction: float, *, table: str | Path) -> None:
    """Say how many scans passed, and raise :class:`MrisynthError` with the list when too many did not.

    Args:
        table: where the verdicts stand, for the message; a copy is kept beside it as ``rejected_study.tsv`` because a
            failed job's own output is removed.
    """
    excluded = quality[quality["status"] != "passed"]
    counts = f"{len(quality)} scans = {len(quality) - len(excluded)} passed + {len(excluded)} excluded"
    lines = [f"  {row.scan}: {row.reason} ({row.message})" for row in excluded.itertuples()]
    listed = "\n".join(lines[:_LISTED] + ([f"  ... and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []))
    _LOG.info("%s\n%s", counts, "\n".join(lines))
    if len(excluded) == len(quality) or len(excluded) > max_excluded_fraction * len(quality):
        kept = Path(table).with_name("rejected_study.tsv")
        write_table(quality, kept)
        raise MrisynthError(
            f"{counts}, more than preprocessing.max_excluded_fraction ({max_excluded_fraction:g}) allows. Mend or "
            f"replace the scans, exclude them by hand, or raise that key; all verdicts are in {kept}.\n{listed}"
        )
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"    quality: {counts}\n{listed}\n" if lines else f"    quality: {counts}\n")


def _read_exclusions(path: str | Path) -> pd.Series:
    table = read_table(path, reason="string")
    missing = {"scan", "reason"} - set(table.columns)
    if missing:
        raise MrisynthError(f"{path} has the columns {', '.join(table.columns)}; it needs scan and reason.")
    return table.drop_duplicates("scan").set_index("scan")["reason"].fillna("no reason given")
