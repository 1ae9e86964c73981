"""The pictures of a round of clusters: density, groups, other maps, and the page to point at."""

from __future__ import annotations

import base64
import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from mrisynth.clusters.comparison import agreement, coarse_voxels, comparison_table, tsne_map
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.errors import MrisynthError
from mrisynth.reporting.comparison_maps import comparison_figure
from mrisynth.reporting.density import SHARES, box_of, density_of
from mrisynth.reporting.interactive_map import write_interactive_map
from mrisynth.reporting.maps import group_names, sample_groups, umap_figure

EVIL = "</script><b>&amp;"


@pytest.fixture
def clusters() -> pd.DataFrame:
    places = np.random.default_rng(0).normal(size=(40, 2)) + np.repeat([0, 8], 20)[:, None]
    table = pd.DataFrame({"scan": [f"sub-{row}" for row in range(40)], "split": ["train", "test"] * 20})
    table["cluster"] = np.repeat([0, 1], 20)
    table["cluster_name"] = [f"cluster_{label}" for label in table["cluster"]]
    table["umap_x"], table["umap_y"] = places[:, 0], places[:, 1]
    return table.assign(noise=False, fitted=True, weight=1.0)


@pytest.fixture
def projections() -> pd.DataFrame:
    table = pd.DataFrame({"source": "model", "id": [f"sample-{row}" for row in range(9)]})
    table["condition"] = (["m", "f", EVIL] * 3)[:9]
    table["cluster"], table["cluster_name"] = 0, "cluster_0"
    table["umap_x"], table["umap_y"] = np.arange(9) / 3, 0.5
    return table.assign(fitted=False)


def test_the_regions_of_a_density_hold_their_shares():
    points = np.random.default_rng(1).normal(size=(4000, 2))
    density = density_of(points, box=(-6, 6, -6, 6))
    inside = [density.values[density.values >= level].sum() / density.values.sum() for level in density.levels]
    np.testing.assert_allclose(inside, SHARES, atol=0.01)
    area = (density.values >= density.levels[3]).sum() * (12 / 119) ** 2
    assert area == pytest.approx(np.pi * 2 * np.log(2), rel=0.1)  # of a normal cloud: half lies within sqrt(2 log 2)


