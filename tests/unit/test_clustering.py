"""UMAP and clusters of features whose groups are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.clustering import _settle, cluster_overlap, cluster_table, fit_clusters, projections_table
from mrisynth.errors import MrisynthError

SIZES = (14, 24, 18)


@pytest.fixture(scope="module")
def truth():
    return np.repeat([0, 1, 2], SIZES)


@pytest.fixture(scope="module")
def features(truth):
    generator = np.random.default_rng(0)
    return (generator.normal(size=(3, 10))[truth] * 20 + generator.normal(size=(len(truth), 10))).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(features):
    return fit_clusters(features, seed=1, neighbours=8, method="kmeans", clusters=3)


def test_groups_are_found_and_numbered_by_size(fitted, truth):
    assert [set(fitted.labels[truth == group]) for group in (1, 2, 0)] == [{0}, {1}, {2}]
    assert fitted.names == ["cluster_0", "cluster_1", "cluster_2"]


@pytest.mark.parametrize(
    "keys", [{"method": "hdbscan"}, {"method": "gaussian_mixture", "clusters": 3}, {"epsilon": 2.0}]
)
def test_other_methods_find_the_same_groups(features, truth, keys):
    found = fit_clusters(features, seed=1, neighbours=8, **keys)
    for group in (0, 1, 2):
        labels, counts = np.unique(found.labels[truth == group], return_counts=True)
        assert counts.max() == counts.sum(), (group, labels, counts)


def test_repeat_is_bit_identical(fitted, features):
    again = fit_clusters(features, seed=1, neighbours=8, method="kmeans", clusters=3)
    np.testing.assert_array_equal(again.coordinates, fitted.coordinates)
    np.testing.assert_array_equal(again.project(features[:4] + 0.1), fitted.project(features[:4] + 0.1))


def test_other_scans_join_the_nearest_cluster(fitted, features, truth):
    others = {f"other{row}": "test" for row in range(0, len(truth), 7)}
    table = cluster_table(
        fitted,
        train_scans=[f"scan{row}" for row in range(len(truth))],
        others=others,
        other_features=features[::7] + 0.05,
    )
    assert list(table.columns) == ["scan", "split", "cluster", "cluster_name", "umap_x", "umap_y", "noise"]
    added = table[table.split == "test"]
    assert added.cluster.tolist() == fitted.labels[::7].tolist()
    assert added.cluster_name.tolist() == [f"cluster_{label}" for label in added.cluster]


def test_projections_are_apart_from_the_clusters(fitted, features):
    table = projections_table(fitted, {"wgp_hagan": (["sample0", "sample1"], features[:2])})
    assert table.columns.tolist() == ["source", "id", "umap_x", "umap_y"]
    assert len(table) == 2 and len(projections_table(fitted, {})) == 0


@pytest.mark.parametrize(
    ("noise", "expected", "names"),
    [
        ("nearest", [0, 0, 0, 1, 1, 0, 1], ["cluster_0", "cluster_1"]),
        ("own_class", [0, 0, 0, 1, 1, 2, 2], ["cluster_0", "cluster_1", "noise"]),
    ],
)
def test_noise_joins_its_nearest_cluster_or_forms_its_own(noise, expected, names):
    """Two tight groups and two lone scans in a map that no UMAP made."""
    places = np.array([[0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [3, 0], [8, 5]], dtype=float)
    found = np.array([7, 7, 7, 2, 2, -1, -1])
    labels, label_names = _settle(found, places, method="dbscan", noise=noise)
    assert labels.tolist() == expected and label_names == names


def test_one_cluster_is_an_error_that_says_what_to_change(features):
    with pytest.raises(MrisynthError, match=r"dbscan found 1 cluster.*smaller `epsilon`"):
        fit_clusters(features, seed=1, neighbours=8, epsilon=1000.0)
    with pytest.raises(MrisynthError, match=r"dbscan found 0 cluster.*56 of them noise.*larger `epsilon`"):
        fit_clusters(features, seed=1, neighbours=8, epsilon=1e-6)
    with pytest.raises(MrisynthError, match=r"clustering.clusters is None"):
        fit_clusters(features, seed=1, neighbours=8, method="kmeans")


def test_few_scans_cut_the_neighbours_down_and_say_so(features):
    found = fit_clusters(features[:8], seed=1, method="kmeans", clusters=2, standardise=True, components=50)
    assert "7 neighbours instead of 20" in found.messages[0]
    assert set(found.labels) == {0, 1}


def test_overlap_with_known_columns(fitted, truth):
    scans = [f"scan{row}" for row in range(len(truth))]
    table = cluster_table(fitted, train_scans=scans, others={}, other_features=np.empty((0, 10)))
    known = pd.DataFrame(
        {"scan": scans, "site": np.array(["a", "b", "c"])[truth], "sex": ["m", "f"] * (len(scans) // 2)}
    )
    known.loc[0, "sex"] = None
    overlap = cluster_overlap(table, known, columns=["site", "sex", "diagnosis"]).set_index("column")
    assert overlap.loc["site", "ami"] == pytest.approx(1.0)
    assert abs(overlap.loc["sex", "ami"]) < 0.1 and overlap.loc["sex", "n"] == len(scans) - 1
    assert overlap.loc["diagnosis", "n"] == 0
