"""Images of one domain with the brightness of another."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.imaging.brightness_matching import BrightnessCurve


def _domain(greys: tuple[int, ...], *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images of four tissues in equal parts with the greys given, some noise on them, and the tissues."""
    generator = np.random.default_rng(seed)
    tissues = generator.integers(0, 4, (20, 16, 16))
    images = np.array(greys)[tissues] + generator.normal(0, 3, tissues.shape)
    return np.where(tissues == 0, 0, images.clip(10, 255)).round().astype(np.uint8), tissues


def test_tissues_get_the_greys_of_the_other_domain_and_keep_their_order():
    images, tissues = _domain((0, 50, 110, 220), seed=1)
    others, _ = _domain((0, 40, 170, 215), seed=2)
    curve = BrightnessCurve.between(images, others)
    matched = curve.apply(images)
    medians = [float(np.median(matched[tissues == tissue])) for tissue in range(4)]
    assert medians == pytest.approx([0, 40, 170, 215], abs=2)
    assert matched.dtype == np.uint8 and (np.diff(curve.apply(np.arange(256, dtype=np.uint8)).astype(int)) >= 0).all()


def test_a_domain_is_left_almost_as_it_is_by_its_own_brightness():
    images, _ = _domain((0, 50, 110, 220), seed=1)
    same = BrightnessCurve.between(images, images).apply(images)
    assert np.abs(same.astype(int) - images).max() <= 1


def test_images_of_nothing_are_refused():
    images, _ = _domain((0, 50, 110, 220), seed=1)
    with pytest.raises(MrisynthError, match="those of the other domain nothing is above the background"):
        BrightnessCurve.between(images, np.zeros((0, 16, 16), dtype=np.uint8))


def test_the_curve_goes_through_the_quantiles_of_both_domains():
    images, _ = _domain((0, 50, 110, 220), seed=1)
    others, _ = _domain((0, 40, 170, 215), seed=2)
    curve = BrightnessCurve.between(iter(images), list(others))
    for found, domain in ((curve.known, images), (curve.become, others)):
        expected = np.quantile(domain[domain > 8], np.linspace(0, 1, 65))
        np.testing.assert_allclose(found, [0, *expected], atol=1e-9)
