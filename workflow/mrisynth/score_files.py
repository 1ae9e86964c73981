"""Tables of scores and the resampled values behind their intervals, as files without pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, read_table

_TEXT = ("metric", "model", "source", "features", "features_sha256", "view", "reference", "better", "warning")


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a table of scores; a missing warning is empty."""
    table = read_table(path, **dict.fromkeys(_TEXT, "string"))
    table["warning"] = table["warning"].fillna("")
    return table.astype(dict.fromkeys(_TEXT, object))


def save_replicates(replicates: Mapping[tuple[str, ...], np.ndarray], path: str | Path) -> None:
    """Write resampled values, by :attr:`mrisynth.metrics.table.Score.key`, as one ``.npz`` without pickle."""
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        names = np.array([json.dumps(key) for key in replicates], dtype=np.str_)
        np.savez(stream, names=names, **{f"values{place}": values for place, values in enumerate(replicates.values())})


def load_replicates(path: str | Path) -> dict[tuple[str, ...], np.ndarray]:
    """Read what :func:`save_replicates` wrote.

    Raises:
        MrisynthError: the file is missing, damaged or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            keys = [tuple(json.loads(name)) for name in stored["names"].tolist()]
            return {key: stored[f"values{place}"] for place, key in enumerate(keys)}
    except (OSError, KeyError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise MrisynthError(f"{path} cannot be read as resampled scores ({error}); delete it and run again.") from error
