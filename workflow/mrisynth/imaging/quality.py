"""Measures of a preprocessed scan; what is too little or too much is judged in limits.py."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

ORIENTATION_SIZE = 32  # voxels a side at which the 48 orientations are compared


def measure_extraction(mask: np.ndarray, *, voxel_mm: float) -> dict[str, float]:
    """Return brain volume ``brain_ml`` (mL) and ``cut_fraction``, the share of the mask on the border of the field.

    Args:
        mask: bool [x, y, z] on an isotropic grid.
        voxel_mm: edge of its voxels.
    """
    return {"brain_ml": float(mask.sum()) * voxel_mm**3 / 1000.0, "cut_fraction": border_fraction(mask)}


def measure_intensity(head: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return how the intensities of a brain are spread before anything is corrected.

    Args:
        head: float32 [x, y, z], any scale.
        mask: bool [x, y, z], true inside the brain.

    Returns:
        ``intensity_range``, the distance of the 2nd and the 98th percentile inside the brain over its median; and
        ``clipped_fraction``, the share of the brain at its largest value (a saturated or cut-off scan). A brain whose
        median is 0 or less has no range: 0.
    """
    values = head[mask]
    if not values.size:
        return {"intensity_range": 0.0, "clipped_fraction": 0.0}
    low, middle, high = np.percentile(values, [2, 50, 98])
    return {
        "intensity_range": float((high - low) / middle) if middle > 0 else 0.0,
        "clipped_fraction": float((values >= values.max()).mean()),
    }


def measure_bias(head: np.ndarray, corrected: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return ``bias``, the standard deviation of the natural logarithm of the bias field inside the brain.

    Args:
        head: [x, y, z] before N4.
        corrected: [x, y, z] after N4.
        mask: bool [x, y, z].
    """
    where = mask & (head > 0) & (corrected > 0)
    field = np.log(head[where]) - np.log(corrected[where])
    return {"bias": float(field.std()) if field.size else 0.0}


def measure_registration(
    brain: np.ndarray, mask: np.ndarray, template: np.ndarray, template_mask: np.ndarray, *, matrix: np.ndarray
) -> dict[str, float]:
    """Compare a registered brain with the template; all arrays [x, y, z] on the same cube.

    Args:
        matrix: float [4, 4], template world mm to scan world mm, the linear part of the registration.

    Returns:
        ``overlap`` (Dice of the masks, 0..1), ``correlation`` (Pearson over the union of the masks, -1..1, 0 when
        flat), ``orientation_margin`` (see :func:`orientation_margin`), ``volume_ratio`` (volume of the scan's brain
        over that of the same brain in the template), ``rotation_deg`` (angle between the axes of scan and template,
        degrees) and ``outside_fraction`` (share of the registered mask on the border of the cube).
    """
    return {
        "overlap": dice(mask, template_mask),
        "correlation": correlation(brain, template, mask | template_mask),
        "orientation_margin": orientation_margin(brain, template, template_mask),
        "volume_ratio": float(abs(np.linalg.det(matrix[:3, :3]))),
        "rotation_deg": rotation_deg(matrix),
        "outside_fraction": border_fraction(mask),
    }


def orientation_margin(brain: np.ndarray, template: np.ndarray, template_mask: np.ndarray) -> float:
    """Return by how much the brain fits the template better as it lies than turned or mirrored in any other way.

    Both are cut to the cube about the template's brain and averaged to 32 voxels a side; the brain is then compared in
    all 48 orientations of the axes. The left-right mirror image counts as the same orientation, for the template is
    symmetric: a scan whose left and right are exchanged cannot be told from one that is right.

    Returns:
        Correlation as it lies minus the best correlation of the other orientations, -2..2; above 0 when it lies right.
    """
    own, other = _about_brain(brain, template_mask), _about_brain(template, template_mask)
    other = _standardised(other)
    fits = {}
    for axes, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        turned = own.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
        fits[axes, signs] = float((_standardised(turned) * other).mean())
    upright = max(fits.pop(((0, 1, 2), (sign, 1, 1))) for sign in (1, -1))
    return upright - max(fits.values())


def rotation_deg(matrix: np.ndarray) -> float:
    """Return the angle of the rotation that is nearest to a linear map (its polar factor), 0 to 180 degrees."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    rotation = left @ right
    cosine = (np.trace(rotation) * np.sign(np.linalg.det(rotation)) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Dice overlap of two masks, 0..1; two empty masks give 0."""
    total = int(first.sum()) + int(second.sum())
    return 2.0 * int((first & second).sum()) / total if total else 0.0


def border_fraction(mask: np.ndarray) -> float:
    """Return the share of a mask's voxels that lie in the outermost layer of the array."""
    inner = mask[1:-1, 1:-1, 1:-1].sum()
    total = mask.sum()
    return float((total - inner) / total) if total else 0.0


def correlation(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    """Return the Pearson correlation of two volumes over the voxels ``where``, 0 when one of them is flat."""
    a, b = first[where].astype(np.float64), second[where].astype(np.float64)
    if a.size < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _about_brain(volume: np.ndarray, template_mask: np.ndarray) -> np.ndarray:
    """The cube about the template's brain, [32, 32, 32]; 0 beyond the volume."""
    found = np.argwhere(template_mask)
    if not len(found):
        return np.zeros((ORIENTATION_SIZE,) * 3, dtype=np.float32)
    low, high = found.min(axis=0), found.max(axis=0) + 1
    edge = int((high - low).max())
    step = -(-edge // ORIENTATION_SIZE)  # whole voxels are averaged
    start = (low + high - step * ORIENTATION_SIZE) // 2
    wide = np.pad(volume, step * ORIENTATION_SIZE)
    begin = start + step * ORIENTATION_SIZE
    cut = wide[tuple(slice(b, b + step * ORIENTATION_SIZE) for b in begin)]
    blocks = cut.reshape(*(part for _ in range(3) for part in (ORIENTATION_SIZE, step)))
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)


def _standardised(volume: np.ndarray) -> np.ndarray:
    spread = float(volume.std())
    return (volume - volume.mean()) / spread if spread > 0 else np.zeros_like(volume)
