"""The real slices that control is measured with: what is true of each, whatever its source is said to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.conditions import read_condition
from mrisynth.covariate_condition import SOURCE, covariate_values
from mrisynth.covariate_tables import covariate_table
from mrisynth.covariates.kinds import Covariate
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.slice_tables import per_image
from mrisynth.slices.slice_set import open_slices

TRUE, MEASURED, REQUESTED = "true_{}", "measured_{}", "requested_{}"
"""How the columns of tables are named that hold what is true, measured and asked for of a covariate."""
PAIRED, STRATA = "paired", "strata"
"""Kinds of fakes: counterparts of every real test slice, and of those drawn from strata."""
FLOOR = "_floor"
"""How the column of the distances between two people's real slices ends."""


@dataclass(frozen=True, kw_only=True)
class ControlSet:
    """The real slices whose scans are of a source.

    Attributes:
        images: memory-mapped uint8 [image, row, column], all that were packed.
        table: one row a slice of a source: ``row`` (of ``images``), ``image``, ``scan``, ``participant_id``, ``split``,
            ``source``.
        values: float64 [n, K], what is true of each, real units; NaN where nobody knows it.
        covariates: K, those of the condition.
        knows: by source, the names of the covariates that it is said to know.
    """

    images: np.ndarray
    table: pd.DataFrame
    values: np.ndarray
    covariates: tuple[Covariate, ...]
    knows: dict[str, tuple[str, ...]]

    @property
    def names(self) -> list[str]:
        """Names of the covariates."""
        return [one.name for one in self.covariates]

    @property
    def kinds(self) -> list[str]:
        """Their kinds."""
        return [one.kind for one in self.covariates]

    def of(self, split: str) -> np.ndarray:
        """Return the places in the table of a split's slices, int64."""
        return np.flatnonzero((self.table["split"] == split).to_numpy(dtype=bool))


def read_control_set(
    slices: Path, *, size: int, condition: Path, scans: str | Path, regions: str | Path | None
) -> ControlSet:
    """Join packed slices, a condition of covariates, and all that the study knows of the scans.

    What a pretended source hides is there: the models are never shown it, and it is what they are scored against.

    Args:
        slices: folder of the packed slices.
        size: pixels a side.
        condition: table of the condition whose sources and covariates are asked for.
        scans: the scans table.
        regions: the table of region covariates; None where nothing was measured.

    Raises:
        MrisynthError: the condition is not of covariates.
    """
    told = read_condition(condition)
    if told.covariates is None:
        raise MrisynthError(f"{condition} is no condition of covariates; name one as evaluation.control.condition.")
    opened = open_slices(slices, size)
    known = covariate_table(read_table(scans), read_table(regions) if regions else None)
    known = known.merge(told.table[["scan", "label_name"]].rename(columns={"label_name": "told_source"}), on="scan")
    in_packed = opened.index["scan"].astype(str).isin(known["scan"].astype(str))
    index = opened.index[in_packed]
    mine = per_image(known, index)
    table = index[["row", "image", "scan", "participant_id", "split"]].reset_index(drop=True)
    table[SOURCE] = mine["told_source"].to_numpy()
    of_source = table[SOURCE].notna().to_numpy()
    return ControlSet(
        images=opened.images,
        table=table[of_source].reset_index(drop=True),
        values=covariate_values(mine, told.covariates.covariates)[of_source],
        covariates=told.covariates.covariates,
        knows=dict(told.covariates.knows),
    )
