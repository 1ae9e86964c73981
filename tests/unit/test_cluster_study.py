"""The feedback: what a round of clusters takes from the model before it, and when it must not be used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mrisynth.clusters.overlap import cluster_overlap
from mrisynth.clusters.rounds import coverage, equal_numbers
from mrisynth.clusters.settings import ClusterSettings
from mrisynth.clusters.stability import draw_participants, measure_stability
from mrisynth.clusters.study import cluster_round
from mrisynth.clusters.verdict import judge, stability_facts
from mrisynth.conditions import build_condition, read_condition, write_condition
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError

META = {"features": "planted", "trained": True}
BLOCK = {"neighbours": 8, "method": "kmeans", "clusters": 3, "weight_limit": 4.0, "site_limit": 0.3}


def around(centre: float, count: int, seed: int, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32) + np.float32(centre)


@pytest.fixture(scope="module")
def real() -> Embeddings:
    """Three groups of 20 scans; scans 0, 5, 10 ... are test scans."""
    features = np.concatenate([around(centre, 20, seed) for seed, centre in enumerate((0, 10, 20))])
    return Embeddings(features, [f"sub-{row:02d}" for row in range(60)], META)


@pytest.fixture(scope="module")
def scans(real) -> pd.DataFrame:
    table = pd.DataFrame({"scan": real.ids, "participant_id": real.ids})
    table["split"] = ["test" if row % 5 == 0 else "train" for row in range(60)]
    table["site"] = ["a"] * 20 + ["b"] * 40
    table["sex"] = ["m", "f"] * 30
    return table


def drawn(*counts: int) -> Embeddings:
    """Samples of a model: so many of each group."""
    features = np.concatenate([around(10 * group, count, 9 + group) for group, count in enumerate(counts)])
    return Embeddings(features, [f"sample-{row}" for row in range(len(features))], META)


def run(real, samples, scans, round_=1, resamplings=0, **changes):
    return cluster_round(
        real, samples, model="hagan", told=pd.Series(["n/a"] * len(samples.ids)), scans=scans, round_=round_,
        block=BLOCK | changes, resamplings=resamplings, seed=3,
    )  # fmt: skip


def condition_file(made, scans, folder) -> bytes:
    condition = build_condition("umap", scans, kind="clusters", clusters=made.clusters)
    write_condition(replace(condition, origin={"round": 1}, warnings=["look"]), folder / "umap.1.tsv")
    return (folder / "umap.1.tsv").read_bytes()


def test_round_one_is_the_same_whatever_the_model_draws(real, scans, tmp_path):
    first, second = run(real, drawn(30, 10, 5), scans), run(real, drawn(0, 20, 30), scans)
    assert condition_file(first, scans, tmp_path) == condition_file(second, scans, tmp_path)
    assert (first.clusters["weight"] == 1).all()
    assert first.clusters["fitted"].tolist() == (scans["split"] == "train").tolist()
    assert not first.projections["fitted"].any()
    assert first.projections.columns.tolist()[:3] == ["source", "id", "condition"]
    assert first.clusters.groupby(np.repeat([0, 1, 2], 20))["cluster"].nunique().tolist() == [1, 1, 1]


def test_a_later_round_changes_with_the_model(real, scans, tmp_path):
    """The model draws a third of what it should of the last group; training shows that more often."""
    made = run(real, drawn(20, 20, 5), scans, round_=2)
    cluster = made.clusters.iloc[-1]["cluster"]
    weights = made.coverage.set_index("cluster")["weight"]
    assert weights[cluster] > 2 * weights.drop(cluster).max()
    train = made.clusters[made.clusters["split"] == "train"]
    assert train["weight"].mean() == pytest.approx(1)
    assert made.projections["fitted"].all() and made.clusters["fitted"].sum() == 45
    before = condition_file(made, scans, tmp_path)
    assert condition_file(run(real, drawn(5, 20, 20), scans, round_=2), scans, tmp_path) != before


def test_a_joint_map_that_tells_samples_from_scans_says_so(real, scans):
    good = run(real, drawn(20, 20, 5), scans, round_=2, site_limit=1.0)
    bad = run(real, drawn(0, 0, 0, 20), scans, round_=2, site_limit=1.0, clusters=4)
    assert good.facts["shared_with_samples"] > 0.7 and good.facts["warnings"] == []
    assert bad.facts["shared_with_samples"] == 0 and bad.facts["clusters_with_scans"] == 3
    assert "have 0% of these clusters in common" in bad.facts["warnings"][0]
    assert (bad.clusters["weight"] == 1).all()  # it draws none of them: nothing to tell them apart by


def test_the_condition_on_file_carries_weights_origin_and_warnings(real, scans, tmp_path):
    made = run(real, drawn(20, 20, 5), scans, round_=2)
    condition_file(made, scans, tmp_path)
    condition = read_condition(tmp_path / "umap.1.tsv")
    expected = made.clusters.set_index("scan")["weight"]
    np.testing.assert_allclose(condition.weights(["sub-59", "sub-01"]), expected[["sub-59", "sub-01"]])
    assert condition.origin == {"round": 1} and condition.warnings == ["look"]
    condition_file(run(real, drawn(9, 9, 9), scans), scans, tmp_path)
    assert read_condition(tmp_path / "umap.1.tsv").weights(real.ids) is None


def test_planted_sites_are_called_scanners_and_anatomy_is_not(real, scans):
    """The second cohort has the same people, and a scanner that shifts every feature by more than they differ."""
    site = np.array([0, 1] * 30)
    shifted = Embeddings(around(0, 60, 5) + 8 * site[:, None].astype(np.float32), real.ids, META)
    two = run(shifted, drawn(9), scans.assign(site=np.where(site, "b", "a"), sex="f"), clusters=2)
    (sentence,) = two.facts["warnings"]
    assert "mostly the site: their adjusted mutual information is 1.00, above clustering.site_limit (0.3)" in sentence
    assert two.overlap.set_index("column").loc["site", "ami"] == pytest.approx(1)
    assert run(shifted, drawn(9), scans.assign(site="a"), clusters=2).facts["warnings"] == []
    unrelated = scans.assign(site=list("aabb") * 15)
    assert run(shifted, drawn(9), unrelated, clusters=2).facts["warnings"] == []


def test_overlap_of_hand_made_clusters():
    clusters = pd.DataFrame({"scan": list("abcdefgh"), "cluster": [0, 0, 0, 0, 1, 1, 1, 1]})
    known = pd.DataFrame({"scan": list("abcdefgh"), "site": list("xxxxyyyy"), "sex": [*list("mfmfmfm"), None]})
    overlap = cluster_overlap(clusters, known.assign(age_tercile="low"), site_limit=0.5).set_index("column")
    assert overlap.index.tolist() == ["site", "sex", "age_tercile", "diagnosis"]
    assert overlap.loc["site", ["nmi", "ami"]].tolist() == pytest.approx([1, 1])
    assert abs(overlap.loc["sex", "ami"]) < 0.2 and overlap.loc["sex", "n"] == 7
    assert overlap.loc["age_tercile", "warning"].startswith("The age_tercile has a single value")
    assert (
        overlap.loc["diagnosis", "warning"].startswith("The diagnosis is not known")
        and overlap.loc["diagnosis", "n"] == 0
    )


def test_coverage_by_hand():
    """Clusters of 6, 3 and 1 training scans; drawn 12, 3 and 0 times of 15: raw weights 0.75, 1.5 and the limit."""
    names = [f"cluster_{label}" for label in range(3)]
    scan_labels = [0] * 6 + [1] * 3 + [2] * 2
    clusters = pd.DataFrame({"cluster": scan_labels, "split": ["train"] * 10 + ["test"]})
    samples = pd.DataFrame({"cluster": [0] * 12 + [1] * 3})
    for table in (clusters, samples):
        table["cluster_name"] = [names[label] for label in table["cluster"]]
    found = coverage(clusters, samples, limit=2.0)
    mean = 0.75 * 0.6 + 1.5 * 0.3 + 2 * 0.1
    assert found["scans"].tolist() == [6, 3, 1] and found["samples"].tolist() == [12, 3, 0]
    np.testing.assert_allclose(found["weight"], np.array([0.75, 1.5, 2]) / mean)
    assert coverage(clusters, samples, limit=None)["weight"].tolist() == [1, 1, 1]
    invented = pd.concat([samples, pd.DataFrame({"cluster": [3], "cluster_name": ["cluster_3"]})])
    assert np.isnan(coverage(clusters, invented, limit=2.0)["weight"].iloc[3])


def test_a_joint_map_takes_as_many_scans_as_samples():
    scans, samples = equal_numbers(list("abcdefgh"), [str(n) for n in range(5)], seed=1)
    assert len(scans) == 5 and scans == sorted(scans) and samples == list("01234")
    assert equal_numbers(list("abcdefgh"), list("01234"), seed=2)[0] != scans
    with pytest.raises(MrisynthError, match=r"found 8 and 3; draw more samples \(sampling.count\)"):
        equal_numbers(list("abcdefgh"), list("012"), seed=1)


def test_all_scans_of_a_participant_are_drawn_or_none():
    participants = np.repeat([f"p{n}" for n in range(10)], 3)
    rows = draw_participants(participants, seed=4)
    assert len(set(participants[rows])) == 8 and len(rows) == 24
    assert draw_participants(participants, seed=5).tolist() != rows.tolist()


def test_groups_are_stable_and_a_cloud_cut_in_five_is_not(real):
    settings = ClusterSettings(neighbours=8, method="kmeans", clusters=3)
    labels = np.repeat([0, 1, 2], 20)
    cloud = around(0, 60, 1)
    common = {"places": cloud[:, :2], "participants": real.ids, "seed": 1, "resamplings": 4}
    groups = measure_stability(real.features, labels=labels, settings=settings, **common)
    assert (groups["ari"] == 1).all() and (groups["scans"] == 48).all() and groups["clusters"].tolist() == [3] * 4
    five = replace(settings, clusters=5)
    random = measure_stability(cloud, labels=np.arange(60) % 5, settings=five, **common)
    assert random["ari"].abs().max() < 0.2
    one = measure_stability(
        real.features, labels=labels, settings=replace(settings, method="dbscan", epsilon=1e3), **common
    )
    assert (one["ari"] == 0).all() and stability_facts(one)["without_clusters"] == 4
    assert measure_stability(real.features[:9], labels=labels[:9], settings=five, **common).empty


def facts_with(mean: float | None, **changes):
    stability = {"mean": mean, "low": mean, "resamplings": 50}
    known = {"round": 2, "model": "hagan", "clusters": 3, "clusters_with_scans": 3, "warnings": ["sites"]}
    return known | {"stability": stability} | changes


def test_unstable_clusters_are_refused_unless_overridden():
    assert judge(facts_with(0.7), least=0.7, override=False, where="page") == ["sites"]
    with pytest.raises(
        MrisynthError, match=r"round 2 \(after hagan\) are not stable: .*0\.69.*least is 0\.7\. Look at page"
    ):
        judge(facts_with(0.69), least=0.7, override=False, where="page")
    first, second = judge(facts_with(0.69), least=0.7, override=True, where="page")
    assert "made of them all the same (clustering.stability.override)" in first and second == "sites"
    with pytest.raises(MrisynthError, match="cannot be judged: there are too few training scans"):
        judge(facts_with(None), least=-1, override=False, where="page")
    with pytest.raises(MrisynthError, match="draws no brain like the real ones"):
        judge(facts_with(1.0, clusters_with_scans=1), least=0.7, override=True, where="page")
