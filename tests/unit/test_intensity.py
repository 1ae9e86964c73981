from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import ScanError
from mrisynth.imaging.intensity import scale_inside


def volume_and_mask() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[4:16, 4:16, 4:16] = True
    return rng.normal(500, 120, size=mask.shape).astype(np.float32), mask


def test_background_is_zero_and_brain_is_not_also_after_packing():
    volume, mask = volume_and_mask()
    scaled = scale_inside(volume, mask)
    np.testing.assert_array_equal(scaled > 0, mask)
    np.testing.assert_array_equal(np.rint(scaled * 255).astype(np.uint8) > 0, mask)
    assert scaled.dtype == np.float32 and scaled.max() == 1.0


def test_result_does_not_depend_on_scale_offset_or_outliers():
    volume, mask = volume_and_mask()
    expected = scale_inside(volume, mask)
    np.testing.assert_allclose(scale_inside(volume * 7 - 300, mask), expected, atol=1e-4)
    spiked = volume.copy()
    spiked[8, 8, 8] = 1e6
    outside = np.where(mask, volume, 1e7)
    assert np.abs(scale_inside(spiked, mask) - expected)[mask].mean() < 0.01
    np.testing.assert_array_equal(scale_inside(outside, mask), expected)


def test_percentiles_become_the_ends():
    volume, mask = volume_and_mask()
    scaled = scale_inside(volume, mask, percentiles=(10, 90))[mask]
    assert abs((scaled == 1.0).mean() - 0.10) < 0.01
    assert abs((scaled <= 1 / 255).mean() - 0.10) < 0.01


@pytest.mark.parametrize(
    ("value", "mask_value", "reason"), [(5.0, True, "flat_brain"), (None, False, "empty_mask")], ids=["flat", "empty"]
)
def test_nothing_to_scale(value: float | None, mask_value: bool, reason: str):
    volume, _ = volume_and_mask()
    if value is not None:
        volume[:] = value
    with pytest.raises(ScanError) as caught:
        scale_inside(volume, np.full(volume.shape, mask_value))
    assert caught.value.reason == reason
