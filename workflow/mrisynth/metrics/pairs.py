"""Models against one another: differences of scores with paired intervals, and the model that is really best."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.metrics.quantiles import t_95

UNDECIDED = "undecided"

_SPACE = ["features", "features_trained", "view", "metric", "better", "n"]
COLUMNS = [*_SPACE, "one", "other", "difference", "low", "high", "ahead"]


def compare_models(scores: pd.DataFrame, replicates: Mapping[tuple[str, ...], np.ndarray]) -> pd.DataFrame:
    """Return every two models of one view with the difference of their scores, one row each; test reference.

    Both models were scored against the same resampled real scans, so that the luck of those cancels in the
    difference: its interval is narrower than the two intervals suggest. With many models some pair stands apart by
    chance: one in twenty of pairs that do not differ.

    Args:
        scores: in the form of :func:`mrisynth.metrics.table.score_table`.
        replicates: :attr:`mrisynth.metrics.table.Score.key` -> resampled values [r].

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
            values, resampled = zip(known[one], known[other], strict=True)
            difference, low, high = paired_difference(values, resampled, n=int(named["n"]))
            below, above = (one, other) if named["better"] == "lower" else (other, one)
            ahead = below if high < 0 else above if low > 0 else UNDECIDED
            rows.append(
                named | {"one": one, "other": other, "difference": difference, "low": low, "high": high, "ahead": ahead}
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def paired_difference(
    values: tuple[float, float], resampled: tuple[np.ndarray, np.ndarray], *, n: int
) -> tuple[float, float, float]:
    """Return the first value minus the second with the ends of its 95 % interval, missing below two resampled values.

    The resampled values must be those of :func:`mrisynth.metrics.intervals.interval` with the same real scans, seed,
    entity and number of replicates: what is common to both, the choice of scans, then falls out of the difference.

    Args:
        values: of two models.
        resampled: [replicates] of each.
        n: scans and samples behind each value; Student's t of n - 1 degrees of freedom makes the interval.

    Raises:
        MrisynthError: the resampled values are not equal in number.
    """
    one, other = resampled
    if len(one) != len(other):
        raise MrisynthError(
            f"A paired difference needs equal numbers of resampled values, found {len(one)} and {len(other)}; score "
            "both models again."
        )
    difference = values[0] - values[1]
    reach = t_95(n - 1) * float(np.std(one - other, ddof=1)) if len(one) > 1 else np.nan
    return difference, difference - reach, difference + reach


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
