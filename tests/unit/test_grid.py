from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from mrisynth.imaging.grid import FIELD_CENTRE, FIELD_MM, empty_cube, grid_affine
from mrisynth.imaging.template import load_template


@pytest.mark.parametrize("size", [32, 64, 96, 128, 160, 256])
def test_every_size_covers_the_same_field(size: int):
    affine = grid_affine(size)
    corners = nib.affines.apply_affine(affine, [[-0.5] * 3, [size - 0.5] * 3])
    np.testing.assert_allclose(corners.mean(axis=0), FIELD_CENTRE, atol=1e-9)
    np.testing.assert_allclose(corners[1] - corners[0], FIELD_MM, atol=1e-9)
    assert nib.aff2axcodes(affine) == ("R", "A", "S")


def test_another_field_and_centre():
    affine = grid_affine(128, field_mm=256.0, centre_mm=(1.0, 2.0, 3.0))
    np.testing.assert_allclose(nib.affines.voxel_sizes(affine), 2.0)
    np.testing.assert_allclose(nib.affines.apply_affine(affine, [63.5] * 3), [1, 2, 3])


def test_template_brain_lies_inside_the_field_with_a_margin():
    mask = load_template("icbm152_2009a", voxel_mm=2.0).mask
    voxels = np.argwhere(np.asarray(mask.dataobj) > 0)
    world = nib.affines.apply_affine(mask.affine, [voxels.min(axis=0) - 0.5, voxels.max(axis=0) + 0.5])
    centre = np.asarray(FIELD_CENTRE)
    margin_mm = np.minimum(world[0] - (centre - FIELD_MM / 2), centre + FIELD_MM / 2 - world[1])
    assert (margin_mm > [38, 20, 33]).all(), margin_mm
    np.testing.assert_allclose(world.mean(axis=0), centre, atol=1.5)


def test_empty_cube_has_its_grid():
    cube = empty_cube(32)
    assert cube.shape == (32, 32, 32)
    np.testing.assert_array_equal(cube.affine, grid_affine(32))
