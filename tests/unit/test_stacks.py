"""Stacks of images in one NIfTI file: axes, scales, and files of strangers."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.planes import drawn_slice
from mrisynth.slices.stacks import open_stack, write_stack
from mrisynth.store import from_unit, to_unit

COUNT, SIZE = 5, 8


def _images(channels: int = 1) -> np.ndarray:
    shape = (COUNT, SIZE, SIZE) if channels == 1 else (COUNT, SIZE, SIZE, channels)
    return np.random.default_rng(channels).integers(0, 256, shape).astype(np.uint8)


def _saved(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


def _header(shape: tuple[int, ...], kind: str = "f4") -> bytes:
    made = nib.Nifti1Header()
    made.set_data_dtype(kind)
    made["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    made["vox_offset"], made["magic"] = made.single_vox_offset, made.single_magic
    return made.binaryblock + bytes(4)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_written_stack_has_the_published_axes(channels: int, tmp_path: Path) -> None:
    images = to_unit(_images(channels))
    path = tmp_path / "Real8x8.nii.gz"
    write_stack(iter(images), path, count=COUNT, size=SIZE, channels=channels)
    image = nib.load(path)
    assert image.shape == (SIZE, SIZE, channels, COUNT)
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, np.eye(4))
    loaded = (
        image.get_fdata().swapaxes(0, 3).swapaxes(1, 2)
    )  # as the published loader turns [W, H, C, N] into N, C, H, W
    loaded = np.moveaxis(loaded, 1, -1) if channels == 3 else loaded[:, 0]
    np.testing.assert_array_equal(loaded[:, ::-1], images)  # the second axis grows upwards, as in a volume
    found = list(open_stack(path).images("unit"))
    np.testing.assert_array_equal(found, from_unit(images))
    np.testing.assert_array_equal(list(open_stack(path, first_row="top").values()), images[:, ::-1])


def test_a_slice_of_a_volume_and_its_stack_show_the_same_way_up(tmp_path: Path) -> None:
    """A stack made as published, from volume[:, :, z] in RAS+, reads as the axial slice that is drawn here."""
    volume = np.random.default_rng(1).random((SIZE, SIZE, SIZE)).astype(np.float32)
    path = _saved(tmp_path / "stack.nii.gz", volume[:, :, None, 2:4])
    np.testing.assert_array_equal(next(open_stack(path).values()), drawn_slice(volume, "axial", 2))


@pytest.mark.parametrize("affine", [np.diag([-1.0, 1, 1, 1]), np.diag([-2.0, -2, 2, 1]), np.eye(4)[[1, 0, 2, 3]]])
def test_the_affine_of_a_stack_turns_nothing(affine: np.ndarray, tmp_path: Path) -> None:
    array = np.random.default_rng(2).random((SIZE, SIZE, 1, COUNT)).astype(np.float32)
    plain, turned = _saved(tmp_path / "a.nii.gz", array), _saved(tmp_path / "b.nii.gz", array, affine)
    np.testing.assert_array_equal(list(open_stack(plain).values()), list(open_stack(turned).values()))


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_stack(to_unit(_images()), tmp_path / f"{name}.nii.gz", count=COUNT, size=SIZE)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_more_images_than_nifti_1_counts(tmp_path: Path) -> None:
    path = tmp_path / "many.nii.gz"
    values = np.linspace(-1, 1, 40_000, dtype=np.float32)
    write_stack((np.full((4, 4), value) for value in values), path, count=40_000, size=4)
    image = nib.load(path)
    assert isinstance(image, nib.Nifti2Image) and image.shape == (4, 4, 1, 40_000)
    np.testing.assert_array_equal(image.dataobj[2, 3, 0], values)
    assert open_stack(path).count == 40_000


def test_raw_intensities_are_scaled_by_image_or_by_array(tmp_path: Path) -> None:
    raw = np.random.default_rng(3).integers(0, 200, (SIZE, SIZE, COUNT)).astype(np.int16)
    raw[0, 0] = [1000, 400, 300, 200, 100 + 400]
    raw[1, 1] = -30
    stack = open_stack(_saved(tmp_path / "raw.nii.gz", raw))
    assert (stack.count, stack.channels) == (COUNT, 1)
    upright = raw.astype(float).clip(0)[:, ::-1].transpose(2, 1, 0)
    by_image = np.stack(list(stack.images("slice")))
    tops = upright.max(axis=(1, 2), keepdims=True)
    assert np.abs(by_image - upright / tops * 255).max() <= 0.5001
    published = (upright - tops / 2) / (tops / 2)  # -1..1
    assert np.abs(by_image / 127.5 - 1 - published).max() < 0.5001 / 127.5
    by_array = np.stack(list(stack.images("array")))
    assert np.abs(by_array - upright / 1000 * 255).max() <= 0.5001
    with pytest.raises(MrisynthError, match=r"values from -30 to 1000; expected -1 to 1\. Read raw"):
        list(stack.images("unit"))
    with pytest.raises(MrisynthError, match="'max' is unknown; expected one of: unit, slice, array"):
        list(stack.images("max"))


def test_images_that_show_nothing_become_reasons(tmp_path: Path) -> None:
    values = to_unit(_images()).transpose(2, 1, 0)[:, :, None].copy()
    values[..., 1] = -1
    values[2, 3, 0, 3] = np.nan
    found = list(open_stack(_saved(tmp_path / "a.nii.gz", values)).images("unit"))
    assert [getattr(image, "reason", None) for image in found] == [None, "constant", None, "not_finite", None]
    assert [getattr(image, "reason", None) for image in open_stack(tmp_path / "a.nii.gz").images("array")] == [
        None, "constant", None, "not_finite", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((8, 8), "not_a_stack"),
        ((8, 8, 2, 5), "not_a_stack"),
        ((8, 8, 1, 5, 2), "not_a_stack"),
        ((8, 0, 1, 5), "not_a_stack"),
        ((4096, 8, 1, 5), "too_large"),
        ((2048, 2048, 3, 30_000), "too_large"),
        ((256, 256, 1, 30_000), "truncated"),
    ],
)
def test_what_a_header_claims_is_judged_before_memory_is_taken(
    shape: tuple[int, ...], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(_header(shape) + bytes(100)))
    with pytest.raises(ScanError) as caught:
        open_stack(path)
    assert caught.value.reason == reason


def test_a_stack_that_unpacks_to_more_than_any_scan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(_header((256, 256, 1, 1024))) + gzip.compress(bytes(2**24)) * 16)
    with pytest.raises(ScanError) as caught:
        open_stack(path)
    assert caught.value.reason == "expansion"


def test_damage_inside_a_stack_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    write_stack(to_unit(_images()), path, count=COUNT, size=SIZE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ScanError) as caught:
        list(open_stack(path).images("unit"))
    assert caught.value.reason == "truncated"
    path.write_bytes(gzip.compress(_header((SIZE, SIZE, 1, COUNT)) + bytes(SIZE * SIZE * 4 * (COUNT + 1))))
    with pytest.raises(ScanError) as caught:
        list(open_stack(path).images("unit"))
    assert caught.value.reason == "overlong"
    with pytest.raises(ScanError, match="is not there; expected a stack"):
        open_stack(tmp_path / "absent.nii.gz")
    with pytest.raises(ScanError, match="complex64"):
        open_stack(_saved(tmp_path / "c.nii.gz", np.ones((8, 8, 1, 2), np.complex64)))


@pytest.mark.parametrize(
    ("change", "count", "words"),
    [
        (lambda images: images[:, :6], COUNT, r"image 0 is \(6, 8\)"),
        (lambda images: images * 1.5, COUNT, r"largest 1\.4\d*; expected 8 x 8 x 1 pixels in -1\.\.1"),
        (lambda images: np.where(images > 0.9, np.nan, images), COUNT, "largest nan"),
        (lambda images: images, COUNT + 1, "5 images came, 6 were announced"),
    ],
)
def test_what_no_stack_can_hold_is_not_written(change, count: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match=words):
        write_stack(change(to_unit(_images())), tmp_path / "a.nii.gz", count=count, size=SIZE)
    assert list(tmp_path.iterdir()) == []
