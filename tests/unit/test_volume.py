"""Reading and writing volumes: what is refused, why, and that the rest keeps its place in the world."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import ScanError
from mrisynth.imaging.volume import read_volume, write_volume


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


def patched(path: Path, image: nib.Nifti1Image | None = None, **fields: object) -> Path:
    """Save a head and overwrite fields of its stored header, whatever they then say."""
    raw = gzip.decompress(saved(image or head(), path).read_bytes())
    header = nib.Nifti1Header(raw[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(gzip.compress(header.binaryblock + raw[348:], compresslevel=1))
    return path


def two_orientations(path: Path, *, sform: int, qform: int, turn: np.ndarray) -> Path:
    """Save a head whose qform is turned, or mirrored, against its sform."""
    image = head()
    image.set_qform(nib.affines.from_matvec(turn) @ image.affine, code=qform)
    image.set_sform(head().affine, code=sform)
    return saved(image, path)


def turned_about_z(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


MIRROR = np.diag([-1.0, 1.0, 1.0])


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
    "damaged": flipped_bit,
    "not_3d": lambda path: with_data(path, lambda data: np.stack([data, data], axis=-1)),
    "not_3d-slice": lambda path: saved(nib.Nifti1Image(np.ones((40, 40), np.float32), np.eye(4)), path),
    "not_finite": lambda path: with_data(path, with_value(np.nan)),
    "not_finite-infinite": lambda path: with_data(path, with_value(np.inf)),
    "not_finite-one-in-float64": lambda path: with_data(
        path, lambda data: with_value(-np.inf)(data.astype(np.float64))
    ),
    "constant-zero": lambda path: with_data(path, np.zeros_like),
    "constant": lambda path: with_data(path, lambda data: np.full_like(data, 7)),
    "few_values": lambda path: with_data(path, lambda data: (data > 300).astype(np.float32)),
    "voxel_size": lambda path: saved(head(voxel_mm=9.0), path),
    "voxel_size-tenth-of-a-millimetre": lambda path: saved(head(voxel_mm=0.1), path),
    "voxel_size-ten-millimetres": lambda path: saved(head(voxel_mm=10.0), path),
    "voxel_size-negative": lambda path: patched(path, pixdim=[1, -4, 4, 4, 0, 0, 0, 0]),
    "voxel_size-zero": lambda path: patched(path, pixdim=[1, 4, 4, 0, 0, 0, 0, 0]),
    "voxel_size-nan": lambda path: patched(path, pixdim=[1, 4, np.nan, 4, 0, 0, 0, 0]),
    "voxel_size-metres": lambda path: saved(head(voxel_mm=0.004), path),
    "extent": lambda path: saved(head(voxel_mm=1.0), path),
    "too_few_slices": lambda path: saved(head(shape=(64, 64, 9)), path),
    "too_large": lambda path: saved(head(shape=(120, 120, 120), voxel_mm=2.0), path),
    "orientation_unknown": without_orientation,
    "orientation_unknown-flat": lambda path: patched(path, srow_y=[0, 0, 0, 0], qform_code=0),
    "orientation_unknown-nan": lambda path: patched(path, srow_x=[np.nan, 0, 0, 0]),
    "orientation_unknown-no-rotation": lambda path: patched(path, sform_code=0, qform_code=1, quatern_b=3.0),
    "orientation_conflict-mirror": lambda path: two_orientations(path, sform=1, qform=1, turn=MIRROR),
    "orientation_conflict-turned": lambda path: two_orientations(path, sform=2, qform=2, turn=turned_about_z(3)),
    "orientation_conflict-voxels": lambda path: patched(
        path, sform_code=1, qform_code=1, pixdim=[1, 4, 4.2, 4, 0, 0, 0, 0]
    ),
    "orientation_conflict-other-spaces": lambda path: two_orientations(path, sform=2, qform=1, turn=MIRROR),
    "orientation_conflict-around": lambda path: two_orientations(path, sform=4, qform=1, turn=turned_about_z(180)),
    "not_scalar": lambda path: with_data(path, lambda data: data.astype(np.complex64)),
    "not_scalar-colours": lambda path: patched(path, datatype=128, bitpix=24),
    "scale_factors": lambda path: patched(path, scl_slope=1e37, scl_inter=0),
    "scale_factors-infinite": lambda path: patched(path, scl_slope=np.inf, scl_inter=0),
    "scale_factors-no-intercept": lambda path: patched(path, scl_slope=1, scl_inter=np.nan),
    "scale_factors-float64": lambda path: with_data(path, lambda data: data.astype(np.float64) * 1e40),
    "truncated-by-its-header": lambda path: patched(path, dim=[3, 40, 44, 37, 1, 1, 1, 1]),
    "overlong": lambda path: patched(path, dim=[3, 40, 44, 35, 1, 1, 1, 1]),
    "unreadable-type": lambda path: patched(path, datatype=9999),
    "unreadable-axes": lambda path: patched(path, dim=[0, 40, 44, 36, 1, 1, 1, 1]),
    "unreadable-magic": lambda path: patched(path, magic=b"abc"),
    "unreadable-offset": lambda path: patched(path, vox_offset=1e9),
    "too_few_slices-negative": lambda path: patched(path, dim=[3, -40, 44, 36, 1, 1, 1, 1]),
}


@pytest.mark.fault(11)
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


@pytest.mark.fault(11)
def test_every_reason_of_a_file_has_a_case_and_stands_in_the_documentation(repository: Path):
    listed = set(re.findall(r"``(\w+)``", read_volume.__doc__.split("with reason")[1]))
    assert listed == {case.split("-")[0] for case in BAD} | {"expansion"}  # test_nifti_stream has that one
    row = next(line for line in (repository / "docs" / "output.md").read_text().splitlines() if "| the file |" in line)
    assert listed <= set(re.findall(r"`(\w+)`", row))


@pytest.mark.fault(11)
def test_a_conflict_of_orientations_names_both(tmp_path: Path):
    path = two_orientations(tmp_path / "a.nii.gz", sform=1, qform=1, turn=MIRROR)
    with pytest.raises(ScanError, match=r"sform \(scanner, axes RAS\) and qform \(scanner, axes LAS\) are mirrored"):
        read_volume(path)


@pytest.mark.parametrize(("sform", "degrees"), [(1, 0.0), (1, 1.5), (2, 20.0), (4, 5.0)])
def test_orientations_of_one_space_that_agree_and_of_two_spaces_that_do_not_are_read(
    tmp_path: Path, sform: int, degrees: float
):
    path = two_orientations(tmp_path / "a.nii.gz", sform=sform, qform=1, turn=turned_about_z(degrees))
    np.testing.assert_allclose(read_volume(path).affine, head().affine)
    shifted = patched(tmp_path / "b.nii.gz", sform_code=1, qform_code=1, qoffset_x=7.0)
    np.testing.assert_allclose(read_volume(shifted).affine, head().affine)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_values_are_those_that_nibabel_reads(tmp_path: Path, order: str, kind: str, suffix: str):
    data = (head().get_fdata() / 5).astype(kind)
    header_class = {"u1": nib.Nifti2Image}.get(kind, nib.Nifti1Image)
    image = header_class(data.astype(order + kind), head().affine)
    image.header.set_data_dtype(order + kind)
    if order == ">":
        image = header_class(data, head().affine, header=image.header.as_byteswapped(">"))
    image.header.set_slope_inter(0.25, -3)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 100))
    path = saved(image, tmp_path / f"a{suffix}")
    np.testing.assert_allclose(np.asarray(read_volume(path).dataobj), nib.load(path).get_fdata(), rtol=1e-6)


def test_another_format_is_read_through_nibabel_and_refused_in_one_sentence(tmp_path: Path):
    image = nib.MGHImage(head().get_fdata(dtype=np.float32), head().affine)
    path = saved(image, tmp_path / "a.mgz")
    np.testing.assert_array_equal(np.asarray(read_volume(path).dataobj), np.asarray(image.dataobj))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ScanError) as caught:
        read_volume(path)
    assert caught.value.reason in ("truncated", "unreadable")


@pytest.mark.fault(11)
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


@pytest.mark.fault(26)
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
