"""Probes on planted features, and chance by permuted labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mrisynth.errors import MrisynthError
from mrisynth.metrics.separability import (
    equal_rows,
    labelled_features,
    permuted_labels,
    pixel_features,
    separability,
    separability_scores,
)

CLASSES = ["CN", "AD"]
FIELDS = {"features": "planted", "features_sha256": "none", "features_trained": True, "view": "32"}


def planted(count, *, apart=1.5, seed=0, scans=1, own=0.0, classes=CLASSES, wrong=False):
    """Features in which classes are ``apart`` along one direction and participants differ by ``own`` in all."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count // scans) % len(classes), scans)
    features = generator.normal(size=(count, 8)) + np.repeat(
        generator.normal(0, own, (count // scans, 8)), scans, axis=0
    )
    features[:, 0] += apart * labels
    people = [f"s{seed}p{row // scans:03d}" for row in range(count)]
    if wrong:
        labels = generator.permutation(labels)
    return labelled_features(features, labels, people, classes=classes, column="diagnosis")


def probed(labelled, **changes):
    settings = {"classes": CLASSES, "seed": 1, "permutations": 20, "replicates": 50} | changes
    return separability(labelled, "diagnosis", **settings)


def test_a_probe_finds_what_was_planted_and_nothing_more():
    found = probed(planted(200))
    assert found.auc.value == pytest.approx(0.856, abs=0.06)  # the normal distribution function at 1.5 / root of 2
    assert found.auc.low < 0.856 < found.auc.high
    assert found.auc.value == pytest.approx(roc_auc_score(found.labels, found.probabilities[:, 1]))
    assert found.chance.mean() == pytest.approx(0.5, abs=0.03) and found.p_value == 1 / 21
    nothing = probed(planted(200, apart=0.0))
    assert nothing.auc.low < 0.5 < nothing.auc.high and nothing.p_value > 0.05
    assert [one.name for one in found.measures][:3] == ["auc", "accuracy", "balanced_accuracy"]


def test_three_classes_have_a_mean_area():
    names = ["CN", "MCI", "AD"]
    found = probed(planted(240, classes=names, apart=2.0), classes=names)
    expected = roc_auc_score(found.labels, found.probabilities, multi_class="ovr", average="macro")
    assert found.auc.value == pytest.approx(expected) and expected > 0.8
    assert found.chance.mean() == pytest.approx(0.5, abs=0.05)


def test_no_participant_is_on_both_sides():
    """Scans of a person are nearly equal and classes mean nothing: only who has seen the person can tell."""
    twins = planted(160, apart=0.0, scans=4, own=30.0)
    leaky = labelled_features(
        twins.features,
        [CLASSES.index(w) for w in twins.words["diagnosis"]] * np.ones(1, int),
        [f"{n}" for n in range(160)],
        classes=CLASSES,
        column="diagnosis",
    )
    by_person, by_scan = probed(twins), probed(leaky)
    assert by_person.auc.low < 0.5 < by_person.auc.high
    assert by_scan.auc.value > by_person.auc.value + 0.05


def test_labels_move_as_blocks_and_keep_their_numbers():
    labels = np.repeat([0, 1, 0, 1, 1, 0], 3)
    groups = [f"p{row // 3}" for row in range(18)]
    shuffled = np.random.default_rng(0).permutation(18)
    drawn = list(permuted_labels(labels[shuffled], [groups[row] for row in shuffled], seed=1, permutations=30))
    assert len({tuple(one) for one in drawn}) > 5
    for one in drawn:
        back = np.empty(18, dtype=int)
        back[shuffled] = one
        assert one.sum() == labels.sum() and all(len(set(back[3 * p : 3 * p + 3])) == 1 for p in range(6))
    uneven = list(permuted_labels(np.array([0, 0, 0, 1]), list("aaab"), seed=1, permutations=9))
    assert all(one.sum() == 1 for one in uneven)


def test_permutations_can_be_learned_anew():
    few = planted(40, apart=0.0)
    plain, refitted = (probed(few, permutations=3, refitted=own, folds=2).chance for own in (False, True))
    assert len(plain) == len(refitted) == 3 and not np.allclose(plain, refitted)
    assert abs(refitted.mean() - 0.5) < 0.3
    none = probed(few, permutations=0, folds=2)
    assert none.chance.shape == (0,) and np.isnan(none.p_value)


def test_too_few_participants_are_said():
    found = probed(planted(6))
    assert np.isnan(found.auc.value) and "3 participants" in found.problem and np.isnan(found.p_value)
    one = planted(40)
    alone = labelled_features(one.features, np.zeros(40, int), one.groups, classes=CLASSES, column="diagnosis")
    assert "0 participants" in probed(alone).problem


def test_rows_without_a_class_are_left_out():
    whole = planted(80)
    labels = np.array([CLASSES.index(word) for word in whole.words["diagnosis"]])
    labels[::5] = -1
    some = labelled_features(whole.features, labels, whole.groups, classes=CLASSES, column="diagnosis")
    kept = np.flatnonzero(labels >= 0)
    only = labelled_features(
        whole.features[kept], labels[kept], [whole.groups[row] for row in kept], classes=CLASSES, column="diagnosis"
    )
    found, expected = probed(some, folds=2), probed(only, folds=2)
    assert (found.rows == kept).all() and (found.probabilities == expected.probabilities).all()


def test_samples_stand_beside_real_scans():
    real, samples = planted(160), planted(120, apart=4.0, seed=5)
    table, found = separability_scores(
        real, samples, "diagnosis", classes=CLASSES, model="m", seed=1, fields=FIELDS | {"reference": "train"},
        permutations=100, replicates=50, folds=3,
    )  # fmt: skip
    rows = table.set_index(["metric", "model"])["value"]
    auc = "separability_diagnosis_auc"
    assert rows[auc, "m"] > 0.97 > rows[auc, "real"] > 0.75
    assert rows[auc, "chance"] == pytest.approx(0.5, abs=0.02)
    mine = table[(table["metric"] == auc)].set_index("model")
    assert mine.loc["m", "floor"] == rows[auc, "real"] and mine.loc["m", "better"] == "neither"
    assert mine.loc["chance", "low"] < 0.45 < 0.55 < mine.loc["chance", "high"]
    assert set(table["source"]) == {"model", "control"} and set(table["n"]) >= {120}
    assert len(found["real"].rows) == len(found["samples"].rows) == 120
    words = np.array(real.words["diagnosis"])[found["real"].rows]
    assert (words == "AD").sum() == 60


def test_equal_rows_are_equal_in_every_class():
    words = [["a"] * 5 + ["b"] * 9 + [None], ["b"] * 4 + ["a"] * 7]
    one, other = equal_rows(words, ["a", "b"], seed=0)
    for part, rows in zip(words, (one, other), strict=True):
        assert sorted(part[row] for row in rows) == ["a"] * 5 + ["b"] * 4
        assert (np.diff(rows) > 0).all()
    one, other = equal_rows([["a", "b", "b"], ["a", "a"]], ["a", "b"], seed=0)
    assert one.tolist() == [0, 1, 2] and len(other) == 1
    assert [len(rows) for rows in equal_rows(words, [], seed=0)] == [0, 0]


def test_samples_without_classes_leave_the_scores_of_real_scans():
    real, samples = planted(60), planted(40, seed=5)
    blind = labelled_features(samples.features, np.full(40, -1), samples.groups, classes=CLASSES, column="diagnosis")
    settings = {"model": "m", "seed": 1, "fields": FIELDS | {"reference": "all"}, "permutations": 5, "folds": 2}
    table, found = separability_scores(real, blind, "diagnosis", classes=CLASSES, replicates=20, **settings)
    rows = table.set_index(["metric", "model"])["value"]
    assert np.isfinite(rows["separability_diagnosis_auc", "real"]) and np.isnan(rows["separability_diagnosis_auc", "m"])
    assert len(found["real"].rows) == 60
    table, _ = separability_scores(real, blind, "diagnosis", classes=[], **settings)
    assert table["value"].isna().all() and table["warning"].str.startswith("Not computed").all()


def test_pixels_are_averages_of_blocks():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    found = pixel_features(images, edge=4)
    assert found.shape == (3, 16) and found[1, 5] == pytest.approx(images[1, 2:4, 2:4].mean() / 255)
    np.testing.assert_allclose(pixel_features(images, edge=32), images.reshape(3, -1) / 255, rtol=1e-6)
    assert pixel_features(np.stack([images] * 3, axis=3), edge=4).shape == (3, 48)
    with pytest.raises(MrisynthError, match="multiple"):
        pixel_features(images[:, :, :6], edge=4)
