"""Distances of large sets in blocks of float32 give the counts of float64, also where all lies on borders."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.metrics import screened
from mrisynth.metrics.distances import DenseDistances
from mrisynth.metrics.screened import ScreenedDistances


def sets(kind):
    generator = np.random.default_rng(1)
    real, synthetic = generator.normal(size=(70, 12)), generator.normal(0.2, 1.0, size=(50, 12))
    if kind == "collapsed":  # a crowd of near twins far from the mean: float32 cannot tell any of its distances
        synthetic = 100.0 + 1e-6 * generator.normal(size=(50, 12))
    elif kind == "grid":  # every distance is shared by many pairs
        real, synthetic = (np.round(rows) for rows in (real, synthetic))
    elif kind == "huge":
        real, synthetic = 1e30 * real, 1e30 * synthetic
    elif kind == "outlier":
        real[3] *= 1e4
    elif kind == "float32":
        real, synthetic = (1e3 + rows.astype(np.float32) for rows in (real, synthetic))
    return real, synthetic


@pytest.mark.parametrize("kind", ["normal", "collapsed", "grid", "huge", "outlier", "float32"])
@pytest.mark.parametrize("kept", [True, False])
def test_counts_are_those_of_all_distances_in_float64(kind, kept, monkeypatch):
    monkeypatch.setattr(screened, "_BLOCK_ROWS", 16)
    if not kept:
        monkeypatch.setattr(screened, "_LARGEST_KEPT", 0)
    both = sets(kind)
    dense, blocks = DenseDistances(*both), ScreenedDistances(*both)
    generator = np.random.default_rng(2)
    every = (np.arange(70), np.arange(50))
    for rows in (every, (generator.permutation(70)[:33], generator.permutation(50)[:21])):
        for side in (0, 1):
            for k in (1, 4):
                found = []
                for distances in (dense, blocks):
                    radii = distances.squared_radii(side, rows[side], k=k)
                    weights = np.arange(len(rows[side]))
                    within = distances.weights_within(side, radii, rows[side], weights=weights)
                    found.append([*distances.counts(side, radii, rows), within])
                for one, other in zip(*found, strict=True):
                    np.testing.assert_array_equal(one, other)


def test_radii_are_exact_to_float64():
    real, synthetic = sets("normal")
    blocks = ScreenedDistances(real, synthetic)
    brute = np.sort(((real[:, None] - real[None]) ** 2).sum(axis=2), axis=1)[:, 3]
    found = blocks.squared_radii(0, np.arange(70), k=3)
    assert found / found[0] == pytest.approx(brute / brute[0], rel=1e-13)
