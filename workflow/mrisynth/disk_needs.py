"""What a study takes on disk as far as its configuration tells without building a network. Cheap to import."""

from __future__ import annotations

from collections.abc import Sequence

PREPROCESSED_BYTES = 0.84e6  # brain and mask of a scan at the size below, compressed (mean of 144 IXI scans)
PREPROCESSED_SIZE = 128
PICTURE_BYTES = 0.26e6
FILES_OF_A_SCAN = 8  # two records, brain, mask, picture, and those that are there for a while


def preprocessed_bytes(scans: int, *, size: int) -> float:
    """Return the bytes of the preprocessed brains of a cohort with their pictures.

    Args:
        scans: of the cohort.
        size: edge of the cube of a preprocessed brain, voxels.
    """
    return scans * (PREPROCESSED_BYTES * (size / PREPROCESSED_SIZE) ** 3 + PICTURE_BYTES)


def packed_bytes(scans: int, *, sizes: Sequence[int]) -> float:
    """Return the bytes of a cohort packed at several sizes, one byte a voxel."""
    return float(scans * sum(size**3 for size in sizes))


def sample_bytes(samples: int, *, size: int, nifti: int) -> float:
    """Return the bytes of the samples of a model, at both resolutions, and of those that are NIfTI as well."""
    voxels = size**3
    return float(samples * (voxels + voxels // 64) + nifti * 4 * voxels)
