"""The copy detector: planted copies found, strangers let pass, relatives no obstacle, too few said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrisynth.errors import MrisynthError
from mrisynth.metrics.brain_match import find_closest, fit_matcher
from mrisynth.metrics.copies import copy_limit, false_alarms
from mrisynth.metrics.planted import NOISE, PLANTED, planted_copy
from mrisynth.store import area_average, overlap_weights

SIZE, FIELD_MM, TRAIN = 32, 224.0, 40


@pytest.fixture(scope="module")
def brains():
    """110 brains: one ellipsoid with a core for all, smooth folds of its own for each; uint8 [n, x, y, z]."""
    generator = np.random.default_rng(0)
    place = (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) / np.array([10.0, 12.0, 10.0]).reshape(3, 1, 1, 1)
    radius = np.sqrt((place**2).sum(axis=0))
    shared = np.where(radius < 0.5, 190.0, 140.0)
    own = generator.normal(size=(110, SIZE, SIZE, SIZE))
    folds = np.stack([ndimage.gaussian_filter(one, 1.5) for one in own])
    values = (shared + 25 * folds / folds.std()) * (radius < 1)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def matcher(brains):
    return fit_matcher(brains[:TRAIN].astype(np.float32), [f"p{row}" for row in range(TRAIN)], voxel_mm=FIELD_MM / SIZE)


@pytest.fixture(scope="module")
def strangers(brains, matcher):
    return find_closest(brains[TRAIN:].astype(np.float32), matcher)


@pytest.mark.fault(21)
@pytest.mark.parametrize("kind", PLANTED)
def test_planted_copies_are_found_and_named(brains, matcher, strangers, kind):
    generator = np.random.default_rng(1)
    copies = [planted_copy(volume, kind, voxel_mm=FIELD_MM / SIZE, generator=generator) for volume in brains[:TRAIN]]
    found = find_closest(np.stack(copies).astype(np.float32), matcher)
    limit = copy_limit(strangers.similarity[:31], participants=[str(row) for row in range(31)])
    assert (found.closest == np.arange(TRAIN)).all()
    assert (found.similarity > limit).mean() >= 0.95
    assert (found.mirrored == (kind == "mirror")).all()
    assert (found.second < limit).all()
    if kind in ("exact", "mirror"):
        assert found.similarity.min() > 0.999 and (found.shift_mm == 0).all()


@pytest.mark.fault(21)
def test_strangers_are_let_pass(strangers):
    people = [str(row) for row in range(len(strangers.similarity))]
    limit = copy_limit(strangers.similarity[:31], participants=people[:31])
    assert (strangers.similarity[31:] <= limit).all()
    assert not false_alarms(strangers.similarity, participants=people, generator=np.random.default_rng(0)).any()


def test_a_moved_copy_is_moved_back(brains, matcher):
    moved = np.stack([ndimage.shift(brains[0].astype(np.float32), (0, shift, 0), order=3) for shift in (4 / 7, -6 / 7)])
    found = find_closest(moved, matcher)
    assert found.shift_mm.tolist() == [[0, -4, 0], [0, 6, 0]]
    assert found.similarity.min() > 0.8
    still = find_closest(moved[:, :, ::-1].copy(), matcher)
    assert still.similarity.max() < 0.5, "turned back to front it is nobody's copy"


def test_brightness_and_contrast_hide_no_copy(brains, matcher):
    changed = brains[:3].astype(np.float32) * 0.5 + 30 * (brains[:3] > 0)
    assert find_closest(changed, matcher).similarity.min() > 0.95


def test_volumes_without_a_brain_are_like_nobody(brains, matcher):
    mean = brains[:TRAIN].mean(axis=0)
    found = find_closest(np.stack([np.zeros_like(mean), np.full_like(mean, 255.0), mean]).astype(np.float32), matcher)
    assert np.isfinite(found.similarity).all() and np.abs(found.similarity).max() < 0.3


def test_the_next_participant_is_another_one(brains):
    people = ["a", "a", *(f"p{row}" for row in range(2, 12))]
    scans = brains[:12].copy()
    scans[1] = scans[0]
    found = find_closest(scans[:1].astype(np.float32), fit_matcher(scans.astype(np.float32), people, voxel_mm=7.0))
    assert found.similarity[0] > 0.999 and found.second[0] < 0.5


def test_finer_volumes_are_compared_at_the_same_size(brains, matcher):
    fine = brains[5].repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    coarse = area_average(fine.astype(np.float32), overlap_weights(2 * SIZE, SIZE))
    assert find_closest(coarse[None], matcher).similarity[0] > 0.999


@pytest.mark.fault(21)
def test_limit_keeps_its_false_alarms_and_forgives_a_relative():
    """Maxima of many correlations, as a Gumbel law has them; one pair of twins among the held-out scans."""
    generator = np.random.default_rng(3)
    many = np.tanh(generator.gumbel(0.2, 0.03, 20000))
    rates, with_twin = [], []
    for _ in range(200):
        few = np.tanh(generator.gumbel(0.2, 0.03, 31))
        people = [str(row) for row in range(31)]
        rates.append((many > copy_limit(few, participants=people)).mean())
        with_twin.append(copy_limit(np.r_[few[:30], 0.9], participants=people))
    assert np.mean(rates) < 0.015 and np.quantile(rates, 0.95) < 0.04
    assert np.median(with_twin) < 0.5
    twin = np.r_[few[:30], 0.9]
    assert false_alarms(twin, participants=people, generator=generator).nonzero()[0].tolist() == [30]


def test_too_few_held_out_participants_are_said():
    with pytest.raises(MrisynthError, match=r"10 held-out participants .* found 3"):
        copy_limit(np.full(12, 0.3), participants=["a", "b", "c"] * 4)
    few = np.linspace(0.2, 0.4, 11)
    assert false_alarms(few, participants=[str(row) for row in range(11)], generator=np.random.default_rng(0)) is None
    with pytest.raises(MrisynthError, match="2 training scans or more, found 1"):
        fit_matcher(np.ones((1, 4, 4, 4), dtype=np.float32), ["a"], voxel_mm=7.0)


def test_planted_copies_are_what_they_are_called(brains):
    def copy(kind, voxel_mm=7.0):
        return planted_copy(brains[0], kind, voxel_mm=voxel_mm, generator=np.random.default_rng(4))

    assert (copy("exact") == brains[0]).all() and (copy("mirror") == brains[0][::-1]).all()
    inside = (brains[0] > 60) & (brains[0] < 195)
    assert np.std(copy("noise")[inside] - brains[0][inside].astype(float)) == pytest.approx(NOISE * 255, rel=0.05)
    centre = [np.array(ndimage.center_of_mass(volume)) for volume in (brains[0], copy("shift", voxel_mm=2.0))]
    assert np.linalg.norm(centre[1] - centre[0]) == pytest.approx(1.0, abs=0.05)  # voxels of 2 mm
    with pytest.raises(MrisynthError, match="upside_down"):
        copy("upside_down")
