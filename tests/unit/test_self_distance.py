"""Distances between halves: against distances computed by hand, and what sets of known variety must give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.metrics.halves import KINDS, halving_distances
from mrisynth.metrics.scoring import KNOWS_SENTENCE, UNTRAINED_SENTENCE
from mrisynth.metrics.self_distance import SUMMARY_COLUMNS, score_self_distance

META = {"features": "planted", "weights_sha256": "none", "trained": True, "view": "slice 32"}
CLASSES = ["f", "m"]
SETTINGS = {"model": "m", "condition": "sex", "classes": CLASSES, "seed": 3, "draws": 20}
WIDTH = 8


def drawn(count, *, seed, spread=1.0, mean=0.0, width=WIDTH):
    return np.random.default_rng(seed).normal(mean, spread, size=(count, width)).astype(np.float32)


def halved(name, real, fake, *, people=None, training=None, draws=40, seed=5):
    found = halving_distances(
        name, real, fake, participants=people or [str(row) for row in range(len(real))],
        training=drawn(200, seed=9) if training is None else training, seed=seed, entity="test", draws=draws,
    )  # fmt: skip
    return dict(zip(KINDS, found.T, strict=True))


def frechet_by_hand(one, other):
    covariances = [np.cov(features.astype(np.float64), rowvar=False) for features in (one, other)]
    shift = one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)
    root = sqrtm(covariances[0] @ covariances[1]).real
    return float(shift @ shift + np.trace(covariances[0] + covariances[1] - 2.0 * root))


def kernel_by_hand(one, other):
    """KID pair by pair, in plain loops."""

    def kernel(x, y):
        return (sum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / len(x) + 1.0) ** 3

    def within(rows):
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(x, y) for x in one for y in other]
    return within(one) + within(other) - 2.0 * sum(across) / len(across)


@pytest.mark.parametrize(("name", "by_hand"), [("fid", frechet_by_hand), ("kid", kernel_by_hand)])
def test_distances_of_halves_are_those_computed_by_hand(name, by_hand, monkeypatch):
    """The rows of every half are caught on their way; the distances are then computed of the features alone."""
    from mrisynth.metrics import halves

    seen = []
    original = halves._halves
    monkeypatch.setattr(halves, "_halves", lambda *given: seen.append(original(*given)) or seen[-1])
    real, fake, training = drawn(41, seed=1), drawn(70, seed=2, spread=0.6, mean=0.5), drawn(90, seed=3, spread=2.0)
    found = halved(name, real, fake, training=training, draws=2)
    if name == "kid":
        centre, scale = training.mean(axis=0, dtype=np.float64), training.std(axis=0, dtype=np.float64)
        real, fake = (real - centre) / scale, (fake - centre) / scale
    moved = fake - fake.mean(axis=0) + real.mean(axis=0)
    for draw in range(2):
        (one, other), (first, second) = seen[2 * draw : 2 * draw + 2]
        assert [len(rows) for rows in (one, other, first, second)] == [20] * 4
        assert not set(one) & set(other) and not set(first) & set(second)
        assert found["real_real"][draw] == pytest.approx(by_hand(real[one], real[other]), rel=1e-4)
        assert found["real_fake"][draw] == pytest.approx(by_hand(real[one], fake[first]), rel=1e-4)
        assert found["fake_fake"][draw] == pytest.approx(by_hand(moved[first], moved[second]), rel=1e-4)
    assert set(seen[0][0]) != set(seen[2][0]), "every draw halves anew"


@pytest.mark.parametrize("width", [3, 60])  # fewer and more features than rows of a half
def test_collapsed_samples_are_at_no_distance_from_themselves(width):
    real, one = drawn(80, seed=1, width=width), drawn(1, seed=2, mean=4.0, width=width)
    training = drawn(200, seed=9, width=width)
    for name in ("fid", "kid"):
        found = halved(name, real, np.repeat(one, 80, axis=0), training=training)
        assert np.abs(found["fake_fake"]).max() == pytest.approx(0.0, abs=1e-9)
        assert found["real_real"].std() > 0.001 and (found["real_fake"] > np.abs(found["real_real"]).max()).all()


def test_samples_of_the_distribution_of_real_scans_are_as_far_apart_as_these():
    real, fake = drawn(120, seed=1), drawn(300, seed=2)
    fid = halved("fid", real, fake)
    low, high = np.percentile(fid["real_real"], (5, 95))
    assert low < fid["fake_fake"].mean() < high and low < fid["real_fake"].mean() < high
    kid = halved("kid", real, fake)
    assert kid["fake_fake"].std() == pytest.approx(kid["real_real"].std(), rel=0.4)


def test_the_same_rows_have_the_same_distances_but_for_the_luck_of_the_halves():
    real = drawn(100, seed=1)
    for name in ("fid", "kid"):
        found = halved(name, real, real, draws=200)
        errors = [found[kind].std() / np.sqrt(200) for kind in ("real_real", "fake_fake")]
        assert abs(found["real_real"].mean() - found["fake_fake"].mean()) < 4 * np.hypot(*errors)


def test_the_frechet_distance_of_halves_goes_with_the_variance():
    real = drawn(100, seed=1)
    for factor in (0.5, 0.8):
        found = halved("fid", real, factor * real, draws=200)
        assert found["fake_fake"].mean() / found["real_real"].mean() == pytest.approx(factor**2, rel=0.05)


def test_the_kernel_distance_of_halves_is_nothing_in_the_mean_and_its_spread_goes_with_the_variety():
    """Not even samples far from all scans, where the kernel is steep, look varied when they are not."""
    real = drawn(100, seed=1)
    spreads = []
    for fake in (0.3 * real, real, 1.5 * real, 0.3 * real + 6.0):
        found = halved("kid", real, fake, draws=200)["fake_fake"]
        assert abs(found.mean()) < 4 * found.std() / np.sqrt(200)
        spreads.append(found.std())
    assert spreads[0] < 0.2 * spreads[1] < spreads[1] < 0.6 * spreads[2]
    assert spreads[3] == pytest.approx(spreads[0], rel=1e-6)


def test_a_few_rows_drawn_again_and_again_are_seen_by_the_frechet_distance_and_not_by_the_kernel_distance():
    """Ten of them stand for the whole: their halves hold the same ten, but how often each is luck."""
    real = drawn(100, seed=1, width=60)
    fake = np.repeat(drawn(10, seed=2, width=60), 10, axis=0) + drawn(100, seed=3, spread=0.01, width=60)
    fid, kid = (halved(name, real, fake, training=drawn(200, seed=9, width=60)) for name in ("fid", "kid"))
    assert fid["fake_fake"].mean() < 0.5 * np.percentile(fid["real_real"], 5)
    assert kid["fake_fake"].std() > 0.7 * kid["real_real"].std()


def test_participants_and_not_their_slices_are_halved():
    """Ten slices of each person that hardly differ: halves hold one of each, and nobody is in both."""
    people = [f"p{row // 10}" for row in range(400)]
    persons = drawn(40, seed=1)
    real = np.repeat(persons, 10, axis=0) + 0.001 * drawn(400, seed=2)
    alone = halved("fid", persons, drawn(400, seed=3), draws=300)["real_real"]
    repeated = halved("fid", real, drawn(400, seed=3), people=people, draws=300)["real_real"]
    assert repeated.mean() == pytest.approx(alone.mean(), rel=0.03)
    assert halved("fid", real[:30], drawn(400, seed=3), people=people[:30])["real_real"].size == 0, "three people"


def study(*, spread=(1.0, 1.0), count=100, tests=40, meta=META):
    """Two classes of ``count`` scans, the first ``tests`` of each held out, and as many samples of some spread."""
    labels = np.repeat([0, 1], count)
    real = drawn(2 * count, seed=1) + 5.0 * labels[:, None].astype(np.float32)
    fake = np.concatenate([drawn(count, seed=2 + label, spread=spread[label], mean=5.0 * label) for label in (0, 1)])
    names = [f"scan{row}" for row in range(2 * count)]
    split = (["test"] * tests + ["train"] * (count - tests)) * 2
    scans = pd.DataFrame({"scan": names, "participant_id": names, "split": split})
    found = {
        ("planted", "real"): Embeddings(real, names, meta),
        ("planted", "m"): Embeddings(fake, [f"sample{row}" for row in range(2 * count)], meta),
    }
    return found, {"scans": scans, "labels": dict(zip(names, labels.tolist(), strict=True)), "asked": labels.tolist()}


def test_each_class_is_scored_by_itself_and_a_collapsed_one_is_seen():
    found, given = study(spread=(1.0, 0.2))
    scored = score_self_distance(found, **SETTINGS, **given)
    table = scored.table[scored.table["reference"] == "test"].set_index("metric")
    values = ["fid_fake_fake", "kid_fake_fake_sd"]
    assert list(table.index) == [f"{name}{of}" for of in ("", "_by_class_sex:f", "_by_class_sex:m") for name in values]
    assert table["n"].tolist() == [40, 40, 20, 20, 20, 20] and set(table["better"]) == {"neither"}
    for value in values:
        good, bad = (table.loc[f"{value}_by_class_sex:{label}"] for label in CLASSES)
        assert good["floor_low"] < good["value"] < good["floor_high"]
        assert bad["high"] < bad["floor_low"] and bad["value"] < 0.2 * bad["floor"]
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
    assert (table["warning"] == "").all()

    summary = scored.summary
    assert list(summary) == SUMMARY_COLUMNS and len(summary) == 2 * 2 * 3 * 3  # references, distances, labels, kinds
    mine = summary[(summary["reference"] == "test") & (summary["label"] == "m")].set_index(["distance", "kind"])
    row = table.loc["fid_fake_fake_by_class_sex:m"]
    for kind, ends in (("fake_fake", ["value", "low", "high"]), ("real_real", ["floor", "floor_low", "floor_high"])):
        assert mine.loc[("fid", kind), ["mean", "low", "high"]].tolist() == pytest.approx(row[ends].tolist(), rel=1e-12)
    spread = table.loc["kid_fake_fake_sd_by_class_sex:m", "value"]
    assert mine.loc[("kid", "fake_fake"), "sd"] == pytest.approx(spread, rel=1e-12)
    direct = halving_distances(
        "fid", found["planted", "real"].features[100:140], found["planted", "m"].features[100:],
        participants=given["scans"]["participant_id"][100:140].tolist(), training=drawn(3, seed=0), seed=3,
        entity="test", draws=20,
    )  # fmt: skip
    assert mine.loc[("fid", "real_fake"), "mean"] == pytest.approx(direct[:, 1].mean(), rel=1e-6)


def test_the_ranges_of_a_spread_are_those_of_standard_deviations():
    """Of 20 draws of a normal distribution: where its own lies in 90 %, and that of 20 draws more."""
    found, given = study()
    row = score_self_distance(found, **SETTINGS, **given).table.set_index(["reference", "metric"])
    row = row.loc[("test", "kid_fake_fake_sd")]
    spreads = np.random.default_rng(1).normal(size=(2, 20000, 20)).std(axis=2, ddof=1)
    own, ratios = np.percentile(1.0 / spreads[0], (5, 95)), np.percentile(spreads[1] / spreads[0], (5, 95))
    assert [row["low"] / row["value"], row["high"] / row["value"]] == pytest.approx(own, rel=0.02)
    assert [row["floor_low"] / row["floor"], row["floor_high"] / row["floor"]] == pytest.approx(ratios, rel=0.02)


@pytest.mark.parametrize("spread", [1.0, 0.6])
def test_equal_sets_are_seldom_below_the_floor_and_narrower_ones_mostly(spread):
    below = {"fid_fake_fake": 0, "kid_fake_fake_sd": 0}
    settings = SETTINGS | {"classes": []}
    for trial in range(20):
        names = [f"scan{row}" for row in range(60)]
        scans = pd.DataFrame({"scan": names, "participant_id": names, "split": "test"})
        found = {
            ("planted", "real"): Embeddings(drawn(60, seed=2 * trial), names, META),
            ("planted", "m"): Embeddings(
                drawn(150, seed=2 * trial + 1, spread=spread), [str(n) for n in range(150)], META
            ),
        }
        table = score_self_distance(found, **settings, scans=scans, labels={}, asked=[]).table.set_index("metric")
        table = table[table["reference"] == "test"]
        for name in below:
            below[name] += int(table.loc[name, "value"] < table.loc[name, "floor_low"])
    for name, count in below.items():
        assert count <= 4 if spread == 1.0 else count >= 16, name


def test_models_are_seen_beside_the_same_halves_of_scans():
    found, given = study()
    other = found | {("planted", "m"): Embeddings(drawn(200, seed=8), found["planted", "m"].ids, META)}
    tables = [score_self_distance(sets, **SETTINGS, **given).table for sets in (found, other)]
    assert tables[0]["floor"].tolist() == tables[1]["floor"].tolist()
    assert not set(tables[0]["value"]) & set(tables[1]["value"])


def test_models_without_a_condition_have_no_classes_and_need_no_labels():
    found, given = study()
    scored = score_self_distance(found, **SETTINGS | {"classes": []}, **given | {"labels": {}, "asked": []})
    assert set(scored.table["metric"]) == {"fid_fake_fake", "kid_fake_fake_sd"}
    assert set(scored.summary["label"]) == {"all"}


def test_a_model_of_one_class_has_the_scores_of_that_class_alone():
    found, given = study()
    every = score_self_distance(found, **SETTINGS, **given)
    drawn_of_men = found["planted", "m"].taken(np.flatnonzero(np.array(given["asked"]) == 1))
    one = score_self_distance(
        found | {("planted", "m"): drawn_of_men}, **SETTINGS, **given | {"asked": [1] * 100}, only="m"
    )
    mine = every.table[every.table["metric"].str.endswith(":m")].reset_index(drop=True)
    pd.testing.assert_frame_equal(one.table, mine)
    assert set(one.summary["label"]) == {"m"}


def test_what_cannot_be_computed_is_missing_and_says_why():
    found, given = study(tests=3)
    few = score_self_distance(found, **SETTINGS, **given)
    table = few.table[few.table["reference"] == "test"].set_index("metric")
    alone = table.loc["fid_fake_fake_by_class_sex:f"]
    assert np.isnan(alone["value"]) and alone["n"] == 1
    assert alone["warning"].startswith("Not computed: 1 in a half (participants of the reference 3, samples 100)")
    assert np.isfinite(table.loc["fid_fake_fake", "value"])
    assert table.loc["fid_fake_fake", "warning"] == "Only 3 in a half, 20 or more are recommended."
    summary = few.summary[(few.summary["reference"] == "test") & (few.summary["label"] == "f")]
    assert (summary["halvings"] == 0).all() and summary["mean"].isna().all()

    found, given = study(meta=META | {"trained": False, "network": "cohort_encoder"})
    once = score_self_distance(found, **SETTINGS | {"draws": 1}, **given).table.set_index("metric")
    assert np.isfinite(once.loc["fid_fake_fake", "value"]).all() and once.loc["kid_fake_fake_sd", "value"].isna().all()
    assert once["warning"].str.contains("One halving has no spread").all()
    assert once["warning"].str.contains(UNTRAINED_SENTENCE).all() and once["warning"].str.contains(KNOWS_SENTENCE).all()


def test_sets_that_do_not_fit_are_refused():
    found, given = study()
    with pytest.raises(MrisynthError, match=r"There are 199 labels in samples\.tsv"):
        score_self_distance(found, **SETTINGS, **given | {"asked": given["asked"][1:]})
    other = Embeddings(found["planted", "m"].features, found["planted", "m"].ids, META | {"weights_sha256": "other"})
    with pytest.raises(MrisynthError, match="weights_sha256 'other'"):
        score_self_distance(found | {("planted", "m"): other}, **SETTINGS, **given)
