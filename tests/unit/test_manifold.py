"""Precision and recall against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics import manifold
from mrisynth.metrics.manifold import precision_recall


def by_brute_force(real, synthetic, k):
    def share(rows, centres):
        radii = [
            sorted(np.linalg.norm(c - o) for j, o in enumerate(centres) if j != i)[k - 1] for i, c in enumerate(centres)
        ]
        return np.mean([any(np.linalg.norm(r - c) <= d for c, d in zip(centres, radii, strict=True)) for r in rows])

    return share(synthetic, real), share(real, synthetic)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("block", [5, 1024])
def test_agrees_with_brute_force(k, block, monkeypatch):
    monkeypatch.setattr(manifold, "_BLOCK_ROWS", block)
    generator = np.random.default_rng(3)
    real, synthetic = generator.normal(size=(23, 4)), generator.normal(1.0, 1.5, size=(19, 4))
    values = precision_recall(real, synthetic, k=k)
    assert values == pytest.approx(by_brute_force(real, synthetic, k))
    assert 0 < values[0] < 1 and 0 < values[1] < 1


def test_points_on_a_line():
    real = np.array([[0.0], [1.0], [2.0], [3.0]])  # with k = 1 every ball reaches 1: [-1, 4] is covered
    synthetic = np.array([[-1.0], [4.0], [4.1], [50.0]])  # balls of 5, 0.1, 0.1, 45.9
    assert precision_recall(real, synthetic, k=1) == (0.5, 1.0)


def test_identical_disjoint_and_duplicated_sets():
    generator = np.random.default_rng(0)
    real = generator.normal(size=(12, 6))
    assert precision_recall(real, real.copy()) == (1.0, 1.0)
    assert precision_recall(real, real + 1000) == (0.0, 0.0)
    twins = np.repeat(real[:1] + 100.0, 6, axis=0)
    assert precision_recall(twins, twins.copy()) == (1.0, 1.0)


def test_mode_collapse_has_precision_and_no_recall():
    generator = np.random.default_rng(1)
    real = generator.normal(size=(40, 3))
    collapsed = real[:1] + 1e-6 * generator.normal(size=(40, 3))
    precision, recall = precision_recall(real, collapsed)
    assert precision == 1.0
    assert recall <= 1 / 40


def test_too_few_rows_are_refused():
    rows = np.zeros((3, 2))
    with pytest.raises(MrisynthError, match=r"3 real rows.*4 or more"):
        precision_recall(rows, rows, k=3)
