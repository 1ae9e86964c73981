"""Demographics: who the participants of a cohort are, whatever kind of cohort it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.cohorts import bids, ixi, simulated
from mrisynth.cohorts.demographics_rules import rules_of
from mrisynth.cohorts.merge_log import entries_of_scans, log_table
from mrisynth.cohorts.merging import Merged, merge


def read_merged(cohort: Mapping[str, Any], table: str | Path, *, seed: int) -> Merged:
    """Read the demographics of a cohort and merge them by the rules of ``cohort.demographics_rules``.

    Args:
        cohort: the block ``cohort`` of the configuration.
        table: the spreadsheet of an ixi cohort; unused by the others.
        seed: the study's seed, from which simulated participants are drawn.
    """
    rules = rules_of(cohort.get("demographics_rules") or {})
    match cohort["name"]:
        case "ixi":
            return merge(ixi.read_records(Path(table)), columns=ixi.COLUMNS, rules=rules)
        case "bids":
            records, columns = bids.read_records(Path(cohort["folder"]))
            return merge(records, columns=columns, rules=rules)
        case _:
            atrophy = simulated.Atrophy(**cohort.get("simulated_atrophy") or {})
            variation = simulated.Variation(**cohort.get("simulated_variation") or {})
            people = simulated.simulate_participants(
                cohort["participants"],
                seed=seed,
                atrophy=atrophy,
                variation=variation,
                contrasts=cohort.get("simulated_contrast"),
            )
            return Merged(table=people)


def demographics_log(merged: Merged, participants: pd.DataFrame) -> pd.DataFrame:
    """Return the log of a cohort: every merge, conflict, refusal and drop, who has no row and who no scan.

    Args:
        merged: the demographics.
        participants: the participants table, one row a person with a scan.

    Returns:
        Text columns participant_id, what (``dropped``, ``conflict``, ``rejected``, ``merged``, ``no_row``,
        ``no_scan``), column, values, in_words; what lost something comes first.
    """
    dropped = {entry.participant_id for entry in merged.log if entry.what == "dropped"}
    known = {*merged.table["participant_id"].astype(str), *dropped}
    return log_table([*merged.log, *entries_of_scans(known, participants["participant_id"].astype(str))])
