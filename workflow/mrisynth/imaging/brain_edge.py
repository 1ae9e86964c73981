"""The edge of a roughly placed brain mask, drawn again where the intensities say that the brain ends."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from scipy import ndimage

FRACTION = 0.5  # of the tissue nearby: the fractional threshold of BET (Smith 2002, doi:10.1002/hbm.10062)
SURE_MM = 8.0  # deeper inside, the rough mask is believed
REACH_MM = 2.0  # the edge may move outwards by this much
NECK_MM = 2.0  # what hangs on by a thinner bridge (dura, scalp, eye) is no brain
SULCUS_MM = 8.0  # fluid in gaps narrower than twice this belongs to the brain


def refine_edge(rough: np.ndarray, head: nib.Nifti1Image) -> np.ndarray:
    """Draw the edge of a brain mask where the intensity falls below half of that of the tissue nearby.

    The local level is the mean of the intensities well inside the mask, weighted by a Gaussian of 8 mm. Voxels above
    half of it, near or inside the rough mask, are tissue; thin bridges are cut, the largest piece is kept, sulci are
    closed and holes filled. Dice of 144 IXI heads with their label maps: see ``benchmarks/brain_extraction.py``.

    Args:
        rough: bool [x, y, z].
        head: intensities at or above 0 on the same grid, best with voxels of about 2 mm.

    Returns:
        bool [x, y, z], inside ``rough`` grown by 2 mm.
    """
    if not rough.any():
        return rough
    voxel_mm = np.asarray(nib.affines.voxel_sizes(head.affine))
    pad = np.ceil((REACH_MM + SULCUS_MM) / voxel_mm).astype(int) + 1
    padded = [np.pad(volume, [(int(n), int(n)) for n in pad]) for volume in (rough, np.asarray(head.dataobj))]
    box = tuple(
        slice(int(where.min()) - int(n), int(where.max()) + int(n) + 1)
        for where, n in zip(np.nonzero(padded[0]), pad, strict=True)
    )
    refined = np.zeros_like(padded[0])
    refined[box] = _refine(padded[0][box], padded[1][box], voxel_mm)
    return refined[tuple(slice(int(n), -int(n)) for n in pad)]


def _refine(rough: np.ndarray, head: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    sure = _shrunk(rough, SURE_MM, voxel_mm)
    allowed = _grown(rough, REACH_MM, voxel_mm)
    tissue = (allowed & (head > FRACTION * _local_level(head, sure, voxel_mm))) | sure
    piece = _largest(_shrunk(tissue, NECK_MM, voxel_mm))
    piece = (_grown(piece, NECK_MM, voxel_mm) & tissue) | sure
    closed = _shrunk(_grown(piece, SULCUS_MM, voxel_mm), SULCUS_MM, voxel_mm)
    return ndimage.binary_fill_holes(closed) & allowed


def _local_level(head: np.ndarray, sure: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    weight = sure.astype(np.float32)
    total, share = (
        ndimage.gaussian_filter(volume, SURE_MM / voxel_mm, truncate=6) for volume in (head * weight, weight)
    )
    return total / np.maximum(share, 1e-9)


def _grown(mask: np.ndarray, distance_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    if not mask.any():
        return mask
    return ndimage.distance_transform_edt(~mask, sampling=voxel_mm) <= distance_mm + 0.1 * voxel_mm.min()


def _shrunk(mask: np.ndarray, distance_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(mask, sampling=voxel_mm) > distance_mm + 0.1 * voxel_mm.min()


def _largest(mask: np.ndarray) -> np.ndarray:
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
