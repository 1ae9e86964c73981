"""Clusters of the real scans in a UMAP of their features, the condition of the cluster feedback."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import umap
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mrisynth.errors import MrisynthError
from mrisynth.metrics.features import check_features
from mrisynth.seeds import derive_seed

Method = Literal["dbscan", "hdbscan", "kmeans", "gaussian_mixture"]
NOISE = -1
NOISE_NAME = "noise"

_MENDING = {  # what to change when the method finds (none, a single) cluster
    "dbscan": ("a larger `epsilon` or a smaller `min_samples`", "a smaller `epsilon` or fewer `neighbours`"),
    "hdbscan": ("a smaller `min_samples`", "a smaller `min_samples` or fewer `neighbours`"),
    "kmeans": ("more `clusters`", "more `clusters`"),
    "gaussian_mixture": ("more `clusters`", "more `clusters`"),
}


@dataclass(frozen=True)
class Clustering:
    """A UMAP of the training scans and their clusters.

    Attributes:
        coordinates: float64 [n, 2], the training scans in the map.
        labels: int [n]; 0 is the largest cluster; with ``noise="own_class"`` the last number is the noise.
        names: name of each label.
        noise: bool [n], scans that the method left out of every cluster.
        messages: what was changed to make it work, in sentences.
    """

    coordinates: np.ndarray
    labels: np.ndarray
    names: list[str]
    noise: np.ndarray
    messages: list[str]
    _preparation: Pipeline
    _reducer: umap.UMAP

    def project(self, features: np.ndarray) -> np.ndarray:
        """Return the place of other features [m, d] in the map, float64 [m, 2]; nothing is fitted again."""
        check_features(features, "projected", rows=1)
        with _quiet():
            return np.asarray(self._reducer.transform(self._preparation.transform(features)), dtype=np.float64)

    def assign(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the label of the training scan nearest in the map to each row of ``coordinates`` [m, 2]."""
        nearest = NearestNeighbors(n_neighbors=1).fit(self.coordinates)
        return self.labels[nearest.kneighbors(coordinates, return_distance=False)[:, 0]]


def fit_clusters(
    train_features: np.ndarray,
    *,
    seed: int,
    neighbours: int = 20,
    min_distance: float = 0.0,
    standardise: bool = False,
    components: int | None = None,
    method: Method = "dbscan",
    clusters: int | None = None,
    epsilon: float = 0.5,
    min_samples: int = 5,
    noise: Literal["nearest", "own_class"] = "nearest",
) -> Clustering:
    """Fit a two-dimensional UMAP and clusters of it to the features of the training scans.

    The published feedback uses UMAP with 20 neighbours and distance 0 and scikit-learn's DBSCAN with its defaults,
    which are the defaults here. One seed gives one result on one machine. McInnes et al. 2018 (arXiv 1802.03426).

    Args:
        train_features: [n, d], finite.
        seed: the study's seed.
        neighbours: UMAP's ``n_neighbors``; at most n - 1, more is cut down with a message.
        min_distance: UMAP's ``min_dist``.
        standardise: divide each feature by its spread first (features without spread are left alone).
        components: reduce to so many principal components before UMAP; none when missing.
        method: how clusters are found in the map.
        clusters: how many, for ``kmeans`` and ``gaussian_mixture``.
        epsilon: reach of ``dbscan``, in units of the map.
        min_samples: smallest neighbourhood of ``dbscan`` and smallest cluster of ``hdbscan``.
        noise: scans in no cluster join the cluster of their ``nearest`` neighbour, or form an ``own_class``.

    Raises:
        MrisynthError: too few scans, a key missing, or fewer than two clusters found.
    """
    check_features(train_features, "training", rows=4)
    count, messages = len(train_features), []
    if neighbours > count - 1:
        messages.append(f"UMAP uses {count - 1} neighbours instead of {neighbours}: there are {count} training scans.")
        neighbours = count - 1
    preparation = _preparation(standardise=standardise, components=components, count=count, seed=seed)
    reducer = umap.UMAP(
        n_neighbors=neighbours, min_dist=min_distance, n_components=2, n_jobs=1, random_state=_state(seed, "umap"),
        transform_seed=_state(seed, "umap transform"), init="spectral" if count > 10 else "random",
    )  # fmt: skip
    with _quiet():
        prepared = preparation.fit_transform(train_features)
        coordinates = np.asarray(reducer.fit_transform(prepared), dtype=np.float64)
    found = _find(coordinates, method=method, clusters=clusters, epsilon=epsilon, min_samples=min_samples, seed=seed)
    labels, names = _settle(found, coordinates, method=method, noise=noise)
    return Clustering(coordinates, labels, names, found == NOISE, messages, preparation, reducer)


def cluster_table(
    clustering: Clustering,
    *,
    train_scans: Sequence[str],
    others: Mapping[str, str],
    other_features: np.ndarray,
) -> pd.DataFrame:
    """Return one row per real scan: scan, split, cluster, cluster_name, umap_x, umap_y, noise.

    Args:
        clustering: fitted to the scans ``train_scans``, in that order.
        train_scans: names of the training scans.
        others: validation and test scans -> their split; they are put into the map and join their nearest cluster.
        other_features: [m, d] of the others, in their order.
    """
    if len(train_scans) != len(clustering.labels) or len(others) != len(other_features):
        raise MrisynthError(
            f"{len(train_scans)} training scans for {len(clustering.labels)} clustered rows, {len(others)} other "
            f"scans for {len(other_features)} rows of features: the numbers must agree."
        )
    places, labels = clustering.coordinates, clustering.labels
    if len(others):
        other_places = clustering.project(other_features)
        places, labels = np.vstack([places, other_places]), np.append(labels, clustering.assign(other_places))
    table = pd.DataFrame({"scan": [*train_scans, *others], "split": ["train"] * len(train_scans) + [*others.values()]})
    table["cluster"] = labels
    table["cluster_name"] = [clustering.names[label] for label in labels]
    table[["umap_x", "umap_y"]] = places
    table["noise"] = np.append(clustering.noise, np.zeros(len(others), dtype=bool))
    return table


