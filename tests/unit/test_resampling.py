"""Resampling: fields, centres and ramps survive; nothing aliases."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from mrisynth.imaging.resampling import resample_to_voxel


def test_resampling_keeps_field_and_linear_ramps():
    shape, voxel = (60, 70, 50), np.array([1.5, 1.2, 2.4])
    image = nib.Nifti1Image(np.zeros(shape, np.float32), nib.affines.from_matvec(np.diag(voxel), [-40, -50, -60]))
    world = nib.affines.apply_affine(image.affine, np.moveaxis(np.indices(shape), 0, -1))
    ramp = nib.Nifti1Image((world @ [1.0, 2.0, -3.0]).astype(np.float32), image.affine)
    fine = resample_to_voxel(ramp, voxel_mm=2.0)
    np.testing.assert_allclose(nib.affines.voxel_sizes(fine.affine), 2.0)
    middle = [nib.affines.apply_affine(i.affine, (np.array(i.shape) - 1) / 2) for i in (ramp, fine)]
    np.testing.assert_allclose(*middle, atol=1e-4)
    world = nib.affines.apply_affine(fine.affine, np.moveaxis(np.indices(fine.shape), 0, -1))
    inner = (slice(4, -4),) * 3
    np.testing.assert_allclose(np.asarray(fine.dataobj)[inner], (world @ [1.0, 2.0, -3.0])[inner], atol=0.1)


def test_resampling_to_coarser_voxels_does_not_alias():
    pattern = np.indices((64, 64, 64)).sum(axis=0) % 2 * 100.0
    image = nib.Nifti1Image(pattern.astype(np.float32), np.diag([1.0, 1, 1, 1]))
    coarse = np.asarray(resample_to_voxel(image, voxel_mm=3.0).dataobj)[3:-3, 3:-3, 3:-3]
    assert abs(coarse - 50).max() < 3


def test_resampling_to_the_same_voxels_changes_nothing():
    image = nib.Nifti1Image(np.zeros((8, 9, 10), np.float32), np.diag([4.0, 4, 4, 1]))
    assert resample_to_voxel(image, voxel_mm=4.0) is image
