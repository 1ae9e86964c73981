"""The comparison of a study: its scans and a model's samples in other maps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd

from mrisynth.clusters.comparison import agreement, coarse_voxels, comparison_table, tsne_map, voxel_map
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.embeddings import Embeddings

_PLACES = ["umap_x", "umap_y"]


def compare_maps(
    clusters: pd.DataFrame,
    projections: pd.DataFrame,
    *,
    real: Embeddings,
    samples: Embeddings,
    volumes: np.ndarray,
    index: Sequence[str],
    shards: Sequence[np.ndarray],
    settings: ClusterSettings,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the table of the places in all maps, and per map the agreement of its clusters with those given.

    Args:
        clusters: of the real scans.
        projections: of the model's samples.
        real: features of the scans.
        samples: features of the samples.
        volumes: uint8 [scan, x, y, z], packed.
        index: the scan in each of its rows.
        shards: uint8 [sample, x, y, z], the samples in their order.
        settings: map and method of the clusters.
        seed: the study's seed.
    """
    row_of = {scan: row for row, scan in enumerate(index)}
    names = clusters["scan"].tolist()
    scans, drawn = (volumes[row_of[scan]] for scan in names), (volume for shard in shards for volume in shard)
    voxels = coarse_voxels(chain(scans, drawn))
    features = np.concatenate([real.rows(names), samples.rows(projections["id"].tolist())])
    places = np.concatenate([clusters[_PLACES].to_numpy(), projections[_PLACES].to_numpy()])
    fitted = np.concatenate([clusters["fitted"].to_numpy(dtype=bool), projections["fitted"].to_numpy(dtype=bool)])
    maps = {
        "UMAP of features": places,
        "t-SNE of features": tsne_map(features, seed=seed),
        "UMAP of voxels": voxel_map(voxels, fitted=fitted, settings=settings, seed=seed),
    }
    table = comparison_table(clusters, projections, maps)
    like = clusters.loc[clusters["split"] == "train", _PLACES].to_numpy()
    found = agreement(table, settings=settings, like=like, seed=seed)
    return table.assign(agreement=table["map"].map(found)), found
