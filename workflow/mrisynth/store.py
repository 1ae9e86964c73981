"""Packed arrays: all scans of one size in one memory-mapped file, and the index that says which row is which scan."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import nibabel as nib
import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.disk import allocate
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, read_table, sha256_of, write_table
from mrisynth.progress import track

TOP = 255.0
Array = TypeVar("Array")  # numpy array or torch tensor


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """The scans of one size.

    Attributes:
        images: memory-mapped uint8 [scan, x, y, z], RAS+, 0 = background, 255 = top of the robust brain range.
        scans: name of the scan in each row.
        path: the packed file.
    """

    images: np.ndarray
    scans: list[str]
    path: Path

    @property
    def size(self) -> int:
        """Voxels a side."""
        return int(self.images.shape[1])

    def rows(self, scans: Iterable[str]) -> np.ndarray:
        """Return the rows of the named scans, int64, in the order given; an unknown scan raises MrisynthError."""
        row_of = {scan: row for row, scan in enumerate(self.scans)}
        wanted = [str(scan) for scan in scans]
        unknown = [scan for scan in wanted if scan not in row_of]
        if unknown:
            raise MrisynthError(
                f"{len(unknown)} scans are not in {self.path} (first: {unknown[0]}); build the pyramid again from "
                "scans that passed."
            )
        return np.asarray([row_of[scan] for scan in wanted], dtype=np.int64)


def build_pyramid(volumes: Mapping[str, Path], folder: str | Path, *, sizes: Sequence[int]) -> None:
    """Pack scans at every size in one pass over their files.

    Writes ``folder/{size}.npy`` (uint8 [scan, x, y, z]) and, last, ``folder/index.tsv``: row, scan, sha256 of the
    source file, and ``sha256_{size}`` of each packed row. Nothing stands at a final path before it is whole.

    Args:
        volumes: scan to its cube (values 0..1, the same shape and affine for all), in the order of the rows.
        folder: receives the files.
        sizes: voxels a side, none larger than the source cube.

    Raises:
        MrisynthError: no scans, a cube that differs in shape or position, values outside 0..1, or a size too large.
    """
    folder = Path(folder)
    sizes = sorted(set(sizes))
    if not volumes or not sizes:
        raise MrisynthError(f"There is nothing to pack in {folder}: {len(volumes)} scans at {len(sizes)} sizes.")
    source = _grid_of(next(iter(volumes.values())))
    _check_sizes(sizes, source[0][0])
    weights = {size: overlap_weights(source[0][0], size) for size in sizes}
    index = []
    with ExitStack() as stack:
        packed = {}
        for size in sizes:
            unfinished = stack.enter_context(atomic(folder / f"{size}.npy"))
            shape = (len(volumes), size, size, size)
            packed[size] = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
            allocate(unfinished, unfinished.stat().st_size)
        for row, (scan, path) in enumerate(track(volumes.items(), "pyramid", len(volumes))):
            cube = _read_cube(path, source)
            entry: dict[str, Any] = {"row": row, "scan": scan, "sha256": sha256_of(path)}
            for size in sizes:
                packed[size][row] = _to_uint8(area_average(cube, weights[size]))
                entry[f"sha256_{size}"] = row_checksum(packed[size][row])
            index.append(entry)
        for array in packed.values():
            array.flush()
        (folder / "index.tsv").unlink(missing_ok=True)
    write_table(pd.DataFrame(index), folder / "index.tsv")


def open_pyramid(folder: str | Path, size: int) -> Pyramid:
    """Open the packed scans of one size without reading them.

    Raises:
        MrisynthError: the file or its index is missing, or they do not belong together.
    """
    folder = Path(folder)
    path = folder / f"{size}.npy"
    for needed in (path, folder / "index.tsv"):
        if not needed.is_file():
            raise MrisynthError(f"{needed} is not there; build the pyramid with size {size} first.")
    images = open_array(path)
    index = read_table(folder / "index.tsv")
    expected = (len(index), size, size, size)
    if images.dtype != np.uint8 or images.shape != expected or f"sha256_{size}" not in index:
        raise MrisynthError(
            f"{path} holds {images.dtype} {images.shape}, its index {expected}; remove both and build the "
            "pyramid again."
        )
    return Pyramid(images=images, scans=[str(scan) for scan in index["scan"]], path=path)


def overlap_weights(source_size: int, size: int) -> np.ndarray:
    """Return the share of each source voxel in each coarser voxel along one axis.

    Returns:
        float32 [size, source_size]; every row sums to 1. Any ratio: a source voxel that two coarser voxels share counts
        in both by the exact fraction of its length.
    """
    ratio = source_size / size
    low = np.arange(size)[:, None] * ratio
    source = np.arange(source_size)[None, :]
    covered = np.minimum(low + ratio, source + 1) - np.maximum(low, source)
    return (np.clip(covered, 0.0, None) / ratio).astype(np.float32)


def area_average(cube: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average a cube onto a coarser one, axis by axis.

    Args:
        cube: float32 [x, y, z].
        weights: [size, source_size] of :func:`overlap_weights`.
    """
    for _ in range(3):
        cube = np.tensordot(cube, weights, axes=([0], [1]))  # the axis done goes last: after three, the order is back
    return cube


