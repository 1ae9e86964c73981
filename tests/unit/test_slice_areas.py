"""Areas of drawn structures, whose size is known exactly, with fluid around, noise and partial volume."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.slice_areas import SliceLevels, slice_levels, tissue_areas_mm2, widened_region

FINE = 8  # drawn so many times finer: pixels at a border are partly of both sides
CSF, GREY, WHITE = 50, 160, 220


def ellipse(size, centre, radii, *, angle=0.0):
    """How much of each pixel lies in an ellipse; centre and radii (row, column) in shares of the slice."""
    y, x = (np.indices((size * FINE,) * 2) + 0.5) / (size * FINE)
    y, x = y - centre[0], x - centre[1]
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    inside = (along / radii[1]) ** 2 + (across / radii[0]) ** 2 <= 1
    return inside.reshape(size, FINE, size, FINE).mean(axis=(1, 3))


def drawn(size, *, scale=1.0, noise=0.0, seed=0, levels=(CSF, GREY, WHITE)):
    """A slice of a brain with a structure of grey matter in a pool of fluid, and the structure's area in pixels."""
    csf, grey, white = levels
    parts = [ellipse(size, (0.5, 0.5), radii) for radii in ((0.45, 0.38), (0.38, 0.31), (0.3, 0.23))]
    image = parts[0] * csf + parts[1] * (grey - csf) + parts[2] * (white - grey)
    pool, structure = ellipse(size, (0.62, 0.4), (0.1, 0.12)), _structure(size, scale)
    image = image * (1 - pool) + pool * csf + structure * (grey - csf)
    image = np.where(image > 0, image + np.random.default_rng(seed).normal(0, noise, image.shape), 0)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), np.pi * 0.06 * 0.08 * scale**2 * size**2


def _structure(size, scale):
    return ellipse(size, (0.62, 0.4), (0.06 * scale, 0.08 * scale), angle=0.3)


def region(size):
    return _structure(size, 1.08)


@pytest.mark.parametrize("noise", [0.0, 4.0, 8.0])
@pytest.mark.parametrize("size", [64, 128])
def test_the_area_of_a_drawn_structure_is_found(size, noise):
    images, areas = zip(
        *(drawn(size, scale=scale, noise=noise, seed=seed) for seed in range(4) for scale in (0.8, 0.9, 1.0)),
        strict=True,
    )
    found = tissue_areas_mm2(np.stack(images), region(size), pixel_mm=1.5, dilate_mm=1.5)
    np.testing.assert_allclose(found, np.array(areas) * 1.5**2, rtol=0.05 if noise else 0.005)


@pytest.mark.parametrize("levels", [(30, 190, 235), (60, 140, 200), (40, 100, 140)])
def test_other_contrasts_give_the_same_area(levels):
    image, area = drawn(96, noise=3.0, levels=levels)
    assert tissue_areas_mm2(image[None], region(96), pixel_mm=1.0, dilate_mm=1.0)[0] == pytest.approx(area, rel=0.04)


def test_a_shrinking_structure_shrinks_with_every_step():
    scales = np.linspace(1.0, 0.5, 21)
    images = np.stack([drawn(64, scale=scale, noise=4.0, seed=3)[0] for scale in scales])
    found = tissue_areas_mm2(images, region(64), pixel_mm=2.0)
    truth = np.array([drawn(64, scale=scale)[1] * 4 for scale in scales])
    assert (np.diff(found) < 0).all() and np.corrcoef(found, truth)[0, 1] > 0.999
    assert np.polyfit(truth, found, 1)[0] == pytest.approx(1.0, abs=0.06)


def test_brighter_than_grey_matter_counts_once():
    image, area = drawn(64)
    bright = np.where((_structure(64, 1.0) > 0) & (image > 100), 255, image).astype(np.uint8)
    levels = SliceLevels(csf=CSF, grey=GREY, white=WHITE)
    plain, other = tissue_areas_mm2(np.stack([image, bright]), region(64), pixel_mm=1.0, dilate_mm=1.0, levels=levels)
    assert plain == pytest.approx(area, rel=0.01) and plain <= other < 1.1 * area


def test_a_wider_region_sees_what_lies_beside_it():
    image, area = drawn(64)
    beside = np.roll(_structure(64, 0.9), 1, axis=1)
    narrow, wide = (tissue_areas_mm2(image[None], beside, pixel_mm=1.0, dilate_mm=reach)[0] for reach in (0.0, 1.5))
    assert narrow < 0.85 * area and wide == pytest.approx(area, rel=0.05)


def test_a_region_of_chances_weighs_and_may_differ_by_slice():
    images = np.stack([drawn(64, scale=scale)[0] for scale in (1.0, 0.7)])
    whole = tissue_areas_mm2(images, region(64), pixel_mm=1.0, dilate_mm=0.0)
    half = tissue_areas_mm2(images, region(64) / 2, pixel_mm=1.0, dilate_mm=0.0)
    np.testing.assert_allclose(half, whole / 2)
    own = np.stack([region(64), np.zeros((64, 64))])
    assert tissue_areas_mm2(images, own, pixel_mm=1.0, dilate_mm=0.0).tolist() == [whole[0], 0.0]


def test_a_map_is_widened_by_a_disk():
    point = np.zeros((7, 7))
    point[3, 3] = 0.6
    wide = widened_region(point, np.hypot(*(np.indices((5, 5)) - 2)) <= 2)
    rows, columns = np.nonzero(wide)
    assert (wide[wide > 0] == 0.6).all() and len(rows) == 13 and np.hypot(rows - 3, columns - 3).max() == 2
    full = np.full((4, 4), 200, dtype=np.uint8)[None]
    spot = np.zeros((4, 4))
    spot[0, 0] = 1.0
    levels = SliceLevels(csf=50, grey=150, white=200)
    areas = [
        tissue_areas_mm2(full, spot, pixel_mm=2.0, dilate_mm=reach, levels=levels)[0] for reach in (0.0, 1.9, 2.0, 2.9)
    ]
    assert areas == [4.0, 4.0, 12.0, 16.0]  # by whole pixels: two neighbours, then the one across the corner


def test_levels_are_those_of_the_drawing():
    for noise, tolerance in ((0.0, 0.5), (6.0, 4.0)):
        found = slice_levels(drawn(128, noise=noise)[0])
        assert (found.csf, found.grey, found.white) == pytest.approx((CSF, GREY, WHITE), abs=tolerance)


def test_no_brain_has_no_area():
    image, _ = drawn(64)
    flat = np.where(image > 0, 120, 0).astype(np.uint8)
    speck = np.zeros_like(image)
    speck[:4, :4] = 200
    found = tissue_areas_mm2(np.stack([np.zeros_like(image), flat, speck, image]), region(64), pixel_mm=1.0)
    assert np.isnan(found[:3]).all() and np.isfinite(found[3])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"region": np.zeros((64, 63))}, "and its like"),
        ({"region": np.full((64, 64), 2.0)}, "values of 0 to 1"),
        ({"pixel_mm": 0.0}, "a size above 0"),
        ({"dilate_mm": -1.0}, "0 mm or more"),
    ],
)
def test_what_has_no_meaning_is_refused(changes, words):
    settings = {"region": region(64), "pixel_mm": 1.0} | changes
    with pytest.raises(MrisynthError, match=words):
        tissue_areas_mm2(drawn(64)[0][None], **settings)
