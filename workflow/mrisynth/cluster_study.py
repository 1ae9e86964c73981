"""The cluster feedback of a study: real embeddings to a table of clusters, samples put into the same map."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mrisynth.clustering import cluster_table, fit_clusters, projections_table
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError

_LOG = logging.getLogger(__name__)


def cluster_study(
    real: Embeddings,
    synthetic: Mapping[str, Embeddings],
    *,
    splits: Mapping[str, str],
    settings: Mapping[str, Any],
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the clusters of all real scans, and the places of the samples in their map.

    The map and the clusters are fitted to the training split alone; validation and test scans join the nearest cluster.

    Args:
        synthetic: source to its embeddings.
        splits: scan to its split.
        settings: the block ``clustering`` of the configuration.
        seed: the study's seed.
    """
    train = [scan for scan in real.ids if splits[scan] == "train"]
    others = {scan: splits[scan] for scan in real.ids if splits[scan] != "train"}
    if len(train) < 4:
        raise MrisynthError(f"{len(train)} training scans passed; clusters need at least 4.")
    keys = ("neighbours", "min_distance", "method", "clusters", "epsilon", "min_samples", "noise")
    clustering = fit_clusters(real.rows(train), seed=seed, **{key: settings[key] for key in keys})
    for message in clustering.messages:
        _LOG.warning("%s", message)
    clusters = cluster_table(clustering, train_scans=train, others=others, other_features=real.rows(list(others)))
    sources = {name: (found.ids, found.features) for name, found in synthetic.items()}
    return clusters, projections_table(clustering, sources)
