"""Checks of candidates: brightness of structures, foreground of masks, copies of training images."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.filtering.checks import BrightnessRange, brightness_medians, coverage_faults, together
from mrisynth.filtering.copies import COMPARED_EDGE, CopyCheck
from mrisynth.metrics.copies import copy_limit

NAMES = ("grey", "white")


def real(count=40, *, seed=0):
    generator = np.random.default_rng(seed)
    masks = np.zeros((count, 10, 10), dtype=np.uint8)
    masks[:, 2:8, 2:8], masks[:, 4:6, 4:6] = 1, 2
    levels = np.stack(
        [np.full(count, -1.0), generator.uniform(-0.2, 0.0, count), generator.uniform(0.5, 0.6, count)], axis=1
    )
    return np.take_along_axis(levels, masks.reshape(count, -1), axis=1).reshape(masks.shape), masks


def test_the_median_of_each_structure_is_measured_where_it_has_voxels():
    image, mask = np.arange(25.0).reshape(1, 5, 5), np.zeros((1, 5, 5), dtype=int)
    mask[0, 0], mask[0, 4, 4] = 1, 2
    assert np.allclose(brightness_medians(image, mask, structures=3), [[2.0, np.nan, np.nan]], equal_nan=True)
    with pytest.raises(MrisynthError, match="same shape"):
        brightness_medians(image, mask[0], structures=2)


def test_structures_as_bright_as_real_ones_pass_and_others_are_named():
    images, masks = real()
    ranges = BrightnessRange.of_real(images, masks, NAMES, percentile=0.0, slack=0.0)
    assert ranges.images == (40, 40)
    assert ranges.low[0] == images[masks == 1].min() and ranges.high[1] == images[masks == 2].max()
    other = images[:3].copy()
    other[1][masks[1] == 1] = 0.3
    other[2] = -1.0
    faults = ranges.faults(brightness_medians(other, masks[:3], structures=2))
    assert faults[0] == ""
    assert faults[1].startswith("grey is too bright: median 0.300") and "white" not in faults[1]
    assert "grey is too dark" in faults[2] and "white is too dark" in faults[2]


def test_the_slack_widens_the_range_and_percentiles_narrow_it():
    images, masks = real(400)
    whole = BrightnessRange.of_real(images, masks, NAMES, percentile=0.0, slack=0.0)
    wider = BrightnessRange.of_real(images, masks, NAMES, percentile=0.0, slack=0.5)
    inner = BrightnessRange.of_real(images, masks, NAMES, percentile=10.0, slack=0.0)
    width = whole.high[0] - whole.low[0]
    assert wider.high[0] - wider.low[0] == pytest.approx(2 * width)
    assert inner.high[0] - inner.low[0] == pytest.approx(0.8 * 0.2, abs=0.02)


def test_too_few_real_images_tell_no_range():
    images, masks = real(9)
    ranges = BrightnessRange.of_real(images, masks, NAMES)
    assert ranges.images == (9, 9) and np.isnan(ranges.low).all()
    assert ranges.faults(np.array([[5.0, -5.0]])) == [""]
    with pytest.raises(MrisynthError, match="percentile 50"):
        BrightnessRange.of_real(images, masks, NAMES, percentile=50)


def test_masks_need_more_foreground_than_the_published_share():
    masks = np.zeros((3, 20, 20), dtype=np.uint8)
    masks[1, 0, :2] = 1
    masks[2, 0, :3] = 4
    faults = coverage_faults(masks)
    assert (
        faults[2] == "" and "0.00 %" in faults[0] and faults[1] == "the mask covers 0.50 % of the image, 0.50 % or less"
    )
    assert coverage_faults(masks, smallest=0.0) == [faults[0].replace("0.50 % or", "0.00 % or"), "", ""]


def test_faults_of_several_checks_stand_together():
    assert together(["a", "", ""], ["b", "c", ""]) == ["a; b", "c", ""]


def people(count, *, seed, shape=(40, 48)) -> np.ndarray:
    """A common brain with an individual smooth pattern."""
    generator = np.random.default_rng(seed)
    coarse = generator.normal(0, 1, (count, *[edge // 4 for edge in shape]))
    for axis in range(1, len(shape) + 1):
        coarse = coarse.repeat(4, axis=axis)
    rows = np.indices(shape).sum(axis=0) / sum(shape)
    return (rows + 0.3 * coarse).astype(np.float32)


@pytest.fixture(scope="module")
def check() -> CopyCheck:
    names = [f"sub-{number}" for number in range(30)]
    return CopyCheck.of_real(people(50, seed=0), people(30, seed=1), participants=names)


def test_copies_are_found_and_named_and_strangers_are_not(check):
    training = people(50, seed=0)
    copies = training[[7, 23]] + np.random.default_rng(2).normal(0, 0.2, (2, 40, 48))
    found = check.nearest(copies)
    assert found.row.tolist() == [7, 23] and (found.similarity > 0.9).all()
    assert all(text.startswith("copy of a training image") for text in check.faults(found))
    strangers = check.nearest(people(200, seed=5))
    assert np.mean([bool(text) for text in check.faults(strangers)]) < 0.03
    assert 0 < check.limit < 0.9


def test_the_similarity_is_the_correlation_of_what_is_beyond_the_mean(check):
    small = people(3, seed=8, shape=(8, 8))
    one = CopyCheck.of_real(small, people(12, seed=9, shape=(8, 8)), participants=list("abcdefghijkl"))
    asked, middle = people(1, seed=10, shape=(8, 8))[0], small.mean(axis=0)
    by_hand = []
    for image in small:
        first, second = (asked - middle).ravel().astype(float), (image - middle).ravel().astype(float)
        by_hand.append(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    found = one.nearest(asked[None])
    assert found.row[0] == np.argmax(by_hand) and found.similarity[0] == pytest.approx(max(by_hand), abs=1e-6)
    assert check.training.shape == (50, COMPARED_EDGE**2)


def test_the_limit_is_that_of_held_out_people():
    training, held_out = people(50, seed=0), people(30, seed=1)
    names = [f"sub-{number}" for number in range(30)]
    check = CopyCheck.of_real(training, held_out, participants=names)
    assert check.limit == copy_limit(check.nearest(held_out).similarity, participants=names)
    with pytest.raises(MrisynthError, match="10 held-out participants"):
        CopyCheck.of_real(training, held_out[:5], participants=names[:5])
    with pytest.raises(MrisynthError, match="one size"):
        CopyCheck.of_real(training, held_out[:, :20], participants=names)


def test_mirror_images_are_found_where_they_are_sought():
    training, held_out = people(50, seed=0), people(30, seed=1)
    names = [f"sub-{number}" for number in range(30)]
    mirrored = training[3:4, :, ::-1]
    blind = CopyCheck.of_real(training, held_out, participants=names)
    sees = CopyCheck.of_real(training, held_out, participants=names, mirrored_axis=1)
    assert blind.faults(blind.nearest(mirrored)) == [""]
    assert sees.nearest(mirrored).row.tolist() == [3] and sees.faults(sees.nearest(mirrored)) != [""]


def test_volumes_are_compared_too():
    names = [f"sub-{number}" for number in range(12)]
    training, held_out = people(6, seed=0, shape=(36, 8, 40)), people(12, seed=1, shape=(36, 8, 40))
    check = CopyCheck.of_real(training, held_out, participants=names, mirrored_axis=0)
    assert check.nearest(training[::-1]).row.tolist() == [5, 4, 3, 2, 1, 0]
    assert len(check.nearest(training[:0]).row) == 0
