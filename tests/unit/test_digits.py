"""Digits with known covariates, and what can be measured of them in their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from mrisynth.cohorts.digits import make_digits, measure_digits
from mrisynth.cohorts.thinning import centre_lines
from mrisynth.covariates.structural import COLUMNS, draw_causes


@pytest.fixture(scope="module")
def digits():
    return make_digits(400, seed=1)


def test_measured_covariates_are_the_true_ones(digits):
    images, truth = digits
    measured = measure_digits(images)
    assert list(measured.columns) == list(COLUMNS)
    found = {name: np.corrcoef(measured[name], truth[name])[0, 1] for name in COLUMNS}
    assert min(found.values()) > 0.95 and found["intensity"] > 0.999 and found["slant"] > 0.99
    assert abs((measured["thickness"] - truth["thickness"]).median()) < 0.15
    assert abs((measured["intensity"] - truth["intensity"]).median()) < 1
    assert abs((measured["slant"] - truth["slant"]).median()) < 1


def test_a_bar_measures_what_it_is():
    image = np.zeros((32, 32))
    image[6:26, 14:18] = 180
    upright = measure_digits(image[None]).iloc[0]
    assert upright["thickness"] == pytest.approx(4, abs=0.3) and upright["intensity"] == 180
    assert upright["slant"] == pytest.approx(0, abs=1e-6)
    down = np.arange(32)[:, None] - 15.5
    right = np.arange(32)[None] - 15.5
    leaning = 200.0 * ((np.abs(right + down * np.tan(np.radians(30))) <= 2) & (np.abs(down) <= 10))
    found = measure_digits(leaning[None]).iloc[0]
    assert found["slant"] == pytest.approx(30, abs=1.5), "to the right, the top is further right"
    assert found["thickness"] == pytest.approx(4 * np.cos(np.radians(30)), abs=0.4)
    assert measure_digits(np.zeros((1, 32, 32))).isna().all(axis=None)


def test_images_are_whole_and_depend_on_seed_and_number_alone(digits):
    images, truth = digits
    assert images.shape == (400, 32, 32) and images.dtype == np.uint8
    assert max(images[:, [0, -1]].max(), images[:, :, [0, -1]].max()) < 40, "no digit is cut off"
    few, table = make_digits(5, seed=1)
    np.testing.assert_array_equal(few, images[:5])
    assert table.equals(truth[:5]) and not np.array_equal(make_digits(5, seed=2)[0], few)
    assert make_digits(0, seed=1)[0].shape == (0, 32, 32) and list(make_digits(0, seed=1)[1]) == list(truth)


def test_covariates_are_those_of_the_equations_and_digits_are_those_drawn(digits):
    images, truth = digits
    assert (truth["digit"].to_numpy() == load_digits().target[truth["drawing"]]).all()
    assert truth["digit"].nunique() == 10
    reference = draw_causes(20_000, np.random.default_rng(0))
    np.testing.assert_allclose(truth[list(COLUMNS)].mean(), reference.mean(axis=0), rtol=0.1, atol=4)
    np.testing.assert_allclose(np.corrcoef(truth[list(COLUMNS)].T), np.corrcoef(reference.T), atol=0.06)
    lit = images > 0.5 * images.max(axis=(1, 2), keepdims=True)
    flat = np.stack([ndimage.zoom(image.astype(float), 0.5, order=1) for image in lit]).reshape(400, -1)
    learnt = KNeighborsClassifier(3).fit(flat[:300], truth["digit"][:300]).score(flat[300:], truth["digit"][300:])
    assert learnt > 0.4, "a digit can be told, chance being 0.1"


def test_centre_lines_are_thin_and_keep_parts_and_holes():
    shapes = np.zeros((3, 40, 40), dtype=bool)
    shapes[0, 5:35, 15:24] = True
    down, right = np.indices((40, 40)) - 19.5
    shapes[1] = np.abs(np.hypot(down, right) - 12) < 4
    shapes[2, 4:12, 4:36] = shapes[2, 24:34, 4:36] = True
    lines = centre_lines(shapes)
    assert not (lines & ~shapes).any() and (lines.sum(axis=(1, 2)) < shapes.sum(axis=(1, 2)) / 4).all()
    whole = np.ones((3, 3))
    for line, parts, holes in zip(lines, (1, 1, 2), (0, 1, 0), strict=True):
        assert ndimage.label(line, whole)[1] == parts
        assert ndimage.label(~line)[1] == 1 + holes
        assert not ndimage.binary_erosion(line, np.ones((2, 2))).any()
    assert lines[0].sum() == pytest.approx(30, abs=9), "ends are shortened by about the half width"
    np.testing.assert_array_equal(centre_lines(lines), lines)
