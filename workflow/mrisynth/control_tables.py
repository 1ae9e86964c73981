"""The files of the control of one model: what the report compares, and everything that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.control_study import ControlStudy
from mrisynth.files import write_table
from mrisynth.metrics.control import NAME as CONTROL
from mrisynth.metrics.paired_images import NAME as PAIRED
from mrisynth.metrics.strata import StrataPlan
from mrisynth.metrics.strata_scores import NAME as STRATA
from mrisynth.metrics.strata_scores import SUMMARY
from mrisynth.reporting.control_scatter import control_scatter

_COMPARED = (f"{CONTROL}_requested_r_", f"{CONTROL}_requested_balanced_accuracy_", f"{STRATA}_corr_", f"{PAIRED}_")
"""How the names of the numbers begin that stand beside the other scores of a model; all are in the summaries."""


def write_control(
    study: ControlStudy, plan: StrataPlan | None, *, images: Path, perceptual: Mapping[str, Any], replicates: int,
    paths: Mapping[str, Path],
) -> None:  # fmt: skip
    """Score the control of a model and write its files.

    Args:
        study: the fakes beside their real counterparts.
        plan: the strata, in whose order their fakes stand; None for none.
        images: array of the fakes.
        perceptual: of the network of the perceptual distance: ``name``, ``sha256``, ``trained``.
        replicates: resamplings behind each interval.
        paths: where ``table``, ``picture``, ``summary``, ``strata``, ``strata_summary`` and ``pairs`` go.
    """
    control = study.score(replicates=replicates)
    pairs = study.score_pairs(images, perceptual=perceptual, replicates=replicates)
    tables, strata, strata_summary = [control.scored.table], pd.DataFrame(), pd.DataFrame(columns=SUMMARY)
    if plan is not None:
        found = study.score_strata(plan, replicates=replicates)
        tables.append(found.scored.table)
        strata, strata_summary = found.table, found.summary
    tables.append(pairs.scored.table)
    title = f"What {study.model} was asked for, and what a regressor of real slices measures in its samples"
    control_scatter(
        study.values(), control.summary, paths["picture"], measured_by="a regressor trained on real slices", title=title
    )
    write_table(control.summary, paths["summary"])
    write_table(strata, paths["strata"])
    write_table(strata_summary, paths["strata_summary"])
    write_table(pairs.summary, paths["pairs"])
    table = pd.concat(tables, ignore_index=True)
    write_table(table[table["metric"].str.startswith(_COMPARED)], paths["table"])
