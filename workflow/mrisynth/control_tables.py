"""The files of the control of one model: what the report compares, and everything that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.control_study import AREA, REGRESSOR, ControlStudy
from mrisynth.files import write_table
from mrisynth.metrics.control import NAME as CONTROL
from mrisynth.metrics.paired_images import NAME as PAIRED
from mrisynth.metrics.strata import StrataPlan
from mrisynth.metrics.strata_scores import NAME as STRATA
from mrisynth.metrics.strata_scores import SUMMARY
from mrisynth.reporting.control_scatter import control_scatter, nothing_measured

COMPARED = (f"{CONTROL}_requested_r_", f"{CONTROL}_requested_balanced_accuracy_", f"{STRATA}_corr_", f"{PAIRED}_")
"""How the names of the numbers begin that stand beside the other scores of a model; all are in the summaries."""

_PICTURES = {
    REGRESSOR: ("picture", "a regressor trained on real slices"),
    AREA: ("area", "the area of structures in pixels"),
}
"""What measured -> the name of its picture, and words for it."""


def write_control(
    study: ControlStudy, plan: StrataPlan | None, *, perceptual: Mapping[str, Any], replicates: int,
    paths: Mapping[str, Path],
) -> None:  # fmt: skip
    """Score the control of a model and write its files.

    Args:
        study: the fakes beside their real counterparts.
        plan: the strata, in whose order their fakes stand; None for none.
        perceptual: of the network of the perceptual distance: ``name``, ``sha256``, ``trained``.
        replicates: resamplings behind each interval.
        paths: where ``table``, ``picture``, ``summary``, ``strata``, ``strata_summary`` and ``pairs`` go, and ``area``,
            the picture of what was measured in pixels, where anything was.
    """
    found = {name: study.score(name, replicates=replicates) for name in study.measures}
    pairs = study.score_pairs(perceptual=perceptual, replicates=replicates)
    tables, strata = [one.scored.table for one in found.values()], pd.DataFrame()
    strata_summary = pd.DataFrame(columns=SUMMARY)
    if plan is not None:
        by_strata = study.score_strata(plan, replicates=replicates)
        tables.append(by_strata.scored.table)
        strata, strata_summary = by_strata.table, by_strata.summary
    tables.append(pairs.scored.table)
    for name, (picture, words) in _PICTURES.items():
        if picture not in paths:
            continue
        values = study.values(name) if name in found else None
        title = f"What {study.model} was asked for, and what was measured in its samples by {words}"
        if values is not None:
            control_scatter(values, found[name].summary, paths[picture], measured_by=words, title=title)
        else:
            nothing_measured(paths[picture], title=title)
    summaries = [one.summary.assign(measured_by=name) for name, one in found.items()]
    write_table(pd.concat(summaries, ignore_index=True), paths["summary"])
    write_table(strata, paths["strata"])
    write_table(strata_summary, paths["strata_summary"])
    write_table(pairs.summary, paths["pairs"])
    table = pd.concat(tables, ignore_index=True)
    write_table(table[table["metric"].str.startswith(COMPARED)], paths["table"])
