"""antspyx, repeatable: one thread, a seed for every call, and exact conversion from and to nibabel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"  # ITK reads it once, at its first use: before the import
os.environ.setdefault("ANTS_RANDOM_SEED", "1")

import ants
import nibabel as nib
import numpy as np

LPS = np.diag([-1.0, -1.0, 1.0])  # ITK's world axes point left and posterior, NIfTI's right and anterior


@contextmanager
def ants_seed(seed: int) -> Iterator[None]:
    """Seed the random sampling of ANTs for the calls in the block.

    ANTs reads the environment variable ``ANTS_RANDOM_SEED`` at every registration; the ``random_seed`` argument of
    antspyx is ignored. The results repeat bit for bit because ITK runs with one thread.
    """
    before = os.environ["ANTS_RANDOM_SEED"]
    os.environ["ANTS_RANDOM_SEED"] = str(seed % (2**31 - 2) + 1)
    try:
        yield
    finally:
        os.environ["ANTS_RANDOM_SEED"] = before


def to_ants(image: nib.Nifti1Image) -> ants.ANTsImage:
    """Return the same volume as an ANTs image, float32 [x, y, z] with the same axes and world position."""
    spacing = nib.affines.voxel_sizes(image.affine)
    return ants.from_numpy(
        np.ascontiguousarray(np.asarray(image.dataobj, dtype=np.float32)),
        origin=tuple(LPS @ image.affine[:3, 3]),
        spacing=tuple(spacing),
        direction=LPS @ image.affine[:3, :3] / spacing,
    )


def from_ants(image: ants.ANTsImage) -> nib.Nifti1Image:
    """Return the same volume as a nibabel image, float32 [x, y, z]."""
    affine = np.eye(4)
    affine[:3, :3] = LPS @ np.asarray(image.direction) * np.asarray(image.spacing)
    affine[:3, 3] = LPS @ np.asarray(image.origin)
    return nib.Nifti1Image(image.numpy().astype(np.float32, copy=False), affine)


def world_matrix(parameters: np.ndarray, fixed_parameters: np.ndarray) -> np.ndarray:
    """Return an ITK affine transform as a 4x4 matrix from RAS+ world mm to RAS+ world mm.

    Args:
        parameters: nine matrix entries row by row, then the translation (mm, LPS), as ITK stores them.
        fixed_parameters: centre of rotation (mm, LPS).
    """
    matrix = np.asarray(parameters[:9], dtype=np.float64).reshape(3, 3)
    centre = np.asarray(fixed_parameters[:3], dtype=np.float64)
    shift = np.asarray(parameters[9:12], dtype=np.float64) + centre - matrix @ centre
    return nib.affines.from_matvec(LPS @ matrix @ LPS, LPS @ shift)


def write_linear(matrix: np.ndarray, path: str | Path) -> None:
    """Write a map from RAS+ world mm to RAS+ world mm as an ANTs affine transform file (``.mat``).

    Args:
        matrix: float [4, 4].
        path: of the file; its folder is there.
    """
    transform = ants.create_ants_transform(
        transform_type="AffineTransform",
        dimension=3,
        matrix=LPS @ matrix[:3, :3] @ LPS,
        offset=LPS @ matrix[:3, 3],
    )
    ants.write_transform(transform, str(path))


def read_linear(path: str | Path) -> np.ndarray:
    """Read an ANTs affine transform file as float64 [4, 4], RAS+ world mm to RAS+ world mm."""
    transform = ants.read_transform(str(path))
    return world_matrix(np.asarray(transform.parameters), np.asarray(transform.fixed_parameters))
