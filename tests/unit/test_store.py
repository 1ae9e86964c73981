"""The pyramid: exact averages, one pass, nothing half-written, rows that belong to their scans."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from mrisynth import store
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, sha256_of
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.volume import write_volume

SIZE = 24


def cubes(folder: Path, count: int = 3, size: int = SIZE) -> dict[str, Path]:
    rng = np.random.default_rng(1)
    paths = {}
    for number in range(count):
        cube = np.zeros((size, size, size), np.float32)
        cube[4:-4, 3:-5, 5:-2] = rng.uniform(1 / 255, 1, size=(size - 8, size - 8, size - 7))
        paths[f"sub-{number}"] = folder / f"sub-{number}.nii.gz"
        write_volume(nib.Nifti1Image(cube, grid_affine(size)), paths[f"sub-{number}"], unit_range=True)
    return paths


def block_mean(cube: np.ndarray, block: int) -> np.ndarray:
    n = cube.shape[0] // block
    return cube.reshape(n, block, n, block, n, block).mean(axis=(1, 3, 5))


def test_packed_rows_are_area_averages_in_order(tmp_path: Path):
    paths = cubes(tmp_path)
    store.build_pyramid(paths, tmp_path / "pyramid", sizes=[12, 24, 8])
    for size in (24, 12, 8):
        pyramid = store.open_pyramid(tmp_path / "pyramid", size)
        assert pyramid.images.dtype == np.uint8 and pyramid.size == size
        assert pyramid.scans == list(paths)
        for row, path in enumerate(paths.values()):
            expected = block_mean(nib.load(path).get_fdata(), SIZE // size) * 255
            assert np.abs(pyramid.images[row] - expected).max() <= 0.51
    np.testing.assert_array_equal(pyramid.rows(["sub-2", "sub-0"]), [2, 0])


def test_background_stays_exactly_zero_and_brain_above(tmp_path: Path):
    paths = cubes(tmp_path, count=1)
    store.build_pyramid(paths, tmp_path / "pyramid", sizes=[SIZE])
    packed = store.open_pyramid(tmp_path / "pyramid", SIZE).images[0]
    np.testing.assert_array_equal(packed > 0, nib.load(paths["sub-0"]).get_fdata() > 0)


def test_weights_are_exact_fractions():
    weights = store.overlap_weights(10, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    ratio = Fraction(10, 4)
    for row in range(4):
        for column in range(10):
            low, high = max(row * ratio, Fraction(column)), min((row + 1) * ratio, Fraction(column + 1))
            assert weights[row, column] == pytest.approx(float(max(high - low, 0) / ratio), abs=1e-6)


@pytest.mark.parametrize("size", [7, 10, 16, 23])
def test_any_ratio_keeps_the_mean_and_the_centre(size: int):
    cube = np.random.default_rng(2).uniform(size=(SIZE, SIZE, SIZE)).astype(np.float32)
    coarse = store.area_average(cube, store.overlap_weights(SIZE, size))
    assert coarse.shape == (size, size, size)
    assert coarse.mean() == pytest.approx(cube.mean(), rel=1e-5)
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.float32)[:, None, None], (SIZE,) * 3)
    expected = (np.arange(size) + 0.5) * SIZE / size - 0.5
    averaged = store.area_average(np.ascontiguousarray(ramp), store.overlap_weights(SIZE, size))
    np.testing.assert_allclose(averaged[:, 0, 0], expected, atol=0.1)
    np.testing.assert_allclose(averaged[:, -1, -1], expected, atol=0.1)


def test_index_records_source_and_row_checksums(tmp_path: Path):
    paths = cubes(tmp_path)
    store.build_pyramid(paths, tmp_path / "pyramid", sizes=[8, 24])
    index = read_table(tmp_path / "pyramid" / "index.tsv")
    assert list(index.columns) == ["row", "scan", "sha256", "sha256_8", "sha256_24"]
    assert list(index["sha256"]) == [sha256_of(path) for path in paths.values()]
    images = store.open_pyramid(tmp_path / "pyramid", 8).images
    assert [store.row_checksum(row) for row in images] == list(index["sha256_8"])
    assert len(set(index["sha256_8"])) == 3


def test_same_input_gives_same_bytes(tmp_path: Path):
    paths = cubes(tmp_path)
    for name in ("a", "b"):
        store.build_pyramid(paths, tmp_path / name, sizes=[12])
    for file in ("12.npy", "index.tsv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_failure_on_the_way_leaves_no_file_at_a_final_path(tmp_path: Path):
    paths = cubes(tmp_path)
    paths["sub-2"].write_bytes(paths["sub-2"].read_bytes()[:5000])
    with pytest.raises(MrisynthError, match=r"sub-2\.nii\.gz is cut short or damaged"):
        store.build_pyramid(paths, tmp_path / "pyramid", sizes=[12])
    assert list((tmp_path / "pyramid").iterdir()) == []


def test_size_larger_than_the_source_is_refused(tmp_path: Path):
    with pytest.raises(MrisynthError, match="Size 32 is larger than the preprocessed cubes of 24"):
        store.build_pyramid(cubes(tmp_path), tmp_path / "pyramid", sizes=[8, 32])


def test_nothing_to_pack_is_refused(tmp_path: Path):
    with pytest.raises(MrisynthError, match="nothing to pack"):
        store.build_pyramid({}, tmp_path, sizes=[8])


def test_cube_on_another_grid_is_refused(tmp_path: Path):
    paths = cubes(tmp_path, count=1)
    other = tmp_path / "other.nii.gz"
    write_volume(nib.Nifti1Image(np.zeros((SIZE,) * 3, np.float32), grid_affine(SIZE, field_mm=200)), other)
    with pytest.raises(MrisynthError, match=r"other\.nii\.gz lies on another grid"):
        store.build_pyramid(paths | {"other": other}, tmp_path / "pyramid", sizes=[8])


def test_values_outside_the_unit_range_are_refused(tmp_path: Path):
    path = tmp_path / "raw.nii.gz"
    write_volume(nib.Nifti1Image(np.full((SIZE,) * 3, 300, np.float32), grid_affine(SIZE)), path)
    with pytest.raises(MrisynthError, match=r"raw\.nii\.gz holds values outside"):
        store.build_pyramid({"raw": path}, tmp_path / "pyramid", sizes=[8])


def test_opening_what_is_missing_or_does_not_fit(tmp_path: Path):
    paths = cubes(tmp_path)
    store.build_pyramid(paths, tmp_path / "pyramid", sizes=[8])
    with pytest.raises(MrisynthError, match=r"12\.npy is not there"):
        store.open_pyramid(tmp_path / "pyramid", 12)
    with pytest.raises(MrisynthError, match="first: sub-9"):
        store.open_pyramid(tmp_path / "pyramid", 8).rows(["sub-0", "sub-9"])
    np.save(tmp_path / "pyramid" / "8.npy", np.zeros((2, 8, 8, 8), np.uint8))
    with pytest.raises(MrisynthError, match="build the pyramid again"):
        store.open_pyramid(tmp_path / "pyramid", 8)


def test_unit_scale_goes_there_and_back():
    values = np.arange(256, dtype=np.uint8)
    unit = store.to_unit(values)
    assert unit.dtype == np.float32 and unit[0] == -1 and unit[255] == 1
    np.testing.assert_array_equal(store.from_unit(unit), values)
    np.testing.assert_array_equal(store.from_unit(np.array([-3.0, 3.0])), [0, 255])
    tensor = torch.arange(256, dtype=torch.uint8)
    np.testing.assert_allclose(store.to_unit(tensor).numpy(), unit, atol=1e-6)
    assert torch.equal(store.from_unit(store.to_unit(tensor)), tensor)
