"""Dice of structures, beside MONAI's and numbers known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.overlap import dice


def maps(shape=(9, 8, 7), structures=4, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, structures, shape), generator.integers(0, structures, shape)


@pytest.mark.parametrize("shape", [(9, 8, 7), (12, 11)])
def test_dice_is_that_of_monai(shape):
    import torch
    from monai.metrics import DiceMetric

    predicted, true = maps(shape)
    hot = [
        torch.from_numpy(np.stack([array == number for number in range(4)])[None]).float()
        for array in (predicted, true)
    ]
    expected = DiceMetric(include_background=False)(*hot)[0].numpy()
    np.testing.assert_allclose(dice(predicted, true, [1, 2, 3]), expected, atol=1e-6)


def test_halves_that_overlap_by_half():
    predicted, true = np.zeros((4, 4), int), np.zeros((4, 4), int)
    predicted[0:2], true[1:3] = 5, 5
    assert dice(predicted, true, [5]).tolist() == [0.5]


def test_a_structure_in_neither_map_counts_as_named_and_one_in_either_counts_nothing():
    predicted, true = np.zeros((3, 3), int), np.zeros((3, 3), int)
    predicted[0, 0], true[2, 2] = 1, 2
    assert dice(predicted, true, [1, 2, 3]).tolist() == [0.0, 0.0, 1.0]
    values = dice(predicted, true, [1, 2, 3], both_empty="missing")
    assert values[:2].tolist() == [0.0, 0.0] and np.isnan(values[2])
    with pytest.raises(MrisynthError, match="'agree'"):
        dice(predicted, true, [1], both_empty="nan")


@pytest.mark.parametrize(
    ("predicted", "true"),
    [
        (np.zeros((3, 3), int), np.zeros((3, 4), int)),
        (np.zeros((3, 3)), np.zeros((3, 3), int)),
        (np.zeros(3, int), np.zeros(3, int)),
    ],
)
def test_what_are_no_two_label_maps_is_refused(predicted, true):
    with pytest.raises(MrisynthError, match="nearest neighbours"):
        dice(predicted, true, [1])
