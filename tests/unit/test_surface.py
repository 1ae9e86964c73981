"""Surface Dice and 95 % Hausdorff distance, beside MONAI's and distances known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.surface import surface_distances_mm, surface_scores


def cube(start: int, stop: int, size: int = 20) -> np.ndarray:
    array = np.zeros((size,) * 3, dtype=np.uint8)
    array[start:stop, 5:15, 5:15] = 1
    return array


def blobs(shape, seed):
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    return np.digitize(smooth, np.quantile(smooth, [0.5, 0.8])).astype(np.uint8)


@pytest.mark.parametrize(("shape", "spacing"), [((20, 18, 16), (1.0, 1.5, 3.0)), ((30, 26), (0.8, 2.0))])
@pytest.mark.parametrize("tolerance", [0.0, 1.5, 2.0])
def test_scores_are_those_of_monai_at_unequal_spacing(shape, spacing, tolerance):
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    predicted, true = blobs(shape, 1), np.where(blobs(shape, 2) == 1, blobs(shape, 1), blobs(shape, 2))
    hot = [torch.from_numpy(np.stack([array == number for number in range(3)])[None]) for array in (predicted, true)]
    found = surface_scores(predicted, true, [1, 2], spacing_mm=spacing, tolerance_mm=tolerance)
    shares = compute_surface_dice(*hot, class_thresholds=[tolerance] * 2, include_background=False, spacing=spacing)
    farthest = compute_hausdorff_distance(*hot, include_background=False, percentile=95, spacing=spacing)
    np.testing.assert_allclose(found.surface_dice, shares[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(found.hausdorff_95_mm, farthest[0].numpy(), atol=1e-4)  # MONAI computes in float32
    assert (found.surface_dice < 1).all() and (found.hausdorff_95_mm > 0).all()


def test_cubes_shifted_by_two_voxels_of_3_mm():
    """Of a cube of 10, 488 elements: both ends lie 6 mm apart but for their rims, where sides of the other are near."""
    found = {
        tolerance: surface_scores(
            cube(5, 15), cube(7, 17), [1], spacing_mm=(3.0, 1.0, 1.0), tolerance_mm=tolerance
        ).surface_dice[0]
        for tolerance in (0.0, 3.0, 6.0)
    }
    assert found[0.0] == pytest.approx((8 * 36) / 488)  # eight layers of the sides, 36 elements a layer, are common
    assert found[6.0] == 1.0
    assert found[0.0] < found[3.0] < found[6.0]
    scores = surface_scores(cube(5, 15), cube(7, 17), [1], spacing_mm=(3.0, 1.0, 1.0), tolerance_mm=1.0)
    assert scores.hausdorff_95_mm[0] == pytest.approx(5.0, abs=1.0)


def test_spheres_in_one_another_are_apart_by_the_difference_of_their_radii():
    grid = np.stack(np.meshgrid(*[np.arange(48) - 23.5] * 3, indexing="ij"))
    radius = np.sqrt((grid**2).sum(axis=0))
    small, large = (radius <= 12), (radius <= 18)
    ways = surface_distances_mm(small, large, spacing_mm=(1.0, 1.0, 1.0))
    for way in ways:
        np.testing.assert_allclose(way, 6.0, atol=1.0)
    maps = [mask.astype(np.uint8) for mask in (small, large)]
    found = [surface_scores(*maps, [1], spacing_mm=(2.0,) * 3, tolerance_mm=mm) for mm in (9.9, 14.1)]
    assert [one.surface_dice[0] for one in found] == [0.0, 1.0]
    assert found[0].hausdorff_95_mm[0] == pytest.approx(12.0, abs=1.5)


def test_what_lies_beyond_the_grid_is_outside():
    whole = np.ones((6, 6), dtype=np.uint8)
    inner = np.zeros((6, 6), dtype=np.uint8)
    inner[1:-1, 1:-1] = 1
    ways = surface_distances_mm(whole == 1, inner == 1, spacing_mm=(1.0, 1.0))
    assert [len(way) for way in ways] == [20, 12] and ways[1].tolist() == [1.0] * 12


def test_a_structure_in_one_map_alone_is_as_far_as_can_be():
    empty, full = cube(0, 0), cube(5, 15)
    for pair in ((empty, full), (full, empty)):
        found = surface_scores(*pair, [1], spacing_mm=(1.0, 1.0, 2.0), tolerance_mm=100.0)
        assert found.surface_dice.tolist() == [0.0]
        assert found.hausdorff_95_mm[0] == pytest.approx(20 * 6**0.5)
    agreed = surface_scores(empty, empty, [1], spacing_mm=(1, 1, 1), tolerance_mm=1)
    assert (agreed.surface_dice.tolist(), agreed.hausdorff_95_mm.tolist()) == ([1.0], [0.0])
    missing = surface_scores(empty, empty, [1], spacing_mm=(1, 1, 1), tolerance_mm=1, both_empty="missing")
    assert np.isnan([missing.surface_dice[0], missing.hausdorff_95_mm[0]]).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"spacing_mm": (1.0, 1.0)}, "of 3 axes"),
        ({"spacing_mm": (1.0, 1.0, 0.0)}, "above 0"),
        ({"tolerance_mm": -1.0}, "expected 0 or more"),
        ({"tolerance_mm": float("nan")}, "expected 0 or more"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(changed, words):
    settings = {"spacing_mm": (1.0, 1.0, 1.0), "tolerance_mm": 1.0} | changed
    with pytest.raises(MrisynthError, match=words):
        surface_scores(cube(5, 15), cube(7, 17), [1], **settings)
