"""Maps: features in two dimensions, by UMAP or, for comparison, by principal components."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import umap
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mrisynth.clusters.settings import ClusterSettings
from mrisynth.metrics.features import check_features
from mrisynth.seeds import derive_seed


@dataclass(frozen=True)
class FeatureMap:
    """A UMAP of some features, into which others can be put.

    Attributes:
        coordinates: float64 [n, 2], the rows that the map was fitted to; axes without unit.
        messages: what was changed to make it work, in sentences.
    """

    coordinates: np.ndarray
    messages: list[str]
    _preparation: Pipeline
    _reducer: umap.UMAP

    def project(self, features: np.ndarray) -> np.ndarray:
        """Return the place of other features [m, d] in the map, float64 [m, 2]; nothing is fitted again."""
        if not len(features):
            return np.empty((0, 2))
        check_features(features, "projected", rows=1)
        with _quiet():
            return np.asarray(self._reducer.transform(self._preparation.transform(features)), dtype=np.float64)


def fit_map(features: np.ndarray, *, settings: ClusterSettings, seed: int) -> FeatureMap:
    """Fit a two-dimensional UMAP; one seed gives one result on one machine. McInnes et al. 2018 (arXiv 1802.03426).

    Args:
        features: [n, d], finite, 4 rows or more.
        settings: ``neighbours`` (at most n - 1: more is cut down with a message), ``min_distance``, ``standardise`` and
            ``components`` (as many as there can be).
        seed: the study's seed.

    Raises:
        MrisynthError: too few rows, or some that are not finite.
    """
    check_features(features, "training", rows=4)
    count, neighbours, messages = len(features), settings.neighbours, []
    if neighbours > count - 1:
        messages.append(f"UMAP uses {count - 1} neighbours instead of {neighbours}: the map is fitted to {count} rows.")
        neighbours = count - 1
    preparation = _preparation(settings, shape=features.shape, seed=seed)
    reducer = umap.UMAP(
        n_neighbors=neighbours, min_dist=settings.min_distance, n_components=2, n_jobs=1,
        random_state=state_of(seed, "umap"), transform_seed=state_of(seed, "umap transform"),
        init="spectral" if count > 10 else "random",
    )  # fmt: skip
    with _quiet():
        coordinates = np.asarray(reducer.fit_transform(preparation.fit_transform(features)), dtype=np.float64)
    return FeatureMap(coordinates, messages, preparation, reducer)


def principal_plane(features: np.ndarray, *, settings: ClusterSettings, like: np.ndarray) -> np.ndarray:
    """Return the two first principal components of features [n, d], as wide as another map, float64 [n, 2].

    It has no random part and takes milliseconds: what it shows, too, is no invention of UMAP.

    Args:
        like: coordinates whose spread the plane gets, so that distances given in units of the map keep their meaning.
    """
    prepared = _preparation(settings, shape=features.shape, seed=0).fit_transform(features)
    plane = PCA(2, svd_solver="full").fit_transform(prepared).astype(np.float64)
    return plane * (like.std() / max(float(plane.std()), 1e-12))


def state_of(seed: int, purpose: str) -> int:
    """Return the 31-bit random state of one purpose."""
    return derive_seed(seed, "clusters", purpose) % 2**31


def _preparation(settings: ClusterSettings, *, shape: tuple[int, int], seed: int) -> Pipeline:
    steps: list[Any] = [StandardScaler() if settings.standardise else FunctionTransformer()]
    if settings.components is not None:
        components = min(settings.components, shape[0] - 1, shape[1])
        steps.append(PCA(components, random_state=state_of(seed, "pca"), svd_solver="full"))
    return make_pipeline(*steps)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep out UMAP's reminders that a seed means one thread and that its scikit-learn calls are old."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*n_jobs value.*")
        warnings.filterwarnings("ignore", message=".*force_all_finite.*", category=FutureWarning)
        yield
