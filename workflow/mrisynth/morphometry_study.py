"""Morphometry of one model or of the controls of one size, from tables of region volumes."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mrisynth.metrics.morphometry import Regions, one_scan_each, regions_of, score_morphometry
from mrisynth.metrics.region_effects import covariate_effects, region_effects
from mrisynth.metrics.scoring import Scored
from mrisynth.region_stage import parts_of

Measured = Mapping[str, pd.DataFrame]
"""Name of a set -> its table of region volumes."""


def score_volumes(
    real: pd.DataFrame, sources: list[Regions], scans: pd.DataFrame, *, view: str, seed: int, draws: int,
    replicates: int,
) -> Scored:  # fmt: skip
    """Return :func:`mrisynth.metrics.morphometry.score_morphometry` of sets against the real scans.

    Args:
        real: region volumes of the real scans.
        sources: the sets, by the regions that do not overlap.
        scans: the scans table.
        view, seed, draws, replicates: as there.
    """
    measured = regions_of(real, parts_of(real.columns), name="real", kind="real")
    return score_morphometry(
        one_scan_each(measured, scans, seed=seed), sources, view=view, seed=seed, real_measured=measured.measured,
        draws=draws, replicates=replicates,
    )  # fmt: skip


def sources_of(found: Measured, *, model: str | None = None) -> list[Regions]:
    """Return sets by the regions that do not overlap: a model's, ``untrained`` for its generator's, and controls."""
    sets = []
    for name, table in found.items():
        of_model = model is not None and name in (model, "untrained")
        kind = "control" if not of_model else "model" if name == model else "untrained"
        sets.append(regions_of(table, parts_of(table.columns), name=model if of_model else name, kind=kind))
    return sets


def effects_of_model(
    samples: pd.DataFrame, labels: pd.DataFrame, real: pd.DataFrame, scans: pd.DataFrame, *, model: str, seed: int,
    draws: int, replicates: int,
) -> pd.DataFrame:  # fmt: skip
    """Return the effects on every region of a model's samples, the whole tissues among them.

    Args:
        samples: region volumes of the model's samples, in the order of ``labels``.
        labels: the table of samples, with their conditions.
        real: region volumes of the real scans.
        scans: the scans table.
        model: its name.
        seed, draws, replicates: as in :func:`mrisynth.metrics.region_effects.region_effects`.
    """
    columns = [name for name in real.columns if name not in ("id", "reason")]
    found = regions_of(samples, columns, name=model, kind="model")
    all_real = regions_of(real, columns, name="real", kind="real")
    effects = region_effects(
        found, one_scan_each(all_real, scans, seed=seed), columns, seed=seed, draws=draws, replicates=replicates
    )
    first = scans.assign(scan=scans["scan"].astype(str)).drop_duplicates("participant_id").set_index("scan")
    once = regions_of(real[real["id"].astype(str).isin(first.index)], columns, name="real", kind="real")
    told = labels.reset_index(drop=True).set_axis(samples["id"].astype(str)).loc[found.ids]
    covariates = covariate_effects(found, told, once, first.loc[once.ids], columns)
    return effects if covariates.empty else pd.concat([effects, covariates], ignore_index=True)