def to_unit(images: Array) -> Array:
    """Return uint8 0..255 as float32 -1..1 (``value / 127.5 - 1``); numpy arrays and torch tensors alike."""
    if isinstance(images, np.ndarray):
        return images.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return images.float() / 127.5 - 1


def from_unit(images: Array) -> Array:
    """Return -1..1 as uint8 0..255, rounded and clipped; the inverse of :func:`to_unit`, numpy and torch alike."""
    if isinstance(images, np.ndarray):
        return np.clip(np.rint((images.astype(np.float32) + 1) * np.float32(127.5)), 0, TOP).astype(np.uint8)
    return ((images.float() + 1) * 127.5).round().clamp(0, TOP).byte()


def row_checksum(row: np.ndarray) -> str:
    """Return the SHA-256 of one packed scan's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest()


def _grid_of(path: Path) -> tuple[tuple[int, ...], np.ndarray]:
    image = nib.load(path)
    shape = tuple(int(length) for length in image.shape)
    if len(shape) != 3 or len(set(shape)) != 1:
        raise MrisynthError(f"{path} has shape {shape}; expected a cube as the registration stage writes it.")
    return shape, image.affine


def _check_sizes(sizes: Sequence[int], source_size: int) -> None:
    too_large = [size for size in sizes if size > source_size]
    if too_large:
        raise MrisynthError(
            f"Size {too_large[0]} is larger than the preprocessed cubes of {source_size} voxels; preprocess at "
            f"{too_large[0]} or more, or leave that size out."
        )
    if min(sizes) < 1:
        raise MrisynthError(f"Size {min(sizes)} is not a number of voxels; expected 1 or more.")


def _read_cube(path: Path, source: tuple[tuple[int, ...], np.ndarray]) -> np.ndarray:
    shape, affine = _grid_of(path)
    if shape != source[0] or not np.allclose(affine, source[1], atol=1e-3):
        raise MrisynthError(f"{path} lies on another grid than the first scan; preprocess all scans with one recipe.")
    try:
        cube = nib.load(path).get_fdata(dtype=np.float32)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise MrisynthError(f"{path} is cut short or damaged ({error}); remove it and preprocess it again.") from error
    if not np.isfinite(cube).all() or cube.min() < 0 or cube.max() > 1 + 1e-4:
        raise MrisynthError(f"{path} holds values outside 0..1; expected the scaled brain of the registration stage.")
    return cube


def _to_uint8(cube: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(cube * TOP), 0, TOP).astype(np.uint8)
