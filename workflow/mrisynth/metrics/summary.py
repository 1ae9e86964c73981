"""All scores of a study in one long table."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.table import COLUMNS


def collect(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return tables of :func:`mrisynth.metrics.table.score_table` as one, each score once, in their order.

    Raises:
        MrisynthError: a table has other columns.
    """
    found = list(tables)
    for table in found:
        if list(table.columns) != COLUMNS:
            raise MrisynthError(
                f"A table of scores has the columns {', '.join(table.columns)}, expected {', '.join(COLUMNS)}; "
                "it is of another version: delete it and run again."
            )
    full = [table for table in found if len(table)]
    if not full:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(full, ignore_index=True).drop_duplicates(ignore_index=True)
