"""All scores of a study in one long table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mrisynth.metrics.scoring import CONTROLS

METRICS = {"fid": "lower", "precision": "higher", "recall": "higher"}
"""The metrics a table may hold, and which values are better."""

_ORIGIN = ["metric", "model", "source", "features", "features_trained", "view", "reference"]
COLUMNS = [*_ORIGIN, "value", "floor", "floor_low", "floor_high", "better", "n", "warning"]


def collect(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of :func:`mrisynth.metrics.scoring.score_model`, one row per metric, source and reference.

    ``source`` is ``model``, ``untrained`` or ``noise``; the ``model`` of an untrained row is the model whose generator
    it is. Noise is the same for all models: it stands once, with ``noise`` as its model. Models come in the order of
    the tables.
    """
    rows = [row for table in tables for row in _long_rows(table)]
    return pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(ignore_index=True)


def _long_rows(table: pd.DataFrame) -> list[dict[str, object]]:
    model = next((name for name in table["model"] if name not in CONTROLS), "n/a")
    rows = []
    for metric in [name for name in METRICS if name in table.columns]:
        for record in table.to_dict("records"):
            source = record["model"] if record["model"] in CONTROLS else "model"
            rows.append(
                {
                    "metric": metric,
                    "model": "noise" if source == "noise" else model,
                    "source": source,
                    "value": record[metric],
                    "floor": record[f"{metric}_floor"],
                    "floor_low": record.get(f"{metric}_floor_low", np.nan),
                    "floor_high": record.get(f"{metric}_floor_high", np.nan),
                    "better": METRICS[metric],
                    "n": record["n_real"],
                    "warning": "" if pd.isna(record.get("warning")) else record["warning"],
                }
                | {key: record[key] for key in ("features", "features_trained", "view", "reference")}
            )
    return rows
