"""Measures of a classifier against scikit-learn, and intervals that know persons from scans."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics

from mrisynth.errors import MrisynthError
from mrisynth.metrics.classification import (
    classifier_measures,
    confusion_table,
    measure_scores,
    predicted_classes,
)
from mrisynth.metrics.participants import fewest_participants, resampled_ends, resampled_weights
from mrisynth.metrics.roc import RankedScores, area, roc_band, roc_points
from mrisynth.metrics.table import score_table

NAMES = ["CN", "MCI", "AD"]


def area_by_pairs(chances, labels):
    """The share of pairs of one of the class and another that are ranked right, half where both are equal."""
    shares = []
    for number in [1] if chances.shape[1] == 2 else range(chances.shape[1]):
        mine, others = chances[labels == number, number], chances[labels != number, number]
        shares.append((mine[:, None] > others).mean() + (mine[:, None] == others).mean() / 2)
    return np.mean(shares)


def people(count, *, scans=1):
    return [f"p{row // scans:03d}" for row in range(count)]


def answers(seed, *, classes=2, count=90, digits=2):
    """Probabilities with ties, and labels that they say something of."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    raw = np.round(generator.dirichlet(np.ones(classes), count), digits) + 0.6 * np.eye(classes)[labels]
    return raw / raw.sum(axis=1, keepdims=True), labels


def measured(chances, labels, participants=None, *, classes=None, **changes):
    names = classes or (["CN", "AD"] if chances.shape[1] == 2 else NAMES)
    settings = {"seed": 1, "replicates": 60} | changes
    found = classifier_measures(chances, labels, participants or people(len(labels)), classes=names, **settings)
    return {one.name: one for one in found}


@pytest.mark.parametrize("classes", [2, 3])
def test_every_measure_is_that_of_scikit_learn(classes):
    chances, labels = answers(classes, classes=classes, digits=1)
    found, read = measured(chances, labels), predicted_classes(chances)
    scores = chances[:, 1] if classes == 2 else chances
    expected = {
        "auc": metrics.roc_auc_score(labels, scores, multi_class="ovr", average="macro"),
        "accuracy": metrics.accuracy_score(labels, read),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, read),
        "cross_entropy": metrics.log_loss(labels, chances),
        "brier": metrics.brier_score_loss(labels, scores),
    }
    if classes == 2:
        expected["sensitivity"] = metrics.recall_score(labels, read)
        expected["specificity"] = metrics.recall_score(labels, read, pos_label=0)
    assert {name: one.value for name, one in found.items()} == pytest.approx(expected)
    assert all(one.low <= one.value <= one.high and not one.warning for one in found.values())
    assert (confusion_table(chances, labels, classes=NAMES[:classes]) == metrics.confusion_matrix(labels, read)).all(
        axis=None
    )


def test_a_certain_mistake_costs_much_but_not_infinitely():
    chances, labels = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1, 1])
    assert measured(chances, labels)["cross_entropy"].value == pytest.approx(
        metrics.log_loss(labels, chances, labels=[0, 1])
    )


