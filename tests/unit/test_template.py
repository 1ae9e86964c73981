from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.template import load_template
from mrisynth.imaging.volume import write_volume


def head_and_mask() -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    axes = np.indices((50, 54, 48)) - 24
    radius = np.sqrt((axes**2).sum(axis=0))
    head = (20 + 900 * np.exp(-radius / 20)).astype(np.float32)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    return nib.Nifti1Image(head, affine), nib.Nifti1Image((radius < 18).astype(np.uint8), affine)


def test_icbm_brain_is_whole_and_repeats():
    fine = load_template("icbm152_2009a", voxel_mm=2.0)
    mask = np.asarray(fine.mask.dataobj) > 0
    assert mask.sum() * 0.008 == pytest.approx(1886, rel=0.01)  # mL
    np.testing.assert_array_equal(np.asarray(fine.image.dataobj) > 0, mask)
    assert nib.aff2axcodes(fine.image.affine) == ("R", "A", "S")
    assert fine.fingerprint == load_template("icbm152_2009a", voxel_mm=2.0).fingerprint
    assert fine.fingerprint != load_template("icbm152_2009a", voxel_mm=3.0).fingerprint


def test_head_with_its_mask_beside_it(tmp_path: Path):
    head, mask = head_and_mask()
    write_volume(head, tmp_path / "own.nii.gz")
    with pytest.raises(MrisynthError, match=r"own.*|background is not zero"):
        load_template(tmp_path / "own.nii.gz")
    write_volume(mask, tmp_path / "own_mask.nii.gz", dtype="uint8")
    template = load_template(tmp_path / "own.nii.gz")
    np.testing.assert_array_equal(np.asarray(template.mask.dataobj), np.asarray(mask.dataobj))
    np.testing.assert_array_equal(np.asarray(template.image.dataobj) > 0, np.asarray(mask.dataobj) > 0)
    np.testing.assert_array_equal(np.asarray(template.head.dataobj), np.asarray(head.dataobj))
    coarse = load_template(tmp_path / "own.nii.gz", voxel_mm=5.0)
    assert coarse.head.shape == coarse.image.shape and (np.asarray(coarse.head.dataobj) > 0).all()
    np.testing.assert_allclose(coarse.head.affine, coarse.image.affine)
    other = load_template(tmp_path / "own.nii.gz", mask_path=tmp_path / "own_mask.nii.gz")
    assert other.fingerprint == template.fingerprint


def test_writing_and_loading_a_template_changes_nothing(tmp_path: Path):
    template = load_template("icbm152_2009a", voxel_mm=4.0)
    write_volume(template.image, tmp_path / "T1w_brain.nii.gz")
    write_volume(template.mask, tmp_path / "brain_mask.nii.gz")
    again = load_template(tmp_path / "T1w_brain.nii.gz", mask_path=tmp_path / "brain_mask.nii.gz", voxel_mm=None)
    assert template.head is None and again.head is None
    np.testing.assert_array_equal(np.asarray(again.image.dataobj), np.asarray(template.image.dataobj))
    np.testing.assert_array_equal(np.asarray(again.mask.dataobj), np.asarray(template.mask.dataobj))


def test_a_head_that_was_written_comes_back_beside_its_brain(tmp_path: Path):
    head, mask = head_and_mask()
    write_volume(head, tmp_path / "own.nii.gz")
    write_volume(mask, tmp_path / "own_mask.nii.gz", dtype="uint8")
    template = load_template(tmp_path / "own.nii.gz", voxel_mm=4.0)
    names = {"brain": template.image, "mask": template.mask, "head": template.head}
    for name, volume in names.items():
        write_volume(volume, tmp_path / f"{name}.nii.gz")
    again = load_template(
        tmp_path / "brain.nii.gz", mask_path=tmp_path / "mask.nii.gz", head_path=tmp_path / "head.nii.gz"
    )
    np.testing.assert_array_equal(np.asarray(again.head.dataobj), np.asarray(template.head.dataobj))
    without = load_template(tmp_path / "brain.nii.gz", mask_path=tmp_path / "mask.nii.gz")
    assert without.head is None and without.fingerprint != again.fingerprint


def test_bad_masks_and_missing_files(tmp_path: Path):
    head, mask = head_and_mask()
    path = tmp_path / "own.nii.gz"
    write_volume(head, path)
    with pytest.raises(ScanError, match=r"gone\.nii\.gz is not there"):
        load_template(tmp_path / "gone.nii.gz")
    with pytest.raises(MrisynthError, match=r"no_mask\.nii\.gz is not there"):
        load_template(path, mask_path=tmp_path / "no_mask.nii.gz")
    write_volume(nib.Nifti1Image(np.asarray(mask.dataobj)[:-1], mask.affine), tmp_path / "short.nii.gz", dtype="uint8")
    with pytest.raises(MrisynthError, match="another grid"):
        load_template(path, mask_path=tmp_path / "short.nii.gz")
    write_volume(nib.Nifti1Image(np.zeros(head.shape, np.uint8), mask.affine), tmp_path / "empty.nii.gz", dtype="uint8")
    with pytest.raises(MrisynthError, match=r"empty\.nii\.gz is empty"):
        load_template(path, mask_path=tmp_path / "empty.nii.gz")


def test_folder_of_an_unpacked_icbm_archive(tmp_path: Path):
    head, mask = head_and_mask()
    folder = tmp_path / "mni_icbm152_nlin_sym_09c"
    with pytest.raises(MrisynthError, match="holds 0 files"):
        load_template(tmp_path)
    write_volume(head, folder / "mni_icbm152_t1_tal_nlin_sym_09c.nii")
    write_volume(mask, folder / "mni_icbm152_t1_tal_nlin_sym_09c_mask.nii", dtype="uint8")
    write_volume(mask, folder / "mni_icbm152_t1_tal_nlin_sym_09c_eye_mask.nii", dtype="uint8")
    template = load_template(tmp_path)
    np.testing.assert_array_equal(np.asarray(template.mask.dataobj), np.asarray(mask.dataobj))
