"""The Fréchet distance against closed forms and the matrix-root formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from mrisynth.errors import MrisynthError
from mrisynth.metrics import frechet
from mrisynth.metrics.frechet import FrechetComparison, frechet_distance


def by_matrix_root(real, synthetic):
    mean = real.mean(0) - synthetic.mean(0)
    one, two = np.cov(real, rowvar=False), np.cov(synthetic, rowvar=False)
    return float(mean @ mean + np.trace(one + two - 2 * linalg.sqrtm(one @ two).real))


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def correlated(generator, count, width):
    return generator.normal(size=(count, width)) @ generator.normal(size=(width, width)) + generator.normal(size=width)


@pytest.mark.parametrize(("real_rows", "synthetic_rows"), [(60, 50), (60, 6), (6, 60), (9, 8)])
def test_agrees_with_the_matrix_root(generator, real_rows, synthetic_rows):
    real, synthetic = correlated(generator, real_rows, 12), correlated(generator, synthetic_rows, 12)
    # the root of a rank-deficient product is itself only good to about 1e-6
    assert frechet_distance(real, synthetic) == pytest.approx(by_matrix_root(real, synthetic), rel=1e-5)


@pytest.mark.fault(20)
def test_full_rank_agrees_to_ten_digits(generator):
    real, synthetic = correlated(generator, 300, 20), correlated(generator, 200, 20)
    assert frechet_distance(real, synthetic) == pytest.approx(by_matrix_root(real, synthetic), rel=1e-10)


@pytest.mark.parametrize("rows", [5, 40])
def test_shifted_and_scaled_copies(generator, rows):
    real = correlated(generator, rows, 16)
    shift = generator.normal(size=16)
    assert frechet_distance(real, real + shift) == pytest.approx(shift @ shift, rel=1e-9)
    scaled = real.mean(0) + 3.0 * (real - real.mean(0))
    variance = real.var(axis=0, ddof=1).sum()
    assert frechet_distance(real, scaled) == pytest.approx((3 - 1) ** 2 * variance, rel=1e-9)


@pytest.mark.fault(20)
@pytest.mark.parametrize("rows", [2, 8, 64])
def test_identical_sets_are_at_zero(generator, rows):
    real = generator.normal(size=(rows, 32)).astype(np.float32)
    assert frechet_distance(real, real.copy()) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.fault(20)
def test_order_of_rows_does_not_matter(generator):
    real, synthetic = correlated(generator, 20, 30), correlated(generator, 15, 30)
    shuffled = frechet_distance(real[generator.permutation(20)], synthetic[generator.permutation(15)])
    assert shuffled == pytest.approx(frechet_distance(real, synthetic), rel=1e-10)
    assert frechet_distance(synthetic, real) == pytest.approx(frechet_distance(real, synthetic), rel=1e-10)


@pytest.mark.fault(20)
def test_streaming_in_blocks_changes_nothing(generator, monkeypatch):
    real, synthetic = correlated(generator, 100, 6), correlated(generator, 90, 6)
    whole = frechet_distance(real, synthetic)
    monkeypatch.setattr(frechet, "_BLOCK_ROWS", 7)
    assert frechet_distance(real, synthetic) == pytest.approx(whole, rel=1e-12)


def test_float32_far_from_the_origin_is_computed_in_float64(generator):
    real = (1e4 + generator.normal(size=(50, 8))).astype(np.float32)
    synthetic = (1e4 + generator.normal(size=(50, 8))).astype(np.float32)
    exact = by_matrix_root(real.astype(np.float64), synthetic.astype(np.float64))
    assert frechet_distance(real, synthetic) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(("n", "m", "width"), [(30, 24, 50), (30, 24, 8), (12, 60, 30)])
def test_subsets_of_a_prepared_comparison_are_the_distances_of_those_rows(generator, n, m, width):
    real, synthetic = correlated(generator, n, width), correlated(generator, m, width)
    comparison = FrechetComparison(real, synthetic)
    some, others = generator.permutation(n)[:7], generator.permutation(m)[:11]
    assert comparison()[0] == pytest.approx(by_matrix_root(real, synthetic), rel=1e-5)
    assert comparison(some, others)[0] == pytest.approx(frechet_distance(real[some], synthetic[others]), rel=1e-9)
    assert comparison(some)[0] == pytest.approx(frechet_distance(real[some], synthetic), rel=1e-9)


@pytest.mark.fault(20)
def test_a_feature_that_is_constant_or_a_copy_does_not_stop_it(generator):
    real, synthetic = correlated(generator, 60, 5), correlated(generator, 50, 5)
    doubled = [np.column_stack([rows, np.full(len(rows), 7.0), rows[:, 0]]) for rows in (real, synthetic)]
    assert frechet_distance(*doubled) == pytest.approx(by_matrix_root(*doubled), rel=1e-6)
    assert frechet_distance(*doubled) > frechet_distance(real, synthetic)


@pytest.mark.parametrize("null", [0, 1])
@pytest.mark.parametrize("smallest", [1e-1, 1e-6, 1e-12, 0.0])
def test_nuclear_norm_keeps_small_singular_values(generator, smallest, null):
    left, right = (np.linalg.qr(generator.normal(size=(size, 30)))[0] for size in (40, 30))
    values = np.geomspace(1.0, smallest or 1.0, 30)
    values[-1] *= 1 - null
    matrix = left * values @ right.T
    assert frechet._nuclear_norm(matrix, null=null) == pytest.approx(values.sum(), rel=1e-10)
    assert frechet._nuclear_norm(matrix.T, null=null) == pytest.approx(values.sum(), rel=1e-10)


def weighted_distance(sets, weights):
    """The formula with weighted means and covariances; at equal weights that of n - 1."""
    means = [w @ rows for rows, w in zip(sets, weights, strict=True)]
    spreads = [
        (rows - mean).T @ ((rows - mean) * w[:, None]) * len(rows) / (len(rows) - 1)
        for rows, mean, w in zip(sets, means, weights, strict=True)
    ]
    root = linalg.sqrtm(spreads[0] @ spreads[1]).real
    return float(np.sum((means[0] - means[1]) ** 2) + np.trace(spreads[0] + spreads[1] - 2 * root))


@pytest.mark.parametrize("side", [0, 1])
def test_influences_are_the_derivatives_by_the_weights_of_rows(generator, side):
    sets = [correlated(generator, 20, 4), correlated(generator, 15, 4)]
    equal = [np.full(len(rows), 1 / len(rows)) for rows in sets]
    start, step = weighted_distance(sets, equal), 1e-6
    slopes = []
    for row in range(len(sets[side])):
        weights = [w.copy() for w in equal]
        weights[side] *= 1 - step
        weights[side][row] += step
        slopes.append((weighted_distance(sets, weights) - start) / step)
    count = len(slopes)
    found = FrechetComparison(*sets).influences()[side][:, 0] * np.sqrt(count * (count - 1))
    assert found == pytest.approx(np.array(slopes), rel=1e-3, abs=1e-3 * np.abs(slopes).max())


@pytest.mark.fault(20)
def test_refusals(generator):
    good = generator.normal(size=(5, 3))
    with pytest.raises(MrisynthError, match="1 synthetic rows"):
        frechet_distance(good, good[:1])
    bad = good.copy()
    bad[2, 1] = np.nan
    with pytest.raises(MrisynthError, match="1 of 5 real rows"):
        frechet_distance(bad, good)
    with pytest.raises(MrisynthError, match="width"):
        frechet_distance(good, good[:, :2])
