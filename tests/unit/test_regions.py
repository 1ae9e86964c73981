"""Region volumes and overlaps, on label maps small enough to count by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.imaging.regions import mean_region_dice, region_dice, region_volumes

HIPPOCAMPI = (17, 53)  # FreeSurfer and SynthSeg


def test_volumes_in_ml():
    labels = np.zeros((10, 10, 10), dtype=np.int16)
    labels[:5, :2, :2] = HIPPOCAMPI[0]  # 20 voxels
    labels[5:, :2, :1] = HIPPOCAMPI[1]  # 10 voxels
    assert region_volumes(labels, 2.0) == pytest.approx({17: 0.16, 53: 0.08})
    assert region_volumes(labels, (1.0, 1.0, 5.0)) == pytest.approx({17: 0.1, 53: 0.05})
    assert region_volumes(np.zeros((3, 3, 3), dtype=np.uint8), 1.0) == {}


def test_volumes_sum_to_the_volume_of_all_labels():
    labels = np.random.default_rng(0).integers(0, 208, (12, 13, 14))
    assert sum(region_volumes(labels, 1.5).values()) == pytest.approx((labels > 0).sum() * 1.5**3 / 1000)


def test_dice_of_each_region_in_either_map():
    first = np.array([[4, 4, 4, 0], [47, 47, 0, 0], [9, 0, 0, 0]])
    second = np.array([[4, 4, 0, 0], [47, 0, 47, 47], [0, 0, 0, 2035]])
    found = region_dice(first, second)
    assert found == pytest.approx({4: 2 * 2 / 5, 9: 0.0, 47: 2 * 1 / 5, 2035: 0.0})
    assert list(found) == [4, 9, 47, 2035]
    assert mean_region_dice(first, second) == pytest.approx((0.8 + 0.4) / 4)
    assert region_dice(second, first) == found


def test_dice_agrees_with_its_formula_region_by_region():
    random = np.random.default_rng(1)
    first, second = (random.integers(0, 6, (9, 9, 9)) for _ in range(2))
    for label, overlap in region_dice(first, second).items():
        a, b = first == label, second == label
        assert overlap == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert set(region_dice(first, first).values()) == {1.0}


def test_whole_numbers_stored_as_floats_are_labels_and_others_are_refused():
    labels = np.array([0.0, 1.0, 2.0])
    assert region_dice(labels.astype(np.float32), labels.astype(int)) == {1: 1.0, 2: 1.0}
    with pytest.raises(MrisynthError, match="not whole numbers"):
        region_volumes(labels + 0.25, 1.0)


def test_two_grids_and_empty_maps():
    with pytest.raises(MrisynthError, match=r"\(2, 3\) and \(3, 2\)"):
        region_dice(np.ones((2, 3), dtype=int), np.ones((3, 2), dtype=int))
    assert math.isnan(mean_region_dice(np.zeros((2, 2), dtype=int), np.zeros((2, 2), dtype=int)))
