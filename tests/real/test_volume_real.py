"""Checks of files against real scans: none of them is refused for its header, and all are read as nibabel reads them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.imaging.nifti_stream import open_nifti
from mrisynth.imaging.volume import MAX_VOXELS, read_volume
from mrisynth.imaging.volume_checks import check_scalar, check_size_in_mm, checked_shape, stored_affine

pytestmark = pytest.mark.real


def test_no_header_of_156_real_scans_is_refused(shared_data: Path) -> None:
    paths = [*shared_data.glob("heads*/*.nii.gz"), *shared_data.glob("brains/*.nii.gz")]
    assert len(paths) == 156
    for path in paths:
        stream = open_nifti(path)
        shape = checked_shape(stream.shape, path, max_voxels=MAX_VOXELS)
        check_scalar(stream.dtype, path)
        affine = stored_affine(stream.header, stream.zooms_mm, path)
        check_size_in_mm(affine, shape, path)
        stream.check_length()
        np.testing.assert_array_equal(affine, nib.load(path).affine)


def test_real_scans_are_read_as_nibabel_reads_them(shared_data: Path) -> None:
    paths = [*sorted(shared_data.glob("heads/*.nii.gz"))[-3:], *sorted(shared_data.glob("brains/*.nii.gz"))[:1]]
    paths += sorted(shared_data.glob("heads_ixi_2mm/*.nii.gz"))[:2]
    assert len(paths) == 6
    for path in paths:
        expected = nib.as_closest_canonical(nib.load(path))
        found = read_volume(path)
        np.testing.assert_array_equal(found.affine, expected.affine)
        np.testing.assert_allclose(np.asarray(found.dataobj), expected.get_fdata(), rtol=1e-6)
