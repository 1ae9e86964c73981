"""Predictions of test scans as a table: of every repetition and arm, what was predicted of each scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.utility import ARMS, Task

COLUMNS = ["target", "arm", "repeat", "scan", "output", "value"]

_YEARS = "years"


def table_of_predictions(task: Task, predictions: Mapping[str, np.ndarray], scans: Sequence[str]) -> pd.DataFrame:
    """Return predictions as a table to keep: ``target``, ``arm``, ``repeat``, ``scan``, ``output``, ``value``.

    Args:
        task: what was predicted.
        predictions: arm -> [repeats, test rows, outputs].
        scans: the test scans, in the order of those rows.
    """
    outputs = task.classes or (_YEARS,)
    rows = [
        {"target": task.name, "arm": arm, "repeat": repeat, "scan": scan, "output": output, "value": float(value)}
        for arm, values in predictions.items()
        for repeat, of_scans in enumerate(values)
        for scan, of_outputs in zip(scans, of_scans, strict=True)
        for output, value in zip(outputs, of_outputs, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def predictions_of_table(
    table: pd.DataFrame, task: Task, scans: Sequence[str], *, repeats: int
) -> dict[str, np.ndarray]:
    """Return what :func:`table_of_predictions` was made of.

    Raises:
        MrisynthError: the table is of other scans, classes or repetitions.
    """
    outputs = task.classes or (_YEARS,)
    mine = table[table["target"] == task.name]
    found = {}
    for arm in [arm for arm in ARMS if (mine["arm"] == arm).any()]:
        rows = mine[mine["arm"] == arm]
        expected = [(scan, output) for _ in range(repeats) for scan in scans for output in outputs]
        if list(zip(rows["scan"], rows["output"], strict=True)) != expected:
            raise MrisynthError(
                f"The predictions of {task.name} ({arm}) are not those of {repeats} repetitions of {len(scans)} test "
                f"scans and the outputs {', '.join(outputs)}; delete their table and run again."
            )
        found[arm] = rows["value"].to_numpy(dtype=np.float64).reshape(repeats, len(scans), len(outputs))
    return found
