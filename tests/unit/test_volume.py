"""Reading and writing volumes: what is refused, why, and that the rest keeps its place in the world."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import ScanError
from mrisynth.imaging.volume import read_volume, resample_to_voxel, write_volume


def head(shape=(40, 44, 36), voxel_mm=4.0, dtype=np.float32) -> nib.Nifti1Image:
    axes = np.meshgrid(*(np.linspace(-1, 1, length) for length in shape), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    data = np.clip(1 - radius, 0, 1) * 1000 + 50 * np.clip(axes[0], 0, 1)
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = -voxel_mm * np.asarray(shape) / 2
    return nib.Nifti1Image(data.astype(dtype), affine)


def saved(image: nib.Nifti1Image, path: Path) -> Path:
    nib.save(image, path)
    return path


def truncated(path: Path, share: float) -> Path:
    whole = saved(head(), path).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def with_data(path: Path, change) -> Path:
    data = head().get_fdata(dtype=np.float32)
    return saved(nib.Nifti1Image(change(data), head().affine), path)


def with_value(value: float):
    def change(data: np.ndarray) -> np.ndarray:
        data = data.copy()
        data[5, 5, 5] = value
        return data

    return change


def without_orientation(path: Path) -> Path:
    image = head()
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    return saved(image, path)


def flipped_bit(path: Path) -> Path:
    raw = bytearray(gzip.compress(gzip.decompress(saved(head(), path).read_bytes()), compresslevel=0))
    raw[len(raw) // 2] ^= 0x01
    path.write_bytes(raw)
    return path


def text(path: Path) -> Path:
    path.write_text("<html>404 not found</html>" * 400)
    return path


def nothing(path: Path) -> Path:
    path.write_bytes(b"")
    return path


BAD = {
    "missing": lambda path: path,
    "empty_file": nothing,
    "unreadable": text,
    "truncated": lambda path: truncated(path, 0.6),
    "truncated-in-header": lambda path: truncated(path, 0.002),
    "truncated-by-a-byte": lambda path: truncated(path, 0.9999),
    "truncated-flipped-bit": flipped_bit,
    "not_3d": lambda path: with_data(path, lambda data: np.stack([data, data], axis=-1)),
    "not_3d-slice": lambda path: saved(nib.Nifti1Image(np.ones((40, 40), np.float32), np.eye(4)), path),
    "not_finite": lambda path: with_data(path, with_value(np.nan)),
    "not_finite-infinite": lambda path: with_data(path, with_value(np.inf)),
    "constant": lambda path: with_data(path, lambda data: np.full_like(data, 7)),
    "few_values": lambda path: with_data(path, lambda data: (data > 300).astype(np.float32)),
    "voxel_size": lambda path: saved(head(voxel_mm=9.0), path),
    "voxel_size-metres": lambda path: saved(head(voxel_mm=0.004), path),
    "extent": lambda path: saved(head(voxel_mm=1.0), path),
    "too_few_slices": lambda path: saved(head(shape=(64, 64, 9)), path),
    "too_large": lambda path: saved(head(shape=(120, 120, 120), voxel_mm=2.0), path),
    "orientation_unknown": without_orientation,
    "not_scalar": lambda path: with_data(path, lambda data: data.astype(np.complex64)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_gives_reason_and_one_sentence_with_its_name(case: str, tmp_path: Path):
    path = BAD[case](tmp_path / "sub-07_T1w.nii.gz")
    with pytest.raises(ScanError) as caught:
        read_volume(path, max_voxels=100_000)
    reason = case.split("-")[0]
    assert caught.value.reason in ({reason, "unreadable"} if case == "truncated-in-header" else {reason})
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message and message.endswith(".")


def test_truncated_uncompressed_file(tmp_path: Path):
    with pytest.raises(ScanError) as caught:
        read_volume(truncated(tmp_path / "a.nii", 0.5))
    assert caught.value.reason == "truncated"


def test_good_file_becomes_ras_float32_and_keeps_world_positions(tmp_path: Path):
    image = head()
    turned = image.as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    assert nib.aff2axcodes(turned.affine) != ("R", "A", "S")
    read = read_volume(saved(turned, tmp_path / "turned.nii.gz"))
    assert nib.aff2axcodes(read.affine) == ("R", "A", "S")
    assert read.get_data_dtype() == np.float32
    np.testing.assert_allclose(read.affine, image.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(read.dataobj), np.asarray(image.dataobj))


def test_one_volume_in_four_dimensions_is_read(tmp_path: Path):
    data = head().get_fdata(dtype=np.float32)
    read = read_volume(saved(nib.Nifti1Image(data[..., None], head().affine), tmp_path / "a.nii.gz"))
    assert read.shape == data.shape


def test_stored_scale_factor_is_applied(tmp_path: Path):
    image = nib.Nifti1Image(head(dtype=np.int16).get_fdata().astype(np.int16), head().affine)
    image.header.set_slope_inter(0.5, 10)
    read = read_volume(saved(image, tmp_path / "a.nii.gz"))
    expected = head(dtype=np.int16).get_fdata() * 0.5 + 10
    np.testing.assert_allclose(np.asarray(read.dataobj), expected, atol=1e-3)


def test_thick_slices_pass(tmp_path: Path):
    data = np.random.default_rng(0).normal(size=(64, 64, 35)).astype(np.float32)
    path = saved(nib.Nifti1Image(data, np.diag([3.0, 3.0, 4.8, 1.0])), tmp_path / "thick.nii.gz")
    assert read_volume(path).shape == (64, 64, 35)


def test_written_header_carries_nothing_personal(tmp_path: Path):
    image = head()
    image.header["descrip"] = b"Jane Doe 1970-01-01"
    image.header["db_name"] = b"Jane Doe"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Jane Doe"))
    write_volume(image, tmp_path / "a.nii.gz")
    assert b"Jane" not in gzip.decompress((tmp_path / "a.nii.gz").read_bytes())
    written = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(written.affine, image.affine)
    assert written.header.get_xyzt_units()[0] == "mm"


def test_equal_volumes_give_equal_bytes(tmp_path: Path):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_volume(head(), tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_unit_range_keeps_zero_exactly(tmp_path: Path):
    data = head().get_fdata(dtype=np.float32) / 1100
    data[data < 0.2] = 0
    write_volume(nib.Nifti1Image(data, head().affine), tmp_path / "a.nii.gz", unit_range=True)
    written = nib.load(tmp_path / "a.nii.gz")
    assert written.get_data_dtype() == np.uint16
    values = written.get_fdata(dtype=np.float32)
    np.testing.assert_array_equal(values == 0, data == 0)
    np.testing.assert_allclose(values, data, atol=0.6 / 65535)


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
    image = head(voxel_mm=4.0)
    assert resample_to_voxel(image, voxel_mm=4.0) is image
