"""The kernel distance against its definition, and that it has no bias."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.kernel import kernel_distance


def by_definition(real, synthetic):
    """The sums of the paper, one pair of rows at a time, in Python's own floats."""

    def kernel(one, other):
        return (sum(float(a) * float(b) for a, b in zip(one, other, strict=True)) / len(one) + 1) ** 3

    def within(rows):
        n = len(rows)
        pairs = sum(kernel(rows[i], rows[j]) for i in range(n) for j in range(n) if i != j)
        return pairs / (n * (n - 1))

    across = sum(kernel(one, other) for one in real for other in synthetic) / (len(real) * len(synthetic))
    return within(real) + within(synthetic) - 2 * across


@pytest.fixture
def generator():
    return np.random.default_rng(5)


@pytest.mark.parametrize(("n", "m", "width"), [(7, 7, 4), (9, 3, 5), (2, 11, 1), (3, 2, 40)])
def test_agrees_with_the_definition_at_any_numbers(generator, n, m, width):
    real, synthetic = generator.normal(size=(n, width)), generator.normal(0.5, 2.0, size=(m, width))
    assert kernel_distance(real, synthetic) == pytest.approx(by_definition(real, synthetic), rel=1e-11)


def test_two_numbers_by_hand():
    """d = 1: within {0, 1}: (0 + 1)^3 = 1; within {1, 2}: 3^3 = 27; across: (1 + 1 + 8 + 27) / 4 = 9.25."""
    assert kernel_distance(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])) == pytest.approx(1 + 27 - 2 * 9.25)


@pytest.mark.parametrize(("n", "m"), [(4, 4), (3, 12), (20, 5)])
def test_two_draws_of_one_distribution_are_at_zero_on_average(n, m):
    draws = []
    for seed in range(3000):
        rows = np.random.default_rng([seed, n, m]).exponential(size=(n + m, 6))
        draws.append(kernel_distance(rows[:n], rows[n:]))
    standard_error = np.std(draws, ddof=1) / np.sqrt(len(draws))
    assert abs(np.mean(draws)) < 3 * standard_error
    assert np.min(draws) < 0 < np.max(draws)


def test_few_rows_do_not_raise_it_as_they_raise_the_frechet_distance(generator):
    """What makes it fit to compare chunks with few validation scans: 8 rows tell the same as 400, but for noise."""
    pools = generator.normal(size=(2, 4000, 16))
    few = [kernel_distance(pools[0, k : k + 8], pools[1, k : k + 8]) for k in range(0, 4000, 8)]
    assert abs(np.mean(few)) < 3 * np.std(few, ddof=1) / np.sqrt(len(few))
    assert frechet_distance(pools[0, :8], pools[1, :8]) > 10 * frechet_distance(pools[0], pools[1])


def test_order_of_rows_and_of_sets_does_not_matter(generator):
    real, synthetic = generator.normal(size=(20, 30)), generator.normal(0.3, 1.0, size=(15, 30))
    value = kernel_distance(real, synthetic)
    assert kernel_distance(real[::-1], synthetic[generator.permutation(15)]) == pytest.approx(value, rel=1e-10)
    assert kernel_distance(synthetic, real) == pytest.approx(value, rel=1e-10)


def test_further_away_is_larger(generator):
    real = generator.normal(size=(60, 8))
    shifted = [kernel_distance(real, generator.normal(shift, 1.0, size=(60, 8))) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert shifted == sorted(shifted)
    assert shifted[1] > 0


def test_float32_is_computed_in_float64(generator):
    real = (1e3 + generator.normal(size=(12, 9))).astype(np.float32)
    synthetic = (1e3 + generator.normal(size=(10, 9))).astype(np.float32)
    # the kernel is near 1e18 here: float32 would leave no correct digit of the difference
    exact = by_definition(real.astype(np.float64), synthetic.astype(np.float64))
    assert kernel_distance(real, synthetic) == pytest.approx(exact, abs=1e18 * 1e-13)
    assert kernel_distance(real, synthetic) == kernel_distance(real.astype(np.float64), synthetic.astype(np.float64))


def test_refusals(generator):
    good = generator.normal(size=(5, 3))
    with pytest.raises(MrisynthError, match="1 synthetic rows"):
        kernel_distance(good, good[:1])
    with pytest.raises(MrisynthError, match="1 real rows"):
        kernel_distance(good[:1], good)
    bad = good.copy()
    bad[2, 1] = np.inf
    with pytest.raises(MrisynthError, match="1 of 5 real rows"):
        kernel_distance(bad, good)
    with pytest.raises(MrisynthError, match="width"):
        kernel_distance(good, good[:, :2])
