"""Density, coverage and clipped forms against the prdc package, their definitions, and what they are to read as."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from prdc import compute_prdc
from scipy.stats import betabinom

from mrisynth.errors import MrisynthError
from mrisynth.metrics import neighbours, screened
from mrisynth.metrics.clipped import DensityCoverageComparison, density_coverage, share_of_good_samples


@pytest.fixture(params=["all distances", "in blocks"])
def route(request, monkeypatch):
    if request.param == "in blocks":
        monkeypatch.setattr(neighbours, "LARGEST_DENSE", 0)
        monkeypatch.setattr(screened, "_BLOCK_ROWS", 5)


@pytest.mark.parametrize(("n", "m", "width", "k"), [(60, 40, 5, 3), (90, 150, 200, 5)])
def test_density_and_coverage_agree_with_the_prdc_package(n, m, width, k, route):
    generator = np.random.default_rng(n)
    real, synthetic = generator.normal(9.0, 1.0, size=(n, width)), generator.normal(9.2, 1.1, size=(m, width))
    published = compute_prdc(real, synthetic, k)
    found = density_coverage(real, synthetic, k=k)
    assert found.density == pytest.approx(published["density"], rel=1e-12)
    assert found.coverage == pytest.approx(published["coverage"], rel=1e-12)
    assert 0 < found.coverage < 1


def by_definition(real, synthetic, k):
    """Clipped density and clipped coverage before its calibration, one row at a time."""
    among = [
        sorted(np.linalg.norm(one - other) for j, other in enumerate(real) if j != i) for i, one in enumerate(real)
    ]
    radii = [distances[k - 1] for distances in among]
    small = np.minimum(radii, np.median(radii))

    def share(row, leave_out=None):
        held = sum(
            np.linalg.norm(row - x) <= r for i, (x, r) in enumerate(zip(real, small, strict=True)) if i != leave_out
        )
        return min(held / k, 1)

    density = np.mean([share(row) for row in synthetic]) / np.mean([share(x, i) for i, x in enumerate(real)])
    held = [sum(np.linalg.norm(row - x) <= r for row in synthetic) for x, r in zip(real, radii, strict=True)]
    return min(density, 1), np.mean(np.minimum(held, k)) / k


@pytest.mark.parametrize("k", [1, 2, 4])
def test_clipped_forms_agree_with_their_definition(k, route):
    generator = np.random.default_rng(k)
    real, synthetic = generator.normal(size=(25, 3)), generator.normal(0.7, 1.5, size=(19, 3))
    density, coverage = by_definition(real, synthetic, k)
    found = density_coverage(real, synthetic, k=k)
    assert found.clipped_density == pytest.approx(density, rel=1e-12)
    curve = [betabinom.expect(lambda j: np.minimum(j, k) / k, args=(g, k, 25 - k)) for g in range(20)]
    assert found.clipped_coverage == pytest.approx(np.interp(coverage, curve, np.arange(20) / 19), rel=1e-9)
    assert 0 < found.clipped_density < 1 and 0 < found.clipped_coverage < 1


@pytest.mark.parametrize(("n", "m", "k"), [(10, 7, 3), (31, 124, 3), (5, 3, 4)])
def test_what_good_samples_cover_on_average_is_read_as_their_share(n, m, k):
    for good in (0, 1, m // 2, m):
        expected = betabinom.expect(lambda j: np.minimum(j, k) / k, args=(good, k, n - k)) if good else 0.0
        assert share_of_good_samples(expected, n=n, m=m, k=k) == pytest.approx(good / m, abs=1e-9)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_clipped_forms_read_as_the_share_of_good_samples(share):
    draws = []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        real, synthetic = generator.standard_t(3, size=(60, 8)), generator.standard_t(3, size=(60, 8))
        synthetic[: round(60 * (1 - share))] += 1e3
        found = density_coverage(real, synthetic, k=5)
        draws.append([found.clipped_density, found.clipped_coverage])
    errors = np.std(draws, axis=0, ddof=1) / np.sqrt(len(draws))
    # clipping at 1 and reading a curved curve backwards move the mean by a few hundredths at 60 rows
    np.testing.assert_allclose(np.mean(draws, axis=0), share, atol=3 * errors.max() + 0.04)


def test_an_outlier_among_the_real_rows_opens_density_but_not_its_clipped_form():
    generator = np.random.default_rng(0)
    real, far = generator.normal(size=(60, 4)), 50.0 + generator.normal(size=(60, 4))
    real[0] = 60.0
    found = density_coverage(real, far, k=5)
    assert found.density > 0.15
    assert found.clipped_density == 0.0


@pytest.mark.fault(20)
def test_identical_disjoint_and_duplicated_sets(route):
    real = np.random.default_rng(0).normal(size=(24, 6))
    identical = density_coverage(real, real.copy(), k=3)
    assert identical.density == pytest.approx(4 / 3)  # each ball holds its centre and its three neighbours
    assert astuple(identical)[1:] == (1.0, 1.0, 1.0)
    assert astuple(density_coverage(real, real + 1000, k=3)) == (0.0, 0.0, 0.0, 0.0)
    duplicated = density_coverage(real, np.repeat(real[:1], 24, axis=0), k=3)
    assert duplicated.coverage < 0.5 and duplicated.clipped_coverage < 0.5
    twins = np.repeat(real[:1] + 5.0, 8, axis=0)
    assert astuple(density_coverage(twins, twins.copy(), k=3))[1:] == (1.0, 1.0, 1.0)


def test_influences_of_density_are_those_of_leaving_a_row_out(route):
    generator = np.random.default_rng(3)
    real, synthetic = generator.normal(size=(30, 5)), generator.normal(0.4, 1.0, size=(20, 5))
    comparison = DensityCoverageComparison(real, synthetic, k=3)
    moved = comparison.influences()
    without = np.array([comparison(np.delete(np.arange(30), row))[0] for row in range(30)])
    np.testing.assert_allclose(moved[0][:, 0], np.sqrt(29 / 30) * (without.mean() - without), atol=1e-12)
    without = np.array([comparison(None, np.delete(np.arange(20), row))[0] for row in range(20)])
    np.testing.assert_allclose(moved[1][:, 0], np.sqrt(19 / 20) * (without.mean() - without), atol=1e-12)
    assert (moved[0][:, 1:] == 0).all() and (moved[1][:, 1:] == 0).all()


@pytest.mark.fault(20)
def test_refusals():
    rows = np.random.default_rng(0).normal(size=(5, 2))
    with pytest.raises(MrisynthError, match=r"3 synthetic rows.*6 or more|5 real rows.*6 or more"):
        density_coverage(rows, rows[:3], k=5)
    with pytest.raises(MrisynthError, match="k of 1 or more, found 0"):
        density_coverage(rows, rows, k=0)