def test_curves_and_weighted_areas_are_those_of_scikit_learn():
    chances, labels = answers(4, digits=1)
    weights = np.random.default_rng(0).integers(0, 4, len(labels)).astype(float)
    found = RankedScores(chances[:, 1], labels == 1).points(weights)
    false, true, at = metrics.roc_curve(labels, chances[:, 1], sample_weight=weights, drop_intermediate=False)
    # points of scores that no row with a weight has stand on the point before
    assert found.area == pytest.approx(metrics.auc(false, true)) == pytest.approx(area(chances, labels, weights))
    plain = roc_points(np.vstack([chances, chances[:5]]), np.append(labels, [-1] * 5))
    false, true, at = metrics.roc_curve(labels, chances[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(plain.false_positive, false)
    np.testing.assert_allclose(plain.true_positive, true)
    np.testing.assert_allclose(plain.thresholds, at)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_area_is_that_of_all_pairs(classes):
    for seed in range(4):
        chances, labels = answers(seed, classes=classes, digits=1)
        assert area(chances, labels) == pytest.approx(area_by_pairs(chances, labels))


def test_pooled_areas_are_no_means_of_batches():
    """Two batches, each ranked perfectly on a scale of its own: together they are not."""
    chances = np.array([0.1, 0.2, 0.6, 0.7])
    labels = np.array([0, 1, 0, 1])
    assert measured(np.stack([1 - chances, chances], axis=1), labels)["auc"].value == 0.75


def test_a_resample_holds_whole_persons_and_every_class():
    labels = np.array([0, 0, 0, 0, 1, 1, 0, 1, 1, 1])
    groups = ["a", "a", "b", "c", "d", "d", "e", "e", "f", "g"]  # e has scans of both classes
    drawn = list(resampled_weights(labels, groups, seed=3, replicates=200))
    for weights in drawn:
        assert weights[0] == weights[1] and weights[4] == weights[5] and weights[6] == weights[7] == 1
        assert weights[[0, 2, 3]].sum() == 3 and weights[[4, 8, 9]].sum() == 3
    assert max(weights.max() for weights in drawn) == 3
    assert np.mean(drawn, axis=0) == pytest.approx(np.ones(10), abs=0.2)
    order = np.random.default_rng(0).permutation(10)
    again = resampled_weights(labels[order], [groups[row] for row in order], seed=3, replicates=200)
    assert all((one[order] == other).all() for one, other in zip(drawn, again, strict=True))
    assert fewest_participants(labels, groups) == 4 and fewest_participants(labels[:0], []) == 0


@pytest.mark.parametrize(("count", "scans", "apart"), [(15, 4, 1.2), (12, 1, 2.5)])
def test_the_interval_of_an_area_holds_the_truth(count, scans, apart):
    """Scans of one person go together; an interval of independent scans would be far too narrow."""
    generator, held, narrow = np.random.default_rng(0), [], []
    labels = np.repeat([0, 1], count * scans)
    groups = people(len(labels), scans=scans)
    truth = norm.cdf(apart / np.sqrt(2))
    for number in range(120):
        own = np.repeat(generator.normal(0, np.sqrt(0.8), 2 * count), scans)
        logits = own + generator.normal(0, np.sqrt(0.2), len(labels)) + apart * labels
        chances = np.stack([1 - norm.cdf(logits), norm.cdf(logits)], axis=1)
        found = measured(chances, labels, groups, seed=number, replicates=100)["auc"]
        held.append(found.low <= truth <= found.high)
        if scans > 1:
            alone = measured(chances, labels, seed=number, replicates=100)["auc"]
            narrow.append(alone.low <= truth <= alone.high)
    assert np.mean(held) >= 0.92
    assert not narrow or np.mean(narrow) < 0.85


def test_a_perfect_area_still_has_an_interval():
    labels = np.repeat([0, 1], 12)
    chances = np.eye(2)[labels]
    found = measured(chances, labels)["auc"]
    assert found.value == found.high == 1.0 and found.low == pytest.approx(0.025 ** (1 / 12))
    wrong = measured(1 - chances, labels)["auc"]
    assert wrong.value == wrong.low == 0.0 and wrong.high == pytest.approx(1 - found.low)
    low, high = resampled_ends(0.9, np.array([0.88, 0.9, 0.92]), participants=11)
    reach = 2.086 * 0.02 * np.sqrt(1.1) / 0.09  # t of 20 degrees of freedom, in log-odds
    assert (low, high) == pytest.approx([1 / (1 + np.exp(-(np.log(9) + side * reach))) for side in (-1, 1)], abs=1e-4)


def test_too_few_or_one_class_is_said_in_words():
    chances, labels = answers(1)
    one = measured(chances, np.ones_like(labels))
    for name in ("auc", "balanced_accuracy", "specificity"):
        assert np.isnan(one[name].value) and "No scan of: CN" in one[name].warning
    assert "one class alone" in one["auc"].warning
    assert one["sensitivity"].value == one["accuracy"].value == np.mean(predicted_classes(chances) == 1)
    none = measured(chances, np.full_like(labels, -1))
    assert all(np.isnan(found.value) and found.n == 0 and "no scan has" in found.warning for found in none.values())
    few = measured(chances[:6], np.array([0, 0, 0, 1, 1, 1]))["auc"]
    assert np.isfinite(few.value) and np.isnan(few.low) and "3 participants" in few.warning
    alone = measured(chances, labels, ["p"] * len(labels))
    assert "No interval" in alone["brier"].warning and np.isnan(alone["brier"].low)


def test_a_class_that_does_not_occur_is_passed_over_and_named():
    chances, labels = answers(2, classes=3)
    kept = labels != 1
    found = measured(chances[kept], labels[kept])
    by_hand = np.mean([metrics.roc_auc_score(labels[kept] == one, chances[kept, one]) for one in (0, 2)])
    assert found["auc"].value == pytest.approx(by_hand) and found["auc"].warning == "No scan of: MCI."


def test_scans_without_a_class_do_not_count():
    chances, labels = answers(3)
    hidden = labels.copy()
    hidden[::4] = -1
    mask = hidden >= 0
    kept = measured(chances[mask], labels[mask], [people(90)[row] for row in np.flatnonzero(mask)])
    assert measured(chances, hidden) == kept
    table = confusion_table(chances, hidden, classes=["CN", "AD"])
    assert table.to_numpy().sum() == mask.sum() and table.index.tolist() == table.columns.tolist() == ["CN", "AD"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda chances: chances[:-1], "expected \\[n, 2\\]"),
        (lambda chances: np.hstack([chances, chances]), "expected \\[n, 2\\]"),
        (lambda chances: chances * 2, "hold no probabilities"),
        (lambda chances: np.where(np.arange(90)[:, None] == 7, np.nan, chances), "1 of 90 rows .* row 7"),
        (lambda chances: chances + np.array([1.5, -1.5]), "hold no probabilities"),
    ],
)
def test_what_is_no_answer_is_refused(change, words):
    chances, labels = answers(0)
    with pytest.raises(MrisynthError, match=words):
        measured(change(chances), labels, people(90), classes=["CN", "AD"])
    with pytest.raises(MrisynthError, match="A label is 2"):
        measured(chances, np.append(labels[:-1], 2))


