"""Demographics: who the participants of a cohort are, whatever kind of cohort it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.cohorts import bids, ixi, simulated


def read_cohort_demographics(cohort: Mapping[str, Any], table: str | Path, *, seed: int) -> pd.DataFrame:
    """Return one row a person with ``participant_id`` and what the cohort knows of them.

    Args:
        cohort: the block ``cohort`` of the configuration.
        table: the spreadsheet of an ixi cohort; unused by the others.
        seed: the study's seed, from which simulated participants are drawn.
    """
    match cohort["name"]:
        case "ixi":
            return ixi.read_demographics(Path(table))
        case "bids":
            return bids.read_participants(Path(cohort["folder"]))
        case _:
            return simulated.simulate_participants(cohort["participants"], seed=seed)
