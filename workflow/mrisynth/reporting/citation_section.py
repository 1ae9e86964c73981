"""The section of the report on what the study used of others: licences, and works to cite."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mrisynth.files import read_table
from mrisynth.reporting.page import Table

SECTION = "Licences and citations"
_COLUMNS = {"what": "what", "version": "version", "used_for": "used for", "licence": "licence", "cite": "cite"}
_TITLES = {
    "data": "Data and templates",
    "weights": "Weights of networks",
    "software": "Software",
    "method": "Methods",
}
_CAPTIONS = {
    "data": "Their licences go with the models and the samples, as far as they reach.",
    "weights": "Trained by others, used as they are.",
    "software": "The versions that the jobs of this study imported.",
    "method": "Written here from these works, or part of the software above.",
}


def citation_tables(path: Path | None) -> list[Table]:
    """Return a table for each kind of thing that the study used, from ``provenance/citations.tsv``.

    Args:
        path: the table; None for no tables.
    """
    if path is None:
        return []
    rows = read_table(path, version="string", licence="string", cite="string")
    return [
        Table(title, _CAPTIONS[kind], _shown(rows[rows["kind"] == kind]), SECTION)
        for kind, title in _TITLES.items()
        if (rows["kind"] == kind).any()
    ]


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    kept = [name for name in _COLUMNS if name != "licence" or set(rows["kind"]) != {"method"}]
    frame = rows[kept].rename(columns=_COLUMNS)
    return frame.drop(columns=[name for name in frame if frame[name].isna().all()])
