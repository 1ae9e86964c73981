"""Comparison: the same scans in other maps, t-SNE of the features and UMAP of the voxels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score

from mrisynth.clusters.maps import fit_map, state_of
from mrisynth.clusters.methods import find_clusters, settle
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.errors import MrisynthError

_PERPLEXITY = 30.0
_EDGE = 32
_COMPONENTS = 50


def tsne_map(features: np.ndarray, *, seed: int) -> np.ndarray:
    """Return a t-SNE of features [n, d], float64 [n, 2]; unlike UMAP it takes all rows at once and projects nothing.

    Perplexity 30, a third of the rows where they are few; started from principal components. Van der Maaten and Hinton
    2008.
    """
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=state_of(seed, "tsne"), n_jobs=1)
    return tsne.fit_transform(features.astype(np.float32)).astype(np.float64)


def coarse_voxels(volumes: Iterable[np.ndarray]) -> np.ndarray:
    """Return volumes [x, y, z] as rows of the means over blocks, float32 [n, 32768]: 32 voxels along every edge.

    Args:
        volumes: cubes whose edge is a multiple of 32, read one at a time.
    """
    rows = []
    for volume in volumes:
        if volume.shape[0] % _EDGE or len(set(volume.shape)) > 1:
            raise MrisynthError(
                f"A volume has shape {volume.shape}, expected a cube with a multiple of {_EDGE} voxels."
            )
        block = volume.shape[0] // _EDGE
        parts = np.asarray(volume, dtype=np.float32).reshape(_EDGE, block, _EDGE, block, _EDGE, block)
        rows.append(parts.mean(axis=(1, 3, 5)).ravel())
    return np.stack(rows)


def voxel_map(voxels: np.ndarray, *, fitted: np.ndarray, settings: ClusterSettings, seed: int) -> np.ndarray:
    """Return a UMAP of the 50 first principal components of voxels [n, d], float64 [n, 2].

    Args:
        fitted: bool [n], the rows that components and map are fitted to; the others are put into both.
    """
    components = min(_COMPONENTS, int(fitted.sum()) - 1)
    pca = PCA(components, svd_solver="randomized", random_state=state_of(seed, "voxels")).fit(voxels[fitted])
    scores = pca.transform(voxels)
    made = fit_map(scores[fitted], settings=replace(settings, standardise=False, components=None), seed=seed)
    places = np.empty((len(voxels), 2))
    places[fitted], places[~fitted] = made.coordinates, made.project(scores[~fitted])
    return places


def comparison_table(clusters: pd.DataFrame, projections: pd.DataFrame, maps: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return where scans and samples stand in several maps: map, source, id, split, cluster, cluster_name, x, y.

    Args:
        clusters: of the real scans.
        projections: of the model's samples.
        maps: name -> [n, 2], scans first, then samples, each in the order of its table.
    """
    scans = clusters.assign(source="real", id=clusters["scan"])
    rows = pd.concat([scans, projections.assign(split=pd.NA)], ignore_index=True)
    rows = rows[["source", "id", "split", "cluster", "cluster_name"]]
    parts = [rows.assign(map=name, x=places[:, 0], y=places[:, 1]) for name, places in maps.items()]
    return pd.concat(parts, ignore_index=True)[["map", *rows.columns, "x", "y"]]


def agreement(table: pd.DataFrame, *, settings: ClusterSettings, like: np.ndarray, seed: int) -> dict[str, float]:
    """Return per map the adjusted Rand index between the clusters and those that the method finds in that map.

    Args:
        table: of :func:`comparison_table`; training scans alone are compared.
        settings: the method; its distances hold for a map as wide as ``like``.
        like: [n, 2], the map in which the clusters were found.
    """
    found = {}
    for name, rows in table[table["split"] == "train"].groupby("map", sort=False):
        places = rows[["x", "y"]].to_numpy()
        places = places * (like.std() / max(float(places.std()), 1e-12))
        labels = settle(find_clusters(places, settings=settings, seed=seed), places, noise=settings.noise)[0]
        found[str(name)] = float(adjusted_rand_score(rows["cluster"], labels))
    return found
