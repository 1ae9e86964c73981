"""The published image pipeline, faults included: anisotropic voxels, a background above 0, a template with its skull."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from mrisynth.errors import ScanError
from mrisynth.imaging.as_published import correct_bias_as_published, cube_as_published
from mrisynth.imaging.registration import register_to_template
from mrisynth.imaging.template import Template, load_template


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template("icbm152_2009a", voxel_mm=8.0)


@pytest.fixture(scope="module")
def head(template: Template) -> nib.Nifti1Image:
    """The template inside a bright shell, 16 mm away from it."""
    inside = np.asarray(template.mask.dataobj) > 0
    shell = ndimage.binary_dilation(inside, iterations=3) & ~ndimage.binary_dilation(inside, iterations=2)
    return nib.Nifti1Image(np.where(shell, 1.0, template.image.dataobj).astype(np.float32), template.image.affine)


def test_the_cube_is_the_whole_field_with_one_voxel_size_along_each_axis():
    affine = nib.affines.from_matvec(np.diag([2.0, 2.0, 2.0]), [-90.0, -126.0, -72.0])
    moved = nib.Nifti1Image(np.random.default_rng(0).random((24, 28, 20)).astype(np.float32), affine)
    cube = cube_as_published(moved, size=32)
    assert cube.shape == (32, 32, 32)
    np.testing.assert_allclose(nib.affines.voxel_sizes(cube.affine), [24 / 16, 28 / 16, 20 / 16])
    for corner, image in ((-0.5, moved), (-0.5, cube)):
        np.testing.assert_allclose(nib.affines.apply_affine(image.affine, [corner] * 3), [-91, -127, -73])
    np.testing.assert_allclose(
        nib.affines.apply_affine(cube.affine, [31.5] * 3), nib.affines.apply_affine(affine, [23.5, 27.5, 19.5])
    )


def test_the_range_is_taken_last_so_that_an_undershoot_lifts_the_background():
    volume = np.zeros((16, 16, 16), dtype=np.float32)
    volume[4:12, 4:12, 4:12] = 1.0
    volume[3, 4:12, 4:12] = -0.25
    cube = np.asarray(cube_as_published(nib.Nifti1Image(volume, np.eye(4)), size=16).dataobj)
    assert cube.min() == 0.0 and cube.max() == 1.0
    assert cube[0, 0, 0] == pytest.approx(0.25 / 1.25)


def test_a_flat_volume_has_no_range():
    with pytest.raises(ScanError, match="value 3 everywhere") as caught:
        cube_as_published(nib.Nifti1Image(np.full((9, 9, 9), 3.0, dtype=np.float32), np.eye(4)), size=8)
    assert caught.value.reason == "flat_brain"


def test_bias_is_corrected_without_a_mask_but_only_in_part():
    template = load_template("icbm152_2009a", voxel_mm=4.0)
    brain = np.asarray(template.image.dataobj)
    ramp = np.linspace(0.6, 1.4, brain.shape[1], dtype=np.float32)[None, :, None]
    corrected = np.asarray(correct_bias_as_published(nib.Nifti1Image(brain * ramp, template.image.affine)).dataobj)
    white = brain > np.percentile(brain[brain > 0], 75)
    spread = [
        float((volume[white] / brain[white]).std() / (volume[white] / brain[white]).mean())
        for volume in (brain * ramp, corrected)
    ]
    assert spread[1] < 0.9 * spread[0], spread


def test_a_brain_is_found_inside_the_head_of_the_template(template: Template, head: nib.Nifti1Image, tmp_path: Path):
    shift = nib.affines.from_matvec(0.95 * np.eye(3), [6.0, -9.0, 12.0])
    brain = nib.Nifti1Image(np.asarray(template.image.dataobj), shift @ template.image.affine)
    found = register_to_template(
        brain, head, transform="as_published", seed=1, folder=tmp_path, template_mask=template.mask
    )
    moved = np.asarray(found.onto(template.image, brain, interpolation="spline").dataobj)
    inside = np.asarray(template.mask.dataobj) > 0
    still = np.asarray(template.image.dataobj)
    assert np.corrcoef(moved[inside], still[inside])[0, 1] > 0.95
    assert moved.min() < 0  # B-splines undershoot
    assert found.folds(template.mask) == 0.0
