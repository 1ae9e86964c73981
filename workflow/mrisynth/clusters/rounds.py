"""Rounds: what the clusters of a later round take from the model before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mrisynth.errors import MrisynthError
from mrisynth.seeds import numpy_generator

LEAST_ROWS = 4


def equal_numbers(scans: Sequence[str], samples: Sequence[str], *, seed: int) -> tuple[list[str], list[str]]:
    """Return as many scans as samples, drawn without replacement where there are more, in their order.

    Raises:
        MrisynthError: fewer than 4 of either.
    """
    count = min(len(scans), len(samples))
    if count < LEAST_ROWS:
        raise MrisynthError(
            f"A joint map needs at least {LEAST_ROWS} training scans and samples, found {len(scans)} and "
            f"{len(samples)}; draw more samples (sampling.count)."
        )
    chosen = []
    for what, names in (("scans", scans), ("samples", samples)):
        order = numpy_generator(seed, "clusters", "joint", what).permutation(len(names))
        chosen.append([names[row] for row in np.sort(order[:count])])
    return chosen[0], chosen[1]


def coverage(clusters: pd.DataFrame, samples: pd.DataFrame, *, limit: float | None) -> pd.DataFrame:
    """Return how a model draws the clusters, and the weight that the next training gives to the scans of each.

    A cluster that the model draws half as often as it occurs among the training scans weighs double: the weight is
    the share of the scans over the share of the samples, kept within [1 / limit, limit], then divided by its mean over
    the training scans. A cluster without a training scan has no weight.

    Args:
        clusters: of the real scans: split, cluster, cluster_name.
        samples: of the model's samples: cluster, cluster_name.
        limit: from 1; None gives every cluster the weight 1 (round 1).

    Returns:
        One row a cluster, in their order: cluster, cluster_name, scans, share_of_scans, samples, share_of_samples,
        weight.
    """
    train = clusters[clusters["split"] == "train"]
    named = (
        pd.concat([clusters, samples])[["cluster", "cluster_name"]].drop_duplicates("cluster").sort_values("cluster")
    )
    table = named.reset_index(drop=True)
    for column, found in (("scans", train), ("samples", samples)):
        counts = found["cluster"].value_counts()
        table[column] = [int(counts.get(cluster, 0)) for cluster in table["cluster"]]
        table[f"share_of_{column}"] = table[column] / max(len(found), 1)
    present = table["scans"] > 0
    if limit is None or samples.empty:
        weights = pd.Series(1.0, index=table.index)
    else:
        drawn = table["share_of_samples"].replace(0.0, np.nan)
        weights = (table["share_of_scans"] / drawn).fillna(limit).clip(1 / limit, limit)
        weights = weights / (weights * table["share_of_scans"])[present].sum()
    table["weight"] = weights.where(present)
    return table