def test_a_band_holds_the_curve_and_grows_with_doubt():
    chances, labels = answers(5, count=120)
    at = np.linspace(0, 1, 21)
    low, high = roc_band(chances, labels, people(120), at=at, seed=1, replicates=200)
    curve = roc_points(chances, labels)
    own = np.interp(at, curve.false_positive, curve.true_positive)
    assert (low <= own + 0.05).all() and (own <= high + 0.05).all()
    assert (np.diff(low) >= 0).all() and low[-1] == high[-1] == 1.0
    # four equal scans of each person tell no more than one, and would seem to if they were four persons'
    four, said = np.repeat(chances, 4, axis=0), np.repeat(labels, 4)
    same = roc_band(four, said, people(480, scans=4), at=at, seed=1, replicates=200)
    np.testing.assert_allclose(same, (low, high), atol=1e-12)
    narrow = roc_band(four, said, people(480), at=at, seed=1, replicates=200)
    assert (narrow[1] - narrow[0]).mean() < 0.6 * (high - low).mean()


def test_a_curve_climbs_straight_up_where_it_does():
    chances = np.array([0.9, 0.8, 0.6, 0.4, 0.3])
    labels = np.array([1, 0, 1, 1, 0])
    low, high = roc_band(
        np.stack([1 - chances, chances], axis=1), labels, list("aaaaa"), at=np.array([0, 0.25, 0.5, 0.75, 1]),
        seed=0, replicates=3,
    )  # fmt: skip
    assert low.tolist() == high.tolist() == pytest.approx([1 / 3, 1 / 3, 1, 1, 1])


def test_measures_become_rows_of_a_score_table():
    chances, labels = answers(6)
    found = list(measured(chances, labels).values())
    where = {
        "model": "pacgan",
        "source": "model",
        "features": "critic",
        "features_sha256": "x",
        "features_trained": True,
    }
    table = score_table(
        measure_scores(found, prefix="classifier", view="64", reference="test", seed=1, warning="Told.", **where)
    ).set_index("metric")
    assert table.loc["classifier_auc", "value"] == found[0].value and table.loc["classifier_brier", "better"] == "lower"
    assert set(table["warning"]) == {"Told."} and table.loc["classifier_accuracy", "n"] == 90
