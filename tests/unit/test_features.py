"""Features in standard deviations of others."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.metrics.features import standardised


def test_the_others_themselves_come_out_with_mean_0_and_deviation_1():
    others = np.random.default_rng(0).normal([3.0, -500.0], [0.1, 40.0], (50, 2))
    own = standardised(others, others)
    assert own.mean(axis=0) == pytest.approx([0, 0], abs=1e-9) and own.std(axis=0) == pytest.approx([1, 1])
    beyond = others.mean(axis=0) + 2 * others.std(axis=0)
    assert standardised(beyond[None], others) == pytest.approx(np.array([[2.0, 2.0]]))


def test_a_feature_that_the_others_share_is_centred_alone():
    others = np.array([[7.0, 1.0], [7.0, 3.0]], dtype=np.float32)
    np.testing.assert_array_equal(standardised(np.array([[9.0, 4.0]]), others), [[2.0, 2.0]])