def test_a_density_joins_no_groups_and_needs_points():
    near = np.random.default_rng(1).normal(size=(30, 2))
    points = np.concatenate([near, near + 40])
    density = density_of(points, box=box_of(points))
    middle = density.values[len(density.y) // 2, len(density.x) // 2]
    assert middle < 1e-6 * density.values.max()
    assert density_of(near[:4], box=box_of(near)) is None
    assert density_of(np.zeros((9, 2)), box=(-1, 1, -1, 1)) is None
    assert box_of(np.empty((0, 2)))[0] < box_of(np.empty((0, 2)))[1]


def test_samples_are_grouped_by_what_they_were_told(projections):
    assert sample_groups(projections)[0] == "condition"
    untold = projections.assign(condition=None)
    assert sample_groups(untold)[0] == "cluster" and set(sample_groups(untold)[1]) == {"cluster_0"}
    names = group_names(pd.Series(["cluster_10", "n/a"]), pd.Series(["cluster_9", "cluster_10"]))
    assert names == ["cluster_9", "cluster_10", "n/a"]


def test_the_figure_has_a_panel_for_every_group(clusters, projections, tmp_path):
    umap_figure(clusters, projections, tmp_path / "told.png", features="net", trained=True, told={"sub-0": "m"})
    alone = projections.assign(condition=None), clusters.assign(cluster_name="cluster_0")
    umap_figure(alone[1], alone[0], tmp_path / "one.png", features="net", trained=False, note="stable")
    told, one = (imread(tmp_path / f"{name}.png") for name in ("told", "one"))
    assert told.shape[0] > one.shape[0] + 300


def test_voxels_are_means_of_blocks():
    volume = np.zeros((64, 64, 64), dtype=np.uint8)
    volume[2:4, 0:2, 0:2] = 80
    volume[2, 0, 0] = 0
    rows = coarse_voxels(iter([volume, volume * 2]))
    assert rows.shape == (2, 32**3) and rows[0].reshape(32, 32, 32)[1, 0, 0] == 70
    assert np.count_nonzero(rows[0]) == 1 and rows[1].sum() == 140
    with pytest.raises(MrisynthError, match=r"shape \(48, 48, 48\), expected a cube with a multiple of 32"):
        coarse_voxels([np.zeros((48, 48, 48))])


def test_clusters_agree_with_themselves_and_not_with_a_shuffled_map(clusters, projections, tmp_path):
    places = np.concatenate([clusters[["umap_x", "umap_y"]], projections[["umap_x", "umap_y"]]])
    shuffled = np.random.default_rng(2).permutation(places)
    table = comparison_table(clusters, projections, {"same": places * 5, "other": shuffled})
    assert table.columns.tolist() == ["map", "source", "id", "split", "cluster", "cluster_name", "x", "y"]
    assert len(table) == 2 * 49 and table["id"].tolist()[40] == "sample-0"
    settings = ClusterSettings(method="dbscan", epsilon=2.0)
    like = clusters.loc[clusters["split"] == "train", ["umap_x", "umap_y"]].to_numpy()
    found = agreement(table, settings=settings, like=like, seed=1)
    assert found["same"] == 1 and abs(found["other"]) < 0.2
    comparison_figure(table, tmp_path / "maps.png", agreement=found, features="net", trained=True)
    assert imread(tmp_path / "maps.png").shape[0] > 900


def test_t_sne_keeps_groups_apart():
    generator = np.random.default_rng(3)
    features = generator.normal(size=(30, 8)) + 30 * np.repeat([0, 1], 15)[:, None]
    places = tsne_map(features, seed=1)
    middles = places[:15].mean(axis=0), places[15:].mean(axis=0)
    spread = max(places[:15].std(axis=0).max(), places[15:].std(axis=0).max())
    assert np.linalg.norm(middles[0] - middles[1]) > 3 * spread
    np.testing.assert_array_equal(tsne_map(features, seed=1), places)


@pytest.mark.fault(22)
def test_the_page_stands_alone_and_knows_every_scan(clusters, projections, tmp_path):
    scans = pd.DataFrame({"scan": clusters["scan"], "participant_id": "p", "sex": "f", "age": 40.25, "site": EVIL})
    scans.loc[0, ["sex", "age"]] = None
    stability = {"mean": 0.5, "low": 0.4, "resamplings": 50}
    facts = {"model": "model", "round": 1, "features": "random", "features_trained": False, "training_scans": 20}
    facts |= {"clusters": 2, "method": "kmeans", "stability": stability, "warnings": [f"look {EVIL}"]}
    write_interactive_map(
        tmp_path / "page.html", title=EVIL, clusters=clusters, projections=projections, facts=facts, scans=scans,
        coverage=pd.DataFrame({"cluster_name": ["cluster_0"], "weight": [1.234]}),
        overlap=pd.DataFrame({"column": ["site"], "ami": [np.nan]}), told={"sub-1": "m"},
    )  # fmt: skip
    page = (tmp_path / "page.html").read_text()
    assert EVIL not in page and "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "index of 0.50 (5th percentile 0.40)" in page and "UNTRAINED" in page
    assert "<td>1.23</td>" in page and "<td>n/a</td>" in page
    script = page.rsplit("<script>", 1)[1].split("</script>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    data = json.loads(page.split('id="data">', 1)[1].split("</script>", 1)[0])
    assert len(data["real"]) == 40 and len(data["samples"]) == 9 and len(data["density"]) == len(SHARES)
    assert data["real"][1]["facts"]["age"] == "40.2" and data["real"][1]["facts"]["condition"] == "m"
    assert not {"sex", "age"} & set(data["real"][0]["facts"])
    assert data["samples"][2]["facts"]["condition"] == EVIL and data["grouped_by"] == "condition"
    assert data["columns"] == ["cluster", "split"]
