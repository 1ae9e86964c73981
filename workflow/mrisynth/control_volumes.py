"""Control of models of volumes: what samples were asked for against the volumes of their tissues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.covariate_condition import SOURCE
from mrisynth.errors import MrisynthError
from mrisynth.metrics.control import ControlValues
from mrisynth.region_covariates import OF_TISSUES

TISSUE = "tissue"
"""What measures: tissues told apart by their brightness, see :mod:`mrisynth.imaging.tissue`."""
_ENDING = "_ml"
_LEAST_SCANS = 5


def volume_control(
    facts: Mapping[str, Any], *, samples: pd.DataFrame, drawn: pd.DataFrame, real: pd.DataFrame, known: pd.DataFrame
) -> ControlValues:
    """Return what samples were asked for and what their tissues say, beside the same of real test scans.

    Ventricles, grey matter and brain can be measured in any volume, in mm3 of tissue; a straight line through the real
    training scans makes them the covariate that is told. Hippocampi cannot be measured so.

    Args:
        facts: recipe.json of the model.
        samples: its samples, with the values that each was told; counts as many participants.
        drawn: tissue volumes of the samples, in their order: ``id``, ``reason`` and one column a region.
        real: tissue volumes of the real scans, likewise.
        known: the real scans with ``scan``, ``participant_id``, ``split`` and what is true of them.

    Raises:
        MrisynthError: no covariate of the model is the volume of a tissue, or too few training scans have it.
    """
    told = {one["source"]: one["covariates"] for one in facts["covariates"]["sources"]}
    names = [f"{name}{_ENDING}" for name in OF_TISSUES if any(f"{name}{_ENDING}" in mine for mine in told.values())]
    scans = known.merge(real.rename(columns={"id": "scan"}), on="scan", suffixes=("", "_tissue"))
    lines = {name: _line(scans[scans["split"] == "train"], name) for name in names}
    names = [name for name in names if lines[name] is not None]
    if not names:
        raise MrisynthError(
            f"Model {facts['model']['name']} is told no volume that tissues show ({', '.join(OF_TISSUES)} in mL), or "
            "fewer than five training scans have it; leave control out of evaluation.metrics."
        )
    test = scans[scans["split"] == "test"]
    nothing = {"samples": np.full((len(samples), len(names)), np.nan), "test": np.full((len(test), len(names)), np.nan)}
    train = scans[scans["split"] == "train"]
    scales = np.array([float(train[name].std()) or 1.0 for name in names])
    return ControlValues(
        requested=np.concatenate([_numbers(samples, names), nothing["test"]]),
        measured=np.concatenate([_measured(drawn, names, lines), nothing["test"]]),
        real_measured=np.concatenate([nothing["samples"], _measured(test, names, lines)]),
        truth=np.concatenate([nothing["samples"], _numbers(test, names)]),
        names=names,
        kinds=["continuous"] * len(names),
        participants=[f"sample {number}" for number in samples["sample"]] + test["participant_id"].astype(str).tolist(),
        sources=samples[SOURCE].astype(str).tolist() + test[SOURCE].astype(str).tolist(),
        scales=scales,
        told=told,
    )


def _line(train: pd.DataFrame, name: str) -> tuple[float, float] | None:
    tissue, truth = _tissue(train, name), train[name].to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(tissue) & np.isfinite(truth)
    if known.sum() < _LEAST_SCANS or not np.ptp(tissue[known]):
        return None
    slope, start = np.polyfit(tissue[known], truth[known], 1)
    return float(slope), float(start)


def _measured(table: pd.DataFrame, names: Sequence[str], lines: Mapping[str, tuple[float, float] | None]) -> np.ndarray:
    return np.column_stack([lines[name][1] + lines[name][0] * _tissue(table, name) for name in names])


def _tissue(table: pd.DataFrame, name: str) -> np.ndarray:
    parts = list(OF_TISSUES[name.removesuffix(_ENDING)])
    return table[parts].astype("float64").sum(axis=1, skipna=False).to_numpy()


def _numbers(table: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    return np.column_stack([table[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names])
