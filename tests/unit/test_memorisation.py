"""Distances to training and held-out scans: exact draws, honest p values and intervals, copies noticed."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.authenticity import authenticity
from mrisynth.metrics.memorisation import nearest_ratio
from mrisynth.metrics.nearest import by_participant, distances


def normal(seed, rows, width=8):
    return np.random.default_rng(seed).normal(size=(rows, width))


def ratio(samples, train, held_out, *, seed=0, **settings):
    return nearest_ratio(
        distances(samples, train), distances(samples, held_out), generator=np.random.default_rng(seed), **settings
    )


def test_ratio_is_the_mean_over_all_draws_of_equal_numbers():
    samples, train, held_out = normal(0, 6), normal(1, 7), normal(2, 4)
    to_train, to_held_out = distances(samples, train), distances(samples, held_out)
    drawn = [to_train[:, list(chosen)].min(axis=1).mean() for chosen in combinations(range(7), 4)]
    found = ratio(samples, train, held_out, permutations=0, replicates=5)
    assert found.value == pytest.approx(np.mean(drawn) / to_held_out.min(axis=1).mean(), rel=1e-12)
    other = ratio(samples, held_out, train, permutations=0, replicates=5)
    assert other.value == pytest.approx(1 / found.value, rel=1e-12)
    assert np.isnan(found.p_value)


def test_many_participants_change_nothing_of_the_exact_draws():
    """With 400 on one side the nearest few are kept; the brute force keeps all."""
    samples, train, held_out = normal(0, 5), normal(1, 400), normal(2, 200)
    found = ratio(samples, train, held_out, permutations=0, replicates=2)
    drawn, generator = np.sort(distances(samples, train), axis=1), np.random.default_rng(0)
    means = [drawn[:, np.sort(generator.permutation(400)[:200])[0]].mean() for _ in range(20000)]
    expected = np.mean(means) / distances(samples, held_out).min(axis=1).mean()
    assert found.value == pytest.approx(expected, rel=2e-3)


def test_p_values_are_even_and_intervals_cover_where_nothing_is_remembered():
    found = [
        ratio(normal((1, run), 40), normal((2, run), 40), normal((3, run), 16), permutations=99, replicates=60)
        for run in range(60)
    ]
    p_values = np.array([one.p_value for one in found])
    assert 0.35 < p_values.mean() < 0.65
    assert (p_values <= 0.05).mean() < 0.15
    assert np.mean([one.low <= 1 <= one.high for one in found]) > 0.85


def test_samples_made_of_training_scans_are_noticed():
    train, held_out = normal(1, 60), normal(2, 20)
    samples = np.concatenate([train[:30] + 0.1 * normal(3, 30), normal(4, 30)])
    found = ratio(samples, train, held_out)
    assert found.high < 1
    assert found.p_value == pytest.approx(0.001)
    copies_of_held_out = ratio(np.repeat(held_out, 2, axis=0), train, held_out, replicates=4)
    assert np.isnan(copies_of_held_out.value) and copies_of_held_out.p_value == 1


def test_features_that_are_one_for_all_say_nothing():
    one = np.ones((8, 3))
    found = ratio(one, one, one, permutations=19, replicates=4)
    assert np.isnan([found.value, found.low, found.high, found.p_value]).all()


def test_scans_of_one_participant_count_as_one():
    to_scans = np.array([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])
    assert by_participant(to_scans, ["b", "a", "b"]).tolist() == [[1.0, 2.0], [6.0, 4.0]]
    assert by_participant(to_scans, ["c", "a", "b"]).tolist() == [[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]]


def test_too_few_are_refused_in_words():
    with pytest.raises(MrisynthError, match="found 5, 3 and 9"):
        ratio(normal(0, 5), normal(1, 3), normal(2, 9))
    with pytest.raises(MrisynthError, match="5 participants"):
        authentic(normal(0, 5), normal(1, 5))


def authentic(samples, train, participants=None):
    people = [str(row) for row in range(len(train))] if participants is None else participants
    return authenticity(
        distances(samples, train), distances(train, train), participants=people, generator=np.random.default_rng(0)
    )


def test_authenticity_is_the_published_share():
    samples, train = normal(0, 25), normal(1, 30)
    expected = []
    for sample in samples:
        to_train = [np.linalg.norm(sample - scan) for scan in train]
        nearest = int(np.argmin(to_train))
        others = [np.linalg.norm(train[nearest] - scan) for row, scan in enumerate(train) if row != nearest]
        expected.append(to_train[nearest] > min(others))
    found = authentic(samples, train)
    assert found.value == pytest.approx(np.mean(expected))
    assert 0 <= found.low < found.value < found.high <= 1


def test_copies_are_not_authentic_and_noise_is():
    train = normal(1, 30)
    assert authentic(train[:10] + 1e-3, train).value == 0
    assert authentic(100 * normal(2, 10), train).value == 1
    twice = np.repeat(train[:15], 2, axis=0)
    people = [str(row // 2) for row in range(30)]
    assert authentic(train[:10] + 1e-3, twice, people).value == 0, "a second scan of the person hides no copy"


def test_intervals_of_authenticity_cover():
    found = [authentic(normal((1, run), 40), normal((2, run), 40)) for run in range(40)]
    mean = np.mean([one.value for one in found])
    assert np.mean([one.low <= mean <= one.high for one in found]) > 0.85
