"""Maps and clusters of features whose groups are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrisynth.clusters.clustering import fit_clusters
from mrisynth.clusters.maps import principal_plane
from mrisynth.clusters.methods import check_clusters, settle
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.errors import MrisynthError

SIZES = (14, 24, 18)
THREE = ClusterSettings(neighbours=8, method="kmeans", clusters=3)
NAMES = [f"scan{row}" for row in range(sum(SIZES))]


@pytest.fixture(scope="module")
def truth():
    return np.repeat([0, 1, 2], SIZES)


@pytest.fixture(scope="module")
def features(truth):
    generator = np.random.default_rng(0)
    return (generator.normal(size=(3, 10))[truth] * 20 + generator.normal(size=(len(truth), 10))).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(features):
    return fit_clusters(features, ids=NAMES, settings=THREE, seed=1)


def fit(features, **changes):
    return fit_clusters(features, ids=NAMES[: len(features)], settings=replace(THREE, **changes), seed=1)


def test_groups_are_found_and_numbered_by_size(fitted, truth):
    assert [set(fitted.labels[truth == group]) for group in (1, 2, 0)] == [{0}, {1}, {2}]
    assert fitted.names == ["cluster_0", "cluster_1", "cluster_2"]


@pytest.mark.parametrize(
    "changes", [{"method": "hdbscan"}, {"method": "gaussian_mixture"}, {"method": "dbscan", "epsilon": 2.0}]
)
def test_other_methods_find_the_same_groups(features, truth, changes):
    found = fit(features, **changes)
    for group in (0, 1, 2):
        labels, counts = np.unique(found.labels[truth == group], return_counts=True)
        assert counts.max() == counts.sum(), (group, labels, counts)


def test_repeat_is_bit_identical(fitted, features):
    again = fit(features)
    np.testing.assert_array_equal(again.map.coordinates, fitted.map.coordinates)
    np.testing.assert_array_equal(again.map.project(features[:4] + 0.1), fitted.map.project(features[:4] + 0.1))


def test_fitted_rows_stand_where_they_were_and_others_join_the_nearest(fitted, features):
    table = fitted.place(["other0", NAMES[7], "other1"], features[[0, 7, 20]] + 0.05)
    assert table.columns.tolist() == ["id", "cluster", "cluster_name", "umap_x", "umap_y", "noise", "fitted"]
    assert table["fitted"].tolist() == [False, True, False]
    assert table["cluster"].tolist() == fitted.labels[[0, 7, 20]].tolist()
    assert table.loc[1, ["umap_x", "umap_y"]].tolist() == fitted.map.coordinates[7].tolist()
    assert table["cluster_name"].tolist() == [f"cluster_{label}" for label in table["cluster"]]
    assert len(fitted.place([], np.empty((0, 10)))) == 0
    with pytest.raises(MrisynthError, match="2 names for 1 rows"):
        fitted.place(["a", "b"], features[:1])


PLACES = np.array([[0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [3, 0], [8, 5]], dtype=float)
FOUND = np.array([7, 7, 7, 2, 2, -1, -1])


@pytest.mark.parametrize(
    ("noise", "expected", "names"),
    [
        ("nearest", [0, 0, 0, 1, 1, 0, 1], ["cluster_0", "cluster_1"]),
        ("own_class", [0, 0, 0, 1, 1, 2, 2], ["cluster_0", "cluster_1", "noise"]),
    ],
)
def test_noise_joins_its_nearest_cluster_or_forms_its_own(noise, expected, names):
    """Two tight groups and two lone scans in a map that no UMAP made."""
    labels, label_names = settle(FOUND, PLACES, noise=noise)
    assert labels.tolist() == expected and label_names == names


def test_only_counted_rows_make_a_cluster_large():
    counted = np.array([True, False, False, True, True, False, False])
    assert settle(FOUND, PLACES, noise="nearest", counted=counted)[0].tolist() == [1, 1, 1, 0, 0, 1, 0]


def test_refused_noise_is_an_error_that_names_its_share():
    with pytest.raises(MrisynthError, match=r"dbscan left 2 of 7 scans \(29%\) in none of its 2 clusters"):
        check_clusters(FOUND, settings=ClusterSettings(noise="refuse"))
    check_clusters(FOUND, settings=ClusterSettings(noise="nearest"))
    check_clusters(FOUND[:5], settings=ClusterSettings(noise="refuse"))


def test_one_cluster_is_an_error_that_says_what_to_change(features):
    with pytest.raises(MrisynthError, match=r"dbscan found 1 cluster.*smaller `epsilon`"):
        fit(features, method="dbscan", epsilon=1000.0)
    with pytest.raises(MrisynthError, match=r"dbscan found 0 cluster.*56 of them noise.*larger `epsilon`"):
        fit(features, method="dbscan", epsilon=1e-6)
    with pytest.raises(MrisynthError, match=r"clustering.clusters is None"):
        fit(features, clusters=None)
    with pytest.raises(MrisynthError, match=r"clustering.method is 'spectral'"):
        fit(features, method="spectral")


def test_few_scans_cut_the_neighbours_down_and_say_so(features):
    found = fit(features[:8], neighbours=20, clusters=2, standardise=True, components=50)
    assert "7 neighbours instead of 20" in found.map.messages[0]
    assert set(found.labels) == {0, 1}


def test_more_components_than_features_are_all_of_them(features, fitted):
    assert fit(features, components=50).labels.tolist() == fitted.labels.tolist()


def test_the_principal_plane_is_as_wide_as_the_map(features, truth):
    like = np.random.default_rng(1).normal(size=(40, 2)) * 7
    plane = principal_plane(features, settings=THREE, like=like)
    assert plane.std() == pytest.approx(like.std())
    middles = np.stack([plane[truth == group].mean(axis=0) for group in (0, 1, 2)])
    nearest = np.argmin(((plane[:, None] - middles) ** 2).sum(axis=2), axis=1)
    assert (nearest == truth).all()
