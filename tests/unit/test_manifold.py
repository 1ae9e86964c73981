"""Precision and recall against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from prdc import compute_prdc

from mrisynth.errors import MrisynthError
from mrisynth.metrics import neighbours, screened
from mrisynth.metrics.manifold import PrecisionRecallComparison, precision_recall


def by_brute_force(real, synthetic, k):
    def share(rows, centres):
        radii = [
            sorted(np.linalg.norm(c - o) for j, o in enumerate(centres) if j != i)[k - 1] for i, c in enumerate(centres)
        ]
        return np.mean([any(np.linalg.norm(r - c) <= d for c, d in zip(centres, radii, strict=True)) for r in rows])

    return share(synthetic, real), share(real, synthetic)


@pytest.fixture(params=["all distances", "in blocks"])
def route(request, monkeypatch):
    if request.param == "in blocks":
        monkeypatch.setattr(neighbours, "LARGEST_DENSE", 0)
        monkeypatch.setattr(screened, "_BLOCK_ROWS", 5)


@pytest.mark.parametrize("k", [1, 3])
def test_agrees_with_brute_force(k, route):
    generator = np.random.default_rng(3)
    real, synthetic = generator.normal(size=(23, 4)), generator.normal(1.0, 1.5, size=(19, 4))
    values = precision_recall(real, synthetic, k=k)
    assert values == pytest.approx(by_brute_force(real, synthetic, k))
    assert 0 < values[0] < 1 and 0 < values[1] < 1


@pytest.mark.parametrize(("n", "m", "width", "k"), [(60, 40, 5, 3), (90, 150, 200, 5)])
def test_agrees_with_the_prdc_package(n, m, width, k, route):
    generator = np.random.default_rng(n)
    real, synthetic = generator.normal(50.0, 1.0, size=(n, width)), generator.normal(50.3, 1.1, size=(m, width))
    published = compute_prdc(real, synthetic, k)
    assert precision_recall(real, synthetic, k=k) == (published["precision"], published["recall"])


def test_subsets_of_a_prepared_comparison_are_those_of_their_rows(route):
    generator = np.random.default_rng(8)
    real, synthetic = generator.normal(size=(40, 6)), generator.normal(0.5, 1.0, size=(30, 6))
    comparison = PrecisionRecallComparison(real, synthetic, k=2)
    for _ in range(5):
        some, others = generator.permutation(40)[:14], generator.permutation(30)[:11]
        assert tuple(comparison(some, others)) == precision_recall(real[some], synthetic[others], k=2)
    with pytest.raises(MrisynthError, match="2 real and 30 synthetic rows, expected 3"):
        comparison(np.array([4, 5]))


def test_points_on_a_line(route):
    real = np.array([[0.0], [1.0], [2.0], [3.0]])  # with k = 1 every ball reaches 1: [-1, 4] is covered
    synthetic = np.array([[-1.0], [4.0], [4.1], [50.0]])  # balls of 5, 0.1, 0.1, 45.9
    assert precision_recall(real, synthetic, k=1) == (0.5, 1.0)


@pytest.mark.fault(20)
def test_identical_disjoint_and_duplicated_sets(route):
    generator = np.random.default_rng(0)
    real = generator.normal(size=(12, 6))
    assert precision_recall(real, real.copy()) == (1.0, 1.0)
    assert precision_recall(real, real + 1000) == (0.0, 0.0)
    twins = np.repeat(real[:1] + 100.0, 6, axis=0)
    assert precision_recall(twins, twins.copy()) == (1.0, 1.0)


def test_mode_collapse_has_precision_and_no_recall(route):
    generator = np.random.default_rng(1)
    real = generator.normal(size=(40, 3))
    collapsed = real[:1] + 1e-6 * generator.normal(size=(40, 3))
    precision, recall = precision_recall(real, collapsed)
    assert precision == 1.0
    assert recall <= 1 / 40


@pytest.mark.fault(20)
def test_too_few_rows_are_refused():
    rows = np.zeros((3, 2))
    with pytest.raises(MrisynthError, match=r"3 real rows.*4 or more"):
        precision_recall(rows, rows, k=3)
    with pytest.raises(MrisynthError, match="k of 1 or more, found 0"):
        precision_recall(rows, rows, k=0)
