"""Models against one another: differences of scores with paired intervals, and the model that is really best."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

UNDECIDED = "undecided"

_NORMAL_95 = 1.959964

_SPACE = ["features", "features_trained", "view", "metric", "better", "n"]
COLUMNS = [*_SPACE, "one", "other", "difference", "low", "high", "ahead"]


def compare_models(scores: pd.DataFrame, replicates: Mapping[tuple[str, ...], np.ndarray]) -> pd.DataFrame:
    """Return every two models of one view with the difference of their scores, one row each; test reference.

    Both models were scored against the same resampled real scans, so that the luck of those cancels in the
    difference: its interval is narrower than the two intervals suggest. With many models some pair stands apart by
    chance: one in twenty of pairs that do not differ.

    Args:
        scores: in the form of :func:`mrisynth.metrics.table.score_table`.
        replicates: (source's name, kind, features, view, reference, name of the value) -> resampled values [r].

    Returns:
        What was compared, ``difference`` (value of ``one`` minus that of ``other``), ``low`` and ``high`` of its 95 %
        interval, and ``ahead``: the better of the two where the interval leaves 0 out, else ``undecided``. Values
        without a better side and scores without resampled values are left out.
    """
    rows = []
    models = scores[
        (scores["source"] == "model")
        & (scores["reference"] == "test")
        & scores["value"].notna()
        & scores["better"].isin(("lower", "higher"))
    ]
    for space, part in models.groupby(_SPACE, sort=False):
        named = dict(zip(_SPACE, space, strict=True))
        known = {
            row.model: (row.value, replicates[key])
            for row in part.itertuples()
            if (key := (row.model, "model", row.features, row.view, "test", row.metric)) in replicates
        }
        for one, other in combinations(known, 2):
            rows.append(named | {"one": one, "other": other} | _difference(known, one, other, named["better"]))
    return pd.DataFrame(rows, columns=COLUMNS)


def best_models(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the model that is ahead of every other one, one row a space and value: ``best``, or ``undecided``.

    Args:
        pairs: of :func:`compare_models`.
    """
    rows = []
    for space, part in pairs.groupby(_SPACE, sort=False):
        models = set(part["one"]) | set(part["other"])
        ahead = part["ahead"].value_counts()
        best = [model for model in models if ahead.get(model, 0) == len(models) - 1]
        rows.append(dict(zip(_SPACE, space, strict=True)) | {"best": best[0] if best else UNDECIDED})
    return pd.DataFrame(rows, columns=[*_SPACE, "best"])


def _difference(
    known: Mapping[str, tuple[float, np.ndarray]], one: str, other: str, better: object
) -> dict[str, object]:
    (value, resampled), (other_value, other_resampled) = known[one], known[other]
    difference = value - other_value
    count = min(len(resampled), len(other_resampled))
    reach = _NORMAL_95 * float(np.std(resampled[:count] - other_resampled[:count], ddof=1)) if count > 1 else np.nan
    low, high = difference - reach, difference + reach
    lower_is_ahead = one if better == "lower" else other
    higher_is_ahead = other if better == "lower" else one
    ahead = lower_is_ahead if high < 0 else higher_is_ahead if low > 0 else UNDECIDED
    return {"difference": difference, "low": low, "high": high, "ahead": ahead}
