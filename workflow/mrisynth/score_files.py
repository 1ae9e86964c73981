"""Tables of scores and the resampled values behind their intervals, as files without pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.embeddings import Embeddings, load_embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, read_table

ReplicateKey = tuple[str, ...]
"""Source's name, its kind, features, view, reference, name of the value."""

_TEXT = ("metric", "model", "source", "features", "features_sha256", "view", "reference", "better", "warning")


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a table of scores; a missing warning is empty."""
    table = read_table(path, **dict.fromkeys(_TEXT, "string"))
    table["warning"] = table["warning"].fillna("")
    return table.astype(dict.fromkeys(_TEXT, object))


def save_replicates(replicates: Mapping[ReplicateKey, np.ndarray], path: str | Path) -> None:
    """Write resampled values as one ``.npz`` that loads without pickle."""
    with atomic(path) as unfinished, unfinished.open("wb") as stream:
        names = np.array([json.dumps(key) for key in replicates], dtype=np.str_)
        np.savez(stream, names=names, **{f"values{place}": values for place, values in enumerate(replicates.values())})


def load_replicates(path: str | Path) -> dict[ReplicateKey, np.ndarray]:
    """Read what :func:`save_replicates` wrote.

    Raises:
        MrisynthError: the file is missing, damaged or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            keys = [tuple(json.loads(name)) for name in stored["names"].tolist()]
            return {key: stored[f"values{place}"] for place, key in enumerate(keys)}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MrisynthError(f"{path} cannot be read as resampled scores ({error}); delete it and run again.") from error


def read_embeddings(paths: Iterable[str | Path]) -> dict[tuple[str, str], Embeddings]:
    """Return embeddings by (features, source); the source is the name of the file without its ending."""
    read = [(Path(path).stem, load_embeddings(path)) for path in paths]
    return {(found.meta["features"], source): found for source, found in read}
