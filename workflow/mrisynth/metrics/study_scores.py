"""Scores of one model in every feature space of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mrisynth.embeddings import Embeddings
from mrisynth.metrics.scoring import score_model


def score_in_all_features(
    metric: str,
    embeddings: Sequence[tuple[str, Embeddings]],
    *,
    model: str,
    splits: Mapping[str, str],
    view: int,
    seed: int,
    draws: int,
    k: int,
) -> pd.DataFrame:
    """Return the rows of :func:`mrisynth.metrics.scoring.score_model` for each feature space, in their order.

    Args:
        embeddings: (source, embeddings) pairs; the source is ``real``, the model's name, ``{model}.untrained`` or
            ``{model}.noise``.
    """
    spaces = list(dict.fromkeys(found.meta["features"] for _, found in embeddings))
    tables = []
    for space in spaces:
        sources = {source: found for source, found in embeddings if found.meta["features"] == space}
        real = sources.pop("real")
        named = {source.removeprefix(f"{model}."): found for source, found in sources.items()}
        tables.append(
            score_model(
                metric, real=real, splits=splits, sources=named, view=view, seed=seed, draws=draws, k=k,
            )
        )  # fmt: skip
    return pd.concat(tables, ignore_index=True)
