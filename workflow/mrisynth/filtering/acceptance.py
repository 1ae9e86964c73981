"""How many candidates the filter lets through, in all and by structure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mrisynth.filtering.decision import Rule
from mrisynth.metrics.shares import wilson_interval

COLUMNS = ["what", "of", "accepted", "rate", "low", "high"]


def acceptance(record: pd.DataFrame, *, rule: Rule) -> pd.DataFrame:
    """Return shares of what is accepted with their 95 % intervals, one row each.

    Rows: ``checks`` (candidates without a failed check), ``candidates`` (those that pass everything, no matter how many
    of a mask are kept; the yield of the generator), each structure (candidates that reach its two thresholds, of those
    in whose mask it is), ``masks`` (those with a candidate kept) and ``masks, not lowered`` (those with as many as are
    wanted by thresholds that were not lowered). Candidates of one mask resemble one another, so that intervals of
    candidates are rather too narrow.

    Args:
        record: of :func:`mrisynth.filtering.record.decided`, decided by this rule.
        rule: whose thresholds are applied to the structures.
    """
    rows = [
        _row("checks", record["fault"] == ""),
        _row("candidates", record["passes"].fillna(value=False)),
    ]
    for name, least, surest in zip(rule.structures, rule.thresholds.iou, rule.thresholds.confidence, strict=True):
        part = record[record[f"iou_{name}"].notna()]
        found = (part[f"iou_{name}"] >= least) & (part[f"confidence_{name}"] >= surest) & (part[f"iou_{name}"] > 0)
        rows.append(_row(name, found))
    by_mask = record.groupby("mask")
    rows.append(_row("masks", by_mask["kept"].any()))
    strict = record["kept"].fillna(value=False) & ~record["lowered"].fillna(value=False)
    rows.append(_row("masks, not lowered", strict.groupby(record["mask"]).sum() >= rule.kept))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(what: str, accepted: pd.Series) -> dict[str, object]:
    cases, found = len(accepted), int(accepted.sum())
    low, high = wilson_interval(found, cases)
    return {"what": what, "of": cases, "accepted": found, "rate": found / cases if cases else np.nan} | {
        "low": low, "high": high,
    }  # fmt: skip
