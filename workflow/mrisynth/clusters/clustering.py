"""A map and its clusters, fitted together; other scans and samples are put into both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from mrisynth.clusters.maps import FeatureMap, fit_map
from mrisynth.clusters.methods import NOISE, check_clusters, find_clusters, settle
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.errors import MrisynthError


@dataclass(frozen=True)
class Clustering:
    """A map of some rows and their clusters.

    Attributes:
        ids: names of the fitted rows.
        map: the map, with their coordinates.
        labels: int [n]; 0 is the largest cluster; with ``noise="own_class"`` the last number is the noise.
        names: name of each label.
        noise: bool [n], rows that the method left out of every cluster.
    """

    ids: list[str]
    map: FeatureMap
    labels: np.ndarray
    names: list[str]
    noise: np.ndarray

    def assign(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the label of the fitted row nearest in the map to each row of ``coordinates`` [m, 2]."""
        nearest = NearestNeighbors(n_neighbors=1).fit(self.map.coordinates)
        return self.labels[nearest.kneighbors(coordinates, return_distance=False)[:, 0]]

    def place(self, ids: Sequence[str], features: np.ndarray) -> pd.DataFrame:
        """Return where rows stand: id, cluster, cluster_name, umap_x, umap_y, noise, fitted.

        Rows that were fitted stand where the fit put them; the others are put into the map afterwards and join the
        cluster of their nearest fitted row.

        Args:
            ids: names, one a row of ``features`` [m, d].
        """
        if len(ids) != len(features):
            raise MrisynthError(f"{len(ids)} names for {len(features)} rows of features: the numbers must agree.")
        row_of = {name: row for row, name in enumerate(self.ids)}
        rows = np.array([row_of.get(name, -1) for name in ids], dtype=np.int64)
        new = rows < 0
        places, labels = self.map.coordinates[rows], self.labels[rows]
        if new.any():
            places[new] = self.map.project(features[new])
            labels[new] = self.assign(places[new])
        table = pd.DataFrame({"id": list(ids), "cluster": labels, "cluster_name": [self.names[one] for one in labels]})
        table[["umap_x", "umap_y"]] = places
        table["noise"], table["fitted"] = self.noise[rows] & ~new, ~new
        return table


def fit_clusters(
    features: np.ndarray,
    *,
    ids: Sequence[str],
    settings: ClusterSettings,
    seed: int,
    counted: np.ndarray | None = None,
) -> Clustering:
    """Fit a two-dimensional UMAP and clusters of it.

    The published feedback uses UMAP with 20 neighbours and distance 0 and scikit-learn's DBSCAN with its defaults, on
    real scans alone. One seed gives one result on one machine.

    Args:
        features: [n, d], finite.
        ids: names of the rows.
        settings: map and method.
        seed: the study's seed.
        counted: bool [n], rows whose number makes a cluster large (numbers go by size); all when missing.

    Raises:
        MrisynthError: too few rows, a key missing, fewer than two clusters found, or noise that is refused.
    """
    fitted = fit_map(features, settings=settings, seed=seed)
    found = find_clusters(fitted.coordinates, settings=settings, seed=seed)
    check_clusters(found, settings=settings)
    labels, names = settle(found, fitted.coordinates, noise=settings.noise, counted=counted)
    return Clustering(list(ids), fitted, labels, names, found == NOISE)
