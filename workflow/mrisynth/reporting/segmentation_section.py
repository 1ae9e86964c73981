"""Tables of the page on images that were made for masks: what the filter kept, and what networks learnt from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.files import read_table
from mrisynth.metrics.segmentation import ALL
from mrisynth.reporting.page import Table

SECTION = "Synthesis and segmentation"
_MEASURE = "dice"
_ALL_WORDS = "mean of all structures"
_ROWS = {
    "checks": "candidates that no check refused",
    "candidates": "candidates that pass everything",
    "masks": "masks with a candidate kept",
    "masks, not lowered": "masks with all wanted, by thresholds not lowered",
}


def acceptance_tables(acceptance: Mapping[str, Path]) -> list[Table]:
    """Return one table for each synthesis: how many of its candidates the filter let through, and of what.

    Args:
        acceptance: name of a synthesis -> its ``acceptance.tsv`` (:mod:`mrisynth.filtering.acceptance`).
    """
    found = []
    for synthesis, path in acceptance.items():
        counts = read_table(path)
        frame = pd.DataFrame(
            {
                "what": [_ROWS.get(what, f"candidates that show {what}") for what in counts["what"]],
                "accepted": counts["accepted"].astype(str) + " of " + counts["of"].astype(str),
                "share": [_with_interval(*row) for row in counts[["rate", "low", "high"]].itertuples(index=False)],
            }
        )
        caption = (
            "Candidates were made for masks of real scans and held against thresholds that held-out real images reach; "
            "in brackets 95 % intervals, rather too narrow for candidates, since those of one mask are alike. "
            "Masks kept by lowered thresholds alone say that the model does not follow them well enough."
        )
        found.append(Table(f"What the filter kept of {synthesis}", caption, frame, SECTION))
    return found


def arm_tables(arms: Path, differences: Path) -> list[Table]:
    """Return Dice of every arm and structure, and of every two arms the difference of their means over structures.

    Args:
        arms: ``arms.tsv``, of :data:`mrisynth.metrics.segmentation.ARMS`.
        differences: ``differences.tsv``, of :data:`mrisynth.metrics.segmentation.DIFFERENCES`.
    """
    scores, pairs = (table[table["measure"] == _MEASURE] for table in map(read_table, (arms, differences)))
    words = [_with_interval(*row) for row in scores[["value", "low", "high"]].itertuples(index=False)]
    wide = scores.assign(words=words).pivot_table(
        index="arm", columns="structure", values="words", aggfunc="first", sort=False
    )
    ceiling = "The arm ceiling was trained with masks that no one would have. " if "ceiling" in wide.index else ""
    people = f"{int(scores['participants'].max())} people"
    tables = [
        Table(
            "What networks find that were trained on different images",
            f"Dice, mean over the real test scans of {people}, with 95 % intervals over them. {ceiling}One training an "
            "arm: what another seed would change is not in these intervals.",
            wide.rename(columns={ALL: _ALL_WORDS}).rename_axis(None, axis="columns").reset_index(),
            SECTION,
        )
    ]
    if len(pairs):
        last = pairs["structure"].iloc[-1]  # the mean of all, or the only one
        whole = pairs[pairs["structure"] == last]
        frame = pd.DataFrame(
            {
                "arm": whole["one"].to_list(),
                "against": whole["other"].to_list(),
                "difference": [
                    _with_interval(*row, sign="+")
                    for row in whole[["difference", "low", "high"]].itertuples(index=False)
                ],
                "ahead": whole["ahead"].to_list(),
            }
        )
        caption = (
            f"Dice of the arm minus that of the other, {_ALL_WORDS if last == ALL else last}, on the same {people}. "
            "segmentation/differences.tsv has each structure and the other measures."
        )
        tables.append(Table("Arm against arm", caption, frame, SECTION))
    return tables


def _with_interval(value: float, low: float, high: float, *, sign: str = "") -> str:
    """Return e.g. ``0.74 (0.72 to 0.76)``, three digits; an interval that is not known is left out."""
    if not np.isfinite(value):
        return "n/a"
    ends = f" ({low:{sign}.3f} to {high:{sign}.3f})" if np.isfinite(low) and np.isfinite(high) else ""
    return f"{value:{sign}.3f}{ends}"
