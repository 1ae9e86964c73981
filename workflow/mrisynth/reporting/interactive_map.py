"""The page of a round of clusters: its map to point at, with what is known of every scan and sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import contourpy
import numpy as np
import pandas as pd

from mrisynth.clusters.verdict import stability_sentence
from mrisynth.reporting.density import SHARES, box_of, density_of
from mrisynth.reporting.maps import group_names, real_groups, sample_groups
from mrisynth.reporting.style import PALETTE, features_label
from mrisynth.reporting.templates import embedded_json, write_html

_TEMPLATE = "interactive_map.html.jinja"
_KNOWN = ("participant_id", "sex", "age", "age_tercile", "site", "diagnosis")
_COLOURED_BY = ("cluster", "condition", "site", "sex", "age_tercile", "diagnosis", "split")


def write_interactive_map(
    path: str | Path,
    *,
    title: str,
    clusters: pd.DataFrame,
    projections: pd.DataFrame,
    coverage: pd.DataFrame,
    overlap: pd.DataFrame,
    facts: Mapping[str, Any],
    scans: pd.DataFrame,
    told: Mapping[str, str] | None = None,
) -> None:
    """Write one HTML file that loads nothing: scans and samples in the map, each with its facts under the pointer.

    It names participants and what is known of them, as the study's own tables do, and stays where these stay.

    Args:
        path: the HTML file.
        title: of the study.
        clusters: scan, split, cluster, cluster_name, umap_x, umap_y, noise, fitted, weight of the real scans.
        projections: id, condition, cluster_name, umap_x, umap_y, fitted of the samples.
        coverage: one row a cluster.
        overlap: one row a known column.
        facts: of the round, with ``warnings`` and ``stability``.
        scans: the scans table.
        told: condition of the real scans in words, of those that have one.
    """
    box = box_of(*(table[["umap_x", "umap_y"]].to_numpy(dtype=float) for table in (clusters, projections)))
    real, samples = _real_points(clusters, scans, told or {}), _sample_points(projections)
    column, groups = sample_groups(projections)
    present = [name for name in _COLOURED_BY if len({row["facts"].get(name) for row in real} - {None}) > 1]
    data = {
        "box": box,
        "real": real,
        "samples": samples,
        "columns": present or ["cluster"],
        "groups": group_names(real_groups(clusters, column, told), groups),
        "grouped_by": column,
        "palette": PALETTE,
        "density": _regions(clusters, box),
    }
    write_html(
        path,
        _TEMPLATE,
        data=embedded_json(data),
        title=title,
        model=facts["model"],
        round=facts["round"],
        features=features_label(facts["features"], trained=facts["features_trained"]),
        trained=facts["features_trained"],
        scans=len(clusters),
        training_scans=facts["training_scans"],
        samples=len(projections),
        clusters=facts["clusters"],
        method=facts["method"],
        stability=stability_sentence(facts["stability"]),
        warnings=facts["warnings"],
        coverage=_rows(coverage),
        overlap=_rows(overlap),
    )


def _real_points(clusters: pd.DataFrame, scans: pd.DataFrame, told: Mapping[str, str]) -> list[dict[str, Any]]:
    known = scans.set_index("scan")
    points = []
    for row in clusters.to_dict("records"):
        about = known.loc[row["scan"]] if row["scan"] in known.index else {}
        facts = {"scan": row["scan"]} | {name: _word(about.get(name)) for name in _KNOWN}
        facts |= {"split": row["split"], "condition": _word(told.get(row["scan"])), "cluster": row["cluster_name"]}
        facts |= {"in no cluster by the method": "yes" if row["noise"] else None}
        points.append(_point(row, facts))
    return points


def _sample_points(projections: pd.DataFrame) -> list[dict[str, Any]]:
    _, groups = sample_groups(projections)
    points = []
    for row, group in zip(projections.to_dict("records"), groups, strict=True):
        facts = {"sample": row["id"], "condition": _word(row["condition"]), "cluster": row["cluster_name"]}
        facts["place"] = "fitted with the scans" if row["fitted"] else "put into the map of the scans"
        points.append(_point(row, facts) | {"group": group})
    return points


def _point(row: Mapping[str, Any], facts: Mapping[str, str | None]) -> dict[str, Any]:
    known = {name: value for name, value in facts.items() if value is not None}
    return {"x": round(float(row["umap_x"]), 4), "y": round(float(row["umap_y"]), 4), "facts": known}


def _word(value: Any) -> str | None:
    if value is None or pd.isna(value):
        return None
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _regions(clusters: pd.DataFrame, box: tuple[float, float, float, float]) -> list[dict[str, Any]]:
    """The outlines of the regions that hold shares of the scans, the outermost first."""
    density = density_of(clusters[["umap_x", "umap_y"]].to_numpy(dtype=float), box=box)
    if density is None:
        return []
    contours = contourpy.contour_generator(density.x, density.y, density.values)
    return [
        {"share": share, "lines": [_line(line) for line in contours.lines(float(level))]}
        for share, level in zip(SHARES, density.levels, strict=True)
    ]


def _line(line: np.ndarray) -> list[list[float]]:
    return np.round(line, 3).tolist()


def _rows(table: pd.DataFrame) -> dict[str, Sequence[Any]]:
    """A table in words: its columns' names, and rows of cells."""
    cells = [
        ["n/a" if pd.isna(cell) else f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in table.itertuples(index=False, name=None)
    ]
    return {"names": [str(name).replace("_", " ") for name in table.columns], "cells": cells}
