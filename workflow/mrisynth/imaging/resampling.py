"""Resampling: one volume along its own axes to isotropic voxels."""

from __future__ import annotations

import nibabel as nib
import numpy as np


def resample_to_voxel(image: nib.Nifti1Image, *, voxel_mm: float) -> nib.Nifti1Image:
    """Resample to an isotropic grid along the volume's own axes, keeping its field of view and centre.

    Each axis is filtered once by a cubic kernel, as wide as the larger of the old and the new voxel asks for, and the
    result is clipped to the range of the input. A volume that has this voxel size already (to 0.1 %) is returned as
    it is.

    Args:
        image: [x, y, z] with any voxel sizes.
        voxel_mm: edge of the new voxels.

    Returns:
        float32 [x, y, z].
    """
    old_mm = np.asarray(nib.affines.voxel_sizes(image.affine))
    if np.allclose(old_mm, voxel_mm, rtol=1e-3):
        return image
    data = np.asarray(image.dataobj, dtype=np.float32)
    low, high = float(data.min()), float(data.max())
    step = voxel_mm / old_mm
    shape = np.maximum(np.rint(np.asarray(data.shape) / step), 1).astype(int)
    start = (np.asarray(data.shape) - 1) / 2 - step * (shape - 1) / 2
    for axis in range(3):
        weights = _cubic_weights(image.shape[axis], int(shape[axis]), step=float(step[axis]), start=float(start[axis]))
        data = np.tensordot(data, weights, axes=([0], [1]))  # the axis done goes last: after three, the order is back
    affine = image.affine @ nib.affines.from_matvec(np.diag(step), start)
    return nib.Nifti1Image(np.clip(data, low, high), affine)


def resample_brain(
    brain: nib.Nifti1Image, mask: np.ndarray, *, voxel_mm: float
) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    """Resample a brain that stands on a background of 0, so that no halo grows around it.

    Args:
        brain: [x, y, z], values at or above 0.
        mask: bool [x, y, z], true inside the brain.
        voxel_mm: edge of the new voxels.

    Returns:
        The brain, float32 [x, y, z], above 0 inside the new mask and exactly 0 outside; and that mask, uint8.
    """
    values = nib.Nifti1Image(np.asarray(brain.dataobj, dtype=np.float32) * mask, brain.affine)
    share = nib.Nifti1Image(mask.astype(np.float32), brain.affine)
    values, share = (resample_to_voxel(each, voxel_mm=voxel_mm) for each in (values, share))
    inside = np.asarray(share.dataobj) > 0.5
    data = np.asarray(values.dataobj)
    data = np.where(inside, np.maximum(data, 1e-6 * data.max()), 0).astype(np.float32)
    return nib.Nifti1Image(data, values.affine), nib.Nifti1Image(inside.astype(np.uint8), values.affine)


def _cubic_weights(source_length: int, length: int, *, step: float, start: float) -> np.ndarray:
    """Return the weights [length, source_length] of cubic convolution (Keys 1981, a = -1/2) along one axis.

    The kernel is widened by ``step`` when the new voxels are larger, so that nothing aliases; rows sum to 1, and the
    edge voxel continues beyond the field.
    """
    width = max(step, 1.0)
    centre = start + step * np.arange(length)
    reach = int(np.ceil(2 * width))
    taps = np.floor(centre)[:, None].astype(int) + np.arange(-reach, reach + 1)[None, :]
    distance = np.abs(taps - centre[:, None]) / width
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    kernel = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    weights = np.zeros((length, source_length))
    rows = np.broadcast_to(np.arange(length)[:, None], taps.shape)
    np.add.at(weights, (rows, np.clip(taps, 0, source_length - 1)), kernel)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
