"""The kernel distance against its definition, and that it has no bias."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics import kernel
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.kernel import KernelComparison, kernel_distance


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


def test_numbers_by_hand():
    """d = 1: within {0, 1}: (0 + 1)^3 = 1; within {2, 3}: 7^3 = 343; across: (1 + 1 + 27 + 64) / 4 = 23.25."""
    assert kernel_distance(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])) == pytest.approx(1 + 343 - 2 * 23.25)


def test_a_row_of_both_sets_is_not_paired_with_itself():
    """{0, 1} and {1, 2} share 1: across 0-1, 0-2, 1-2 are left, (1 + 1 + 27) / 3."""
    assert kernel_distance(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])) == pytest.approx(1 + 27 - 2 * 29 / 3)


@pytest.mark.fault(20)
def test_two_equal_sets_are_at_zero_and_sets_that_share_rows_are_on_average(generator):
    rows = generator.normal(2.0, 1.0, size=(40, 64))
    assert kernel_distance(rows, rows[::-1].copy()) == pytest.approx(0.0, abs=1e-9)
    draws = []
    for seed in range(400):
        rows = np.random.default_rng(seed).normal(1.0, 1.0, size=(15, 8))
        draws.append(kernel_distance(rows[:10], rows[5:]))
    assert abs(np.mean(draws)) < 3 * np.std(draws, ddof=1) / np.sqrt(len(draws))


def test_only_as_many_rows_are_the_same_as_stand_in_both_sets():
    one, two = np.array([[1.0], [1.0], [0.0]]), np.array([[1.0], [2.0]])
    assert (kernel._twins(one, two) == [0, -1, -1]).all()
    # within one: 1-1 8, twice 1-0 1; within two: 27; across without one pair 1-1: 8 27 27 1 1
    assert kernel_distance(one, two) == pytest.approx(10 / 3 + 27 - 2 * 64 / 5)


def expected_kernel(one, other):
    """E k(x, y) of independent normal vectors, from the moments of x.y up to the third."""
    (a, S), (b, R) = one, other
    d, alpha, v = len(a), a @ b, a @ R @ a
    second = alpha**2 + v + b @ S @ b + np.trace(S @ R)
    third = alpha**3 + 3 * alpha * v + 3 * (alpha * (np.trace(S @ R) + b @ S @ b) + 2 * a @ R @ S @ b)
    return 1 + 3 * alpha / d + 3 * second / d**2 + third / d**3


def test_mean_over_draws_of_two_normal_distributions_is_the_closed_form(generator):
    width = 5
    laws = []
    for shift in (0.0, 0.6):
        root = generator.normal(size=(width, width)) / 2
        laws.append((np.full(width, shift), root @ root.T))
    truth = expected_kernel(laws[0], laws[0]) + expected_kernel(laws[1], laws[1]) - 2 * expected_kernel(*laws)
    draws = [kernel_distance(*(generator.multivariate_normal(*law, size=25) for law in laws)) for _ in range(1500)]
    error = np.std(draws, ddof=1) / np.sqrt(len(draws))
    assert np.mean(draws) == pytest.approx(truth, abs=3 * error)
    assert truth > 10 * error


@pytest.mark.parametrize("kept", [True, False])
def test_subsets_and_blocks_of_a_prepared_comparison(generator, kept, monkeypatch):
    monkeypatch.setattr(kernel, "_BLOCK_ROWS", 7)
    if not kept:
        monkeypatch.setattr(kernel, "LARGEST_KEPT", 0)
    real, synthetic = generator.normal(size=(30, 6)), generator.normal(0.5, 2.0, size=(20, 6))
    synthetic[3] = real[8]
    comparison = KernelComparison(real, synthetic)
    some, others = generator.permutation(30)[:12], generator.permutation(20)[:9]
    assert comparison(some, others)[0] == pytest.approx(kernel_distance(real[some], synthetic[others]), rel=1e-9)
    some, others = np.array([8, 1, 2]), np.array([3, 4])  # with the row of both
    assert comparison(some, others)[0] == pytest.approx(kernel_distance(real[some], synthetic[others]), rel=1e-9)
    without = [comparison(np.delete(np.arange(30), row))[0] for row in range(30)]
    influences = comparison.influences()[0][:, 0]
    assert np.corrcoef(without, influences)[0, 1] < -0.999
    assert np.sum(influences**2) == pytest.approx(29 * np.var(without), rel=0.1)


def test_published_form_is_the_mean_over_subsets(generator):
    real, synthetic = generator.normal(size=(60, 8)), generator.normal(0.3, 1.0, size=(50, 8))
    whole = kernel_distance(real, synthetic)
    assert kernel_distance(real, synthetic, subsets=5) == pytest.approx(whole, rel=1e-9)  # no set has 1000 rows
    values = [kernel_distance(real, synthetic, subsets=20, size=20, seed=seed) for seed in range(10)]
    assert len(set(values)) == 10
    assert np.mean(values) == pytest.approx(whole, abs=3 * np.std(values, ddof=1) / np.sqrt(10))
    assert values[0] == kernel_distance(real, synthetic, subsets=20, size=20, seed=0)
    with pytest.raises(MrisynthError, match="found 0 of 1000"):
        kernel_distance(real, synthetic, subsets=0)


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


@pytest.mark.fault(20)
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


@pytest.mark.fault(20)
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
