"""The scores of a source: equal numbers, floors, intervals, order of quality, and what happens with too few scans."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.scoring import Reals, Source, score_sources
from mrisynth.metrics.study_scores import score_controls, score_model
from mrisynth.metrics.summary import collect
from mrisynth.score_files import load_replicates, read_scores, save_replicates

META = {"features": "random", "weights_sha256": "untrained-random-seed-0", "trained": False, "view": 32}


def embeddings(count, *, shift=0.0, name="s", seed=0, **meta):
    features = np.random.default_rng(seed).normal(shift, 1.0, size=(count, 6)).astype(np.float32)
    return Embeddings(features, [f"{name}{row}" for row in range(count)], META | meta)


@pytest.fixture
def splits():
    return {f"scan{row}": "test" if row < 10 else "validation" if row < 14 else "train" for row in range(40)}


@pytest.fixture
def real(splits):
    return Reals(embeddings(40, name="scan", seed=1), splits, {scan: scan for scan in splits})


@pytest.fixture
def sources():
    return [
        Source("wgp_hagan", "model", embeddings(20, shift=0.1, seed=2)),
        Source("wgp_hagan", "untrained", embeddings(20, shift=3.0, seed=3)),
        Source("noise", "control", embeddings(25, shift=9.0, seed=4)),
    ]


def scored(name, real, sources, **keys):
    return score_sources(name, real=real, sources=sources, view="32", seed=5, **({"replicates": 40} | keys))


def test_equal_numbers_floor_interval_and_order(real, sources):
    table = scored("fid", real, sources).table
    assert table.groupby("reference").n.unique().map(list).to_dict() == {"test": [10], "train": [13]}
    for _, part in table.groupby("reference"):
        model, untrained, noise = part.value
        assert model < untrained < noise
        assert part.floor.nunique() == 1
        assert (part.floor_low <= part.floor).all() and (part.floor <= part.floor_high).all()
        assert (part.low <= part.value).all() and (part.value <= part.high).all() and (part.low >= 0).all()
        assert part.low.iloc[2] > part.high.iloc[0]
    assert not table.features_trained.any()
    assert table.warning.str.contains("untrained").all()


def test_value_is_the_mean_over_draws_of_test_scans_against_samples(real):
    """With as many samples as test scans nothing is drawn, and the value is the plain distance."""
    samples = embeddings(10, shift=0.5, seed=9)
    table = scored("fid", real, [Source("hagan", "model", samples)]).table
    plain = frechet_distance(real.embeddings.features[:10], samples.features)
    assert table.value[0] == pytest.approx(plain, rel=1e-6)


def test_real_scans_from_the_same_distribution_score_like_the_floor(real):
    row = scored("fid", real, [Source("copy", "model", embeddings(400, seed=11))]).table.iloc[0]
    assert row.floor_low * 0.5 < row.value < row.floor_high * 2


def test_kernel_distance_does_not_depend_on_the_scale_of_a_feature(real, sources):
    def stretched(found):
        return Embeddings(found.features * np.array([1, 1, 1, 1, 1, 1000], np.float32), found.ids, found.meta)

    plain = scored("kid", real, sources).table
    other = scored(
        "kid",
        Reals(stretched(real.embeddings), real.splits, real.participants),
        [Source(source.name, source.kind, stretched(source.embeddings)) for source in sources],
    ).table
    np.testing.assert_allclose(plain.value, other.value, rtol=1e-4)
    assert plain.value[0] < plain.value[1] < plain.value[2]


def test_other_sources_and_validation_scans_change_nothing(real, sources):
    together = scored("fid", real, sources).table
    alone = scored("fid", real, sources[:1]).table
    pd.testing.assert_frame_equal(alone, together[together.source == "model"].reset_index(drop=True))
    changed = real.embeddings.features.copy()
    changed[10:14] = 1e6
    moved = Reals(Embeddings(changed, real.embeddings.ids, META), real.splits, real.participants)
    assert scored("fid", moved, sources).table.equals(together)


def test_repeat_is_equal_and_excluded_scans_are_passed_over(real, sources):
    more = Reals(real.embeddings, real.splits | {"excluded": "test"}, real.participants)
    assert scored("fid", more, sources).table.equals(scored("fid", real, sources).table)


def test_precision_and_recall_stay_between_0_and_1(real, sources):
    table = scored("precision_recall", real, sources).table
    best = table[(table.source == "model") & (table.reference == "test")].set_index("metric")
    assert best.value["precision"] > 0.3 and best.value["recall"] > 0.3 and best.floor["precision"] > 0.5
    assert table[(table.model == "noise") & (table.metric == "precision")].value.max() == 0.0
    assert table.low.dropna().min() >= 0 and table.high.dropna().max() <= 1


def test_intervals_treat_the_scans_of_a_participant_as_one(real, sources):
    """The same ten test scans of two participants say less than those of ten."""
    two = {scan: (scan if split != "test" else f"p{int(scan[4:]) % 2}") for scan, split in real.splits.items()}
    one = scored("fid", real, sources[:1], replicates=60).table.iloc[0]
    grouped = scored("fid", Reals(real.embeddings, real.splits, two), sources[:1], replicates=60).table.iloc[0]
    assert one.value == grouped.value
    assert grouped.high > 1.5 * one.high


@pytest.mark.fault(20)
def test_too_few_scans_give_missing_values_and_say_why(real, sources):
    few = {scan: "train" if scan != "scan0" else "test" for scan in real.splits}
    table = scored("precision_recall", Reals(real.embeddings, few, real.participants), sources).table
    test = table[table.reference == "test"]
    assert test.value.isna().all() and test.floor.isna().all() and test.low.isna().all()
    assert test.warning.str.contains("Not computed: 1 scans a set").all()
    assert table[table.reference == "train"].value.notna().all()


def test_a_value_without_an_interval_says_so(real, sources):
    few = {scan: "test" if row < 5 else "train" for row, scan in enumerate(real.splits)}
    table = scored("precision_recall", Reals(real.embeddings, few, real.participants), sources).table
    test = table[table.reference == "test"]
    assert test.value.notna().all() and test.low.isna().all()
    assert test.warning.str.startswith("No interval").all()
    assert not table[table.reference == "train"].warning.str.contains("No interval").any()


def test_a_network_that_knows_the_training_scans_has_a_floor_of_held_out_scans(real, sources):
    """To such a network training scans look unlike all others: as a floor they would make any model look real."""
    features = real.embeddings.features.copy()
    features[14:] += 8.0
    known = Embeddings(features, real.embeddings.ids, META | {"network": "cohort_encoder"})
    test = scored("fid", Reals(known, real.splits, real.participants), sources[:1]).table.iloc[0]
    assert (test.reference, test.n) == ("test", 7)  # half of ten test and four validation scans
    assert test.floor < test.value * 2 and test.floor_high < 60
    assert "knows them" in test.warning
    other = Embeddings(features, real.embeddings.ids, META)
    assert scored("fid", Reals(other, real.splits, real.participants), sources[:1]).table.floor[0] > 300


def test_other_features_and_unknown_scans_are_refused(real, sources):
    with pytest.raises(MrisynthError, match="noise have features 'medicalnet'"):
        scored("fid", real, [*sources, Source("noise", "control", embeddings(5, features="medicalnet"))])
    with pytest.raises(MrisynthError, match="have no split"):
        scored("fid", Reals(real.embeddings, {"scan1": "train"}, real.participants), sources)
    with pytest.raises(MrisynthError, match="have no participant"):
        scored("fid", Reals(real.embeddings, real.splits, {}), sources)
    with pytest.raises(MrisynthError, match="unknown"):
        scored("inception", real, sources)


@pytest.fixture
def scans(splits):
    return pd.DataFrame({"scan": list(splits), "participant_id": list(splits), "split": list(splits.values())})


def test_a_model_is_scored_with_its_low_resolution_and_controls_by_name(real, scans, tmp_path):
    found = {
        ("random", "real"): real.embeddings,
        ("random", "real.low"): real.embeddings,
        ("random", "hagan"): embeddings(20, shift=0.2, seed=2),
        ("random", "hagan.low"): embeddings(20, shift=2.0, seed=5),
        ("random", "hagan.untrained"): embeddings(20, shift=4.0, seed=3),
    }
    keys = {"scans": scans, "seed": 5, "draws": 4, "replicates": 20, "k": 3}
    model = score_model("fid", found, model="hagan", **keys)
    test = model.table[model.table.reference == "test"].set_index(["view", "source"]).value
    assert list(test.index) == [("32", "model"), ("32", "untrained"), ("32 low", "model")]
    assert test["32", "model"] < test["32 low", "model"] < test["32", "untrained"]
    spoilt = {("random", "real"): real.embeddings, ("random", "control.noise"): embeddings(20, shift=9.0)}
    controls = score_controls("fid", spoilt, **keys).table
    assert set(zip(controls.model, controls.source, strict=True)) == {("noise", "control")}

    write_table(model.table, tmp_path / "hagan.tsv")
    write_table(controls, tmp_path / "controls.tsv")
    read = [read_scores(tmp_path / name) for name in ("hagan.tsv", "controls.tsv", "controls.tsv")]
    collected = collect(read)
    assert len(collected) == len(model.table) + len(controls)
    assert set(collected.view) == {"32", "32 low"}
    save_replicates(model.replicates, tmp_path / "hagan.npz")
    loaded = load_replicates(tmp_path / "hagan.npz")
    assert loaded.keys() == model.replicates.keys()
    key = ("hagan", "model", "random", "32 low", "test", "fid")
    np.testing.assert_array_equal(loaded[key], model.replicates[key])
    with pytest.raises(MrisynthError, match="no embeddings to score"):
        score_controls("fid", {}, **keys)
    with pytest.raises(MrisynthError, match="another version"):
        collect([controls.drop(columns="seed")])
