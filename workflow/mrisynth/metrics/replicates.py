"""The spread of scores between seeds: the same recipe, trained several times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mrisynth.errors import MrisynthError

_SCORE = ["metric", "features", "features_trained", "view", "reference"]
COLUMNS = ["model", *_SCORE, "better", "n", "mean", "standard_deviation", "least", "largest", "replicates"]


def seed_spread(scores: pd.DataFrame, replicates: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return mean and spread of every score over the replicates of a model, one row a model and score.

    A difference between two models that is smaller than these spreads may be the luck of a seed.

    Args:
        scores: of :func:`mrisynth.metrics.summary.collect`.
        replicates: name of the model -> names of its replicates, itself among them; may be empty.

    Returns:
        ``model``; what was scored (metric, features, features_trained, view, reference, better); ``n``, the
        replicates that have a score; their ``mean``, ``standard_deviation`` (of a sample, n - 1; missing below two),
        ``least`` and ``largest``; and ``replicates``, the names of those n, parted by spaces.

    Raises:
        MrisynthError: a replicate has no row in ``scores``.
    """
    models = scores[scores["source"] == "model"]
    rows = []
    for model, names in replicates.items():
        absent = sorted(set(names) - set(models["model"]))
        if absent:
            raise MrisynthError(
                f"The table of all scores has no row of {', '.join(absent)}, a replicate of {model}; score it first "
                "(metrics.tsv)."
            )
        found = models[models["model"].isin(names)]
        for key, part in found.groupby(_SCORE, sort=False):
            rows.append({"model": model} | dict(zip(_SCORE, key, strict=True)) | _spread(part))
    return pd.DataFrame(rows, columns=COLUMNS)


def _spread(part: pd.DataFrame) -> dict[str, object]:
    scored = part[part["value"].notna()]
    values = scored["value"]
    return {
        "better": part["better"].iloc[0],
        "n": len(values),
        "mean": values.mean(),
        "standard_deviation": values.std(ddof=1),
        "least": values.min(),
        "largest": values.max(),
        "replicates": " ".join(scored["model"]),
    }
