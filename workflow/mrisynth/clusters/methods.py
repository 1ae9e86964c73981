"""Methods: a map cut into clusters, and what becomes of scans in none."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from mrisynth.clusters.maps import state_of
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.errors import MrisynthError

NOISE = -1
NOISE_NAME = "noise"

_MENDING = {  # what to change when the method finds (none, a single) cluster, or noise
    "dbscan": ("a larger `epsilon` or a smaller `min_samples`", "a smaller `epsilon` or fewer `neighbours`"),
    "hdbscan": ("a smaller `min_samples`", "a smaller `min_samples` or fewer `neighbours`"),
    "kmeans": ("more `clusters`", "more `clusters`"),
    "gaussian_mixture": ("more `clusters`", "more `clusters`"),
}


def find_clusters(coordinates: np.ndarray, *, settings: ClusterSettings, seed: int) -> np.ndarray:
    """Return the number of every row's cluster as the method gives it, int [n]; -1 is in no cluster.

    Args:
        coordinates: [n, 2], a map.
        settings: ``method`` and its ``clusters``, ``epsilon`` or ``min_samples``.
        seed: of the methods that draw a start.

    Raises:
        MrisynthError: an unknown method, or no usable number of clusters.
    """
    if settings.method == "dbscan":
        return DBSCAN(eps=settings.epsilon, min_samples=settings.min_samples).fit_predict(coordinates)
    if settings.method == "hdbscan":
        return HDBSCAN(min_cluster_size=max(settings.min_samples, 2), copy=True).fit_predict(coordinates)
    if settings.method not in _MENDING:
        raise MrisynthError(f"clustering.method is {settings.method!r}, expected one of: {', '.join(_MENDING)}.")
    clusters = settings.clusters
    if clusters is None or not 2 <= clusters < len(coordinates):
        raise MrisynthError(
            f"clustering.clusters is {clusters}, expected 2 to {len(coordinates) - 1} for the method {settings.method}."
        )
    state = state_of(seed, "clusters")
    if settings.method == "kmeans":
        return KMeans(clusters, n_init=10, random_state=state).fit_predict(coordinates)
    return GaussianMixture(clusters, n_init=5, random_state=state).fit_predict(coordinates)


def check_clusters(found: np.ndarray, *, settings: ClusterSettings) -> None:
    """Refuse what no condition can be made of: fewer than two clusters, or noise that is not wanted.

    Raises:
        MrisynthError: says how many clusters, how much noise, and which key to change.
    """
    clusters, outside = len(set(found.tolist()) - {NOISE}), int((found == NOISE).sum())
    if clusters < 2:
        raise MrisynthError(
            f"The method {settings.method} found {clusters} cluster(s) in the map of {len(found)} scans "
            f"({outside} of them noise), two or more are needed for a condition: under `clustering` try "
            f"{_MENDING[settings.method][clusters]}, or the method kmeans with a number of `clusters`."
        )
    if outside and settings.noise == "refuse":
        raise MrisynthError(
            f"The method {settings.method} left {outside} of {len(found)} scans ({outside / len(found):.0%}) in none "
            f"of its {clusters} clusters, and clustering.noise is refuse: try {_MENDING[settings.method][0]} or the "
            "method kmeans, or let them join the `nearest` cluster or form an `own_class`."
        )


def settle(
    found: np.ndarray, coordinates: np.ndarray, *, noise: str, counted: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """Number the clusters by size (ties: the earliest row first) and give the noise its place.

    Args:
        found: int [n] of :func:`find_clusters`.
        coordinates: [n, 2], the map.
        noise: ``nearest``: noise joins the cluster of its nearest neighbour in one (none: it stays noise);
            otherwise it is the last class.
        counted: bool [n], rows whose number makes a cluster large; all when missing.

    Returns:
        labels, int [n] from 0, and the name of each label.
    """
    counted = np.ones(len(found), dtype=bool) if counted is None else counted
    present = [int(label) for label in np.unique(found) if label != NOISE]
    order = sorted(
        present, key=lambda label: (-int(((found == label) & counted).sum()), int(np.argmax(found == label)))
    )
    number = {label: position for position, label in enumerate(order)} | {NOISE: len(order)}
    labels = np.array([number[int(label)] for label in found])
    names, outside = [f"cluster_{position}" for position in range(len(order))], found == NOISE
    if not outside.any():
        return labels, names
    if noise == "nearest" and order:
        nearest = NearestNeighbors(n_neighbors=1).fit(coordinates[~outside])
        labels[outside] = labels[~outside][nearest.kneighbors(coordinates[outside], return_distance=False)[:, 0]]
        return labels, names
    return labels, [*names, NOISE_NAME]
