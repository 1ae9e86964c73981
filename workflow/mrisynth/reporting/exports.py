"""What a paper needs of the scores: one CSV, a LaTeX table a group, and vector figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mrisynth.files import atomic
from mrisynth.reporting.board import boards, in_order_of_models
from mrisynth.reporting.catalogue import GROUPS, in_order, words
from mrisynth.reporting.latex import COLUMNS_A_TABLE, latex_tables
from mrisynth.reporting.results import Results
from mrisynth.reporting.scores import score_figure

_FORMS = ("svg", "pdf")


def write_tables(folder: Path, results: Results, *, models: Sequence[str]) -> list[Path]:
    """Write ``metrics.csv``, ``comparison.csv`` and ``{group}.tex`` of each group that has scores.

    Numbers of the CSV files are exact, missing ones are empty; the LaTeX needs booktabs.

    Args:
        folder: where to.
        results: the tables of the study.
        models: their order.

    Returns:
        The files.
    """
    scores = in_order_of_models(results.scores, models)
    written = [_csv(scores, folder / "metrics.csv"), _csv(results.pairs, folder / "comparison.csv")]
    checksums = dict(zip(scores["features"], scores["features_sha256"].fillna("unknown"), strict=True))
    for group, names in _by_group(scores).items():
        found = boards(scores, pairs=results.pairs, metrics=names)
        text = latex_tables(
            found, group=group, checksums=checksums, verdict=results.verdict, seed=int(scores["seed"].iloc[0])
        )
        path = folder / f"{group.lower()}.tex"
        with atomic(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def write_figures(
    folder: Path, results: Results, *, models: Sequence[str], replicates: Mapping[str, Sequence[str]]
) -> list[Path]:
    """Write a figure for each group, feature space and view as SVG and PDF: the same bytes for the same scores.

    Args:
        folder: where to.
        results: the tables of the study.
        models: their order.
        replicates: name of a model -> names of its replicates, itself among them.

    Returns:
        The files.
    """
    scores = in_order_of_models(results.scores, models)
    scores = scores[~scores["view"].astype(str).str.endswith(" low")]
    written = []
    for group, names in _by_group(scores).items():
        kept = scores[scores["metric"].isin(names)]
        for (features, view), part in kept.groupby(["features", "view"], sort=False):
            there = in_order(part["metric"])
            for place, first in enumerate(range(0, len(there), COLUMNS_A_TABLE)):
                shown = there[first : first + COLUMNS_A_TABLE]
                number = f"_{place + 1}" if len(there) > COLUMNS_A_TABLE else ""
                name = re.sub(r"[^a-z0-9_]+", "_", f"{group}_{features}_{view}{number}".lower())
                paths = [folder / f"{name}.{form}" for form in _FORMS]
                score_figure(part, paths, replicates=replicates, metrics=shown)
                written += paths
    return written


def _by_group(scores: pd.DataFrame) -> dict[str, list[str]]:
    names = in_order(scores["metric"])
    groups = {group: [name for name in names if words(name).group == group] for group in GROUPS}
    return {group: found for group, found in groups.items() if found}


def _csv(table: pd.DataFrame, path: Path) -> Path:
    with atomic(path) as unfinished:
        table.to_csv(unfinished, index=False, lineterminator="\n")
    return path