def projections_table(clustering: Clustering, sources: Mapping[str, tuple[Sequence[str], np.ndarray]]) -> pd.DataFrame:
    """Return one row per synthetic volume: source, id, umap_x, umap_y; ``sources`` maps a name to (ids, features)."""
    parts = []
    for source, (ids, features) in sources.items():
        places = clustering.project(features)
        parts.append(pd.DataFrame({"source": source, "id": list(ids), "umap_x": places[:, 0], "umap_y": places[:, 1]}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["source", "id", "umap_x", "umap_y"])


def cluster_overlap(clusters: pd.DataFrame, scans: pd.DataFrame, *, columns: Sequence[str]) -> pd.DataFrame:
    """Return how far the clusters repeat a known column: column, n, nmi, ami.

    Both are 1 when cluster and column say the same; ``ami`` (adjusted mutual information) is about 0 for unrelated
    ones, ``nmi`` (normalised) is above 0 for few scans. A cluster that repeats the site is a scanner, not anatomy.

    Args:
        clusters: of :func:`cluster_table`.
        scans: has the columns ``scan`` and ``columns``.
        columns: such as site, sex, age_tercile; one that the cohort does not have gives a row with n = 0.
    """
    rows: list[dict[str, Any]] = []
    for column in columns:
        known = pd.DataFrame({"scan": scans["scan"], "known": scans[column]}) if column in scans else pd.DataFrame()
        both = clusters.merge(known.dropna(), on="scan") if len(known) else pd.DataFrame(columns=["cluster", "known"])
        known_labels, labels = both["known"].astype(str).tolist(), both["cluster"].astype(str).tolist()
        useful = len(set(known_labels)) > 1
        nmi = normalized_mutual_info_score(known_labels, labels) if useful else np.nan
        ami = adjusted_mutual_info_score(known_labels, labels) if useful else np.nan
        rows.append({"column": column, "n": len(both), "nmi": nmi, "ami": ami})
    return pd.DataFrame(rows)


def _preparation(*, standardise: bool, components: int | None, count: int, seed: int) -> Pipeline:
    steps: list[Any] = [StandardScaler() if standardise else FunctionTransformer()]
    if components is not None:
        steps.append(PCA(min(components, count - 1), random_state=_state(seed, "pca"), svd_solver="full"))
    return make_pipeline(*steps)


def _find(
    coordinates: np.ndarray, *, method: Method, clusters: int | None, epsilon: float, min_samples: int, seed: int
) -> np.ndarray:
    if method == "dbscan":
        return DBSCAN(eps=epsilon, min_samples=min_samples).fit_predict(coordinates)
    if method == "hdbscan":
        return HDBSCAN(min_cluster_size=max(min_samples, 2), copy=True).fit_predict(coordinates)
    if method not in _MENDING:
        raise MrisynthError(f"clustering.method is {method!r}, expected one of: {', '.join(_MENDING)}.")
    if clusters is None or not 2 <= clusters < len(coordinates):
        raise MrisynthError(
            f"clustering.clusters is {clusters}, expected 2 to {len(coordinates) - 1} for the method {method}."
        )
    state = _state(seed, "clusters")
    if method == "kmeans":
        return KMeans(clusters, n_init=10, random_state=state).fit_predict(coordinates)
    return GaussianMixture(clusters, n_init=5, random_state=state).fit_predict(coordinates)


def _settle(found: np.ndarray, coordinates: np.ndarray, *, method: str, noise: str) -> tuple[np.ndarray, list[str]]:
    """Renumber clusters by size (ties: the earliest scan first) and give the noise its place."""
    sizes = {int(label): int((found == label).sum()) for label in np.unique(found) if label != NOISE}
    outside = found == NOISE
    if len(sizes) < 2:
        raise MrisynthError(
            f"The method {method} found {len(sizes)} cluster(s) in the map of {len(found)} training scans "
            f"({int(outside.sum())} of them noise), two or more are needed for a condition: under `clustering` try "
            f"{_MENDING[method][len(sizes)]}, or the method kmeans with a number of `clusters`."
        )
    order = sorted(sizes, key=lambda label: (-sizes[label], int(np.argmax(found == label))))
    number = {label: position for position, label in enumerate(order)} | {NOISE: len(order)}
    labels = np.array([number[int(label)] for label in found])
    names = [f"cluster_{position}" for position in range(len(order))]
    if noise == "own_class":
        return labels, names + ([NOISE_NAME] if outside.any() else [])
    if outside.any():
        nearest = NearestNeighbors(n_neighbors=1).fit(coordinates[~outside])
        labels[outside] = labels[~outside][nearest.kneighbors(coordinates[outside], return_distance=False)[:, 0]]
    return labels, names


def _state(seed: int, purpose: str) -> int:
    return derive_seed(seed, "clusters", purpose) % 2**31


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep out UMAP's reminders that a seed means one thread and that its scikit-learn calls are old."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*n_jobs value.*")
        warnings.filterwarnings("ignore", message=".*force_all_finite.*", category=FutureWarning)
        yield
