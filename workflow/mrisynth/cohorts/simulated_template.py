"""The fixed anatomy that simulated heads start from: scalar maps in template space, made once per process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from nilearn import datasets
from scipy import ndimage

_PAD = 4
PUSH_RANGE_MM = 15.0  # how far from the ventricles the brain still gives way to them

_HIPPOCAMPUS = (  # centre line of the right hippocampus in template mm, and its radius
    ((22.0, -7.0, -20.0), 5.0),
    ((27.0, -13.0, -19.0), 6.0),
    ((30.0, -22.0, -14.0), 5.0),
    ((30.0, -31.0, -8.0), 4.2),
    ((23.0, -38.0, 0.0), 3.4),
)
_NUCLEI = (  # centre and radii in template mm: thalamus, caudate head and body, putamen with pallidum
    ((11.0, -18.0, 8.0), (10.0, 15.0, 9.0)),
    ((12.0, 13.0, 7.0), (7.0, 12.0, 10.0)),
    ((16.0, -2.0, 20.0), (4.0, 14.0, 5.0)),
    ((24.0, 3.0, 1.0), (8.5, 19.0, 12.0)),
)


@dataclass(frozen=True)
class TemplateMap:
    """A scalar map in template space: float32 [x, y, z], its voxel edge and the world mm of its first voxel."""

    values: np.ndarray
    voxel_mm: float
    corner_mm: np.ndarray

    def at(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the map at template points [3, ...] in mm by linear interpolation; its edge continues outside."""
        index = (points_mm - self.corner_mm.reshape(3, *[1] * (points_mm.ndim - 1))) / np.float32(self.voxel_mm)
        return ndimage.map_coordinates(self.values, index, order=1, mode="nearest", output=np.float32)


@dataclass(frozen=True)
class Anatomy:
    """Maps of the brain in template space.

    ``envelope``, ``ventricles`` and ``hippocampi`` are signed distances in mm, negative inside; ``white`` and
    ``tissue`` (grey + white) are fractions in [0, 1]; ``push`` is the direction, at most about 1 long, in which the
    brain gives way to widening ventricles; ``ventricle_radii`` are the sorted distances of the voxels around them;
    ``volumes_ml`` are those of the template itself.
    """

    envelope: TemplateMap
    white: TemplateMap
    tissue: TemplateMap
    ventricles: TemplateMap
    hippocampi: TemplateMap
    push: tuple[TemplateMap, TemplateMap, TemplateMap]
    ventricle_radii: np.ndarray
    volumes_ml: dict[str, float]


@lru_cache(maxsize=2)
def load_anatomy(resolution_mm: int) -> Anatomy:
    """Make the maps of the brain from the ICBM 2009a T1, grey and white maps that ship in nilearn.

    Args:
        resolution_mm: 1 or 2; the template is read at this voxel size.

    Source: Fonov et al. 2011, unbiased average age-appropriate atlases (the ICBM 2009a nonlinear symmetric average).
    """
    head = datasets.load_mni152_template(resolution=resolution_mm)
    grey = datasets.load_mni152_gm_template(resolution=resolution_mm).get_fdata(dtype=np.float32)
    white = datasets.load_mni152_wm_template(resolution=resolution_mm).get_fdata(dtype=np.float32)
    corner = head.affine[:3, 3].astype(np.float32)
    voxel = float(head.affine[0, 0])

    def as_map(values: np.ndarray) -> TemplateMap:
        return TemplateMap(np.ascontiguousarray(values, dtype=np.float32), voxel, corner)

    mask = ndimage.binary_fill_holes(head.get_fdata(dtype=np.float32) > 0.05)
    padded = _smooth(signed_distance(np.pad(mask, _PAD), voxel), 1.5, voxel)  # so that it closes below the medulla
    envelope = TemplateMap(padded, voxel, corner - np.float32(_PAD * voxel))
    points = world_points(mask.shape, voxel, corner)
    tissue = np.clip(grey + white, 0.0, 1.0)
    ventricles = _ventricle_mask(tissue, mask, points)
    narrow = np.exp(-((points[0] / 8.0) ** 2)) / (1.0 + np.exp((points[2] - 13.0) / 2.0))
    distance = _smooth(signed_distance(ventricles, voxel), 1.5, voxel) + 2.0 * narrow  # the third stays a slit
    hippocampi = np.minimum(_hippocampus(points, 1.0), _hippocampus(points, -1.0))
    return Anatomy(
        envelope=envelope,
        white=as_map(white),
        tissue=as_map(tissue),
        ventricles=as_map(distance),
        hippocampi=as_map(hippocampi),
        push=tuple(as_map(part) for part in (1.0 - 0.6 * narrow) * _push(distance, voxel)),
        ventricle_radii=np.sort(distance[(distance < 25.0) & mask]),
        volumes_ml={
            "intracranial": float(mask.sum() * voxel**3 / 1000),
            "ventricles": float(ventricles.sum() * voxel**3 / 1000),
            "hippocampus": float((hippocampi < 0).sum() * voxel**3 / 2000),
        },
    )


def world_points(shape: tuple[int, ...], voxel_mm: float, corner_mm: np.ndarray) -> np.ndarray:
    """Return the world mm [3, x, y, z] (float32) of the voxels of a grid."""
    axes = [corner_mm[a] + voxel_mm * np.arange(n, dtype=np.float32) for a, n in enumerate(shape)]
    return np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)


def signed_distance(mask: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Return the distance in mm to the surface of ``mask``, negative inside (float32, same shape)."""
    outside = ndimage.distance_transform_edt(~mask, sampling=voxel_mm)
    inside = ndimage.distance_transform_edt(mask, sampling=voxel_mm)
    return (outside - inside - voxel_mm * (0.5 - mask)).astype(np.float32)


def ellipsoid(points_mm: np.ndarray, centre_mm: tuple[float, ...], radii_mm: tuple[float, ...]) -> np.ndarray:
    """Return the scaled radius of points [3, ...]: below 1 inside the ellipsoid, 1 on its surface."""
    parts = (((points_mm[a] - centre_mm[a]) / radii_mm[a]) ** 2 for a in range(3))
    return np.sqrt(sum(parts))


def central(points_mm: np.ndarray) -> np.ndarray:
    """Tell which template points lie in the middle of the cerebrum, where no cortex is."""
    return ellipsoid(points_mm, (0.0, -8.0, 9.0), (32.0, 40.0, 20.0)) < 1.0


def nuclei(points_mm: np.ndarray) -> np.ndarray:
    """Tell which template points lie in the thalamus, caudate, putamen or pallidum of either side."""
    mirrored = np.stack([np.abs(points_mm[0]), points_mm[1], points_mm[2]])
    return np.logical_or.reduce([ellipsoid(mirrored, *part) < 1.0 for part in _NUCLEI])


def brainstem(points_mm: np.ndarray) -> np.ndarray:
    """Tell which template points lie in the column of midbrain, pons and medulla."""
    x, y, z = points_mm
    column = (np.abs(x) < 18.0) & (y < -10.0) & (z < -12.0)
    return column & (y > np.where(z < -46.0, -58.0, -38.0))


def cerebellum(points_mm: np.ndarray) -> np.ndarray:
    """Tell which template points lie below the tentorium and behind the brainstem."""
    x, y, z = points_mm
    tent = -3.0 - 0.5 * np.abs(x) - 0.35 * np.clip(-50.0 - y, 0.0, None)
    return (y < -36.0) & (z < tent)


def _ventricle_mask(tissue: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    fluid = (tissue < 0.5) & mask
    core = ellipsoid(points, (0.0, -12.0, 10.0), (34.0, 52.0, 24.0)) < 1.0
    cistern = (np.abs(points[0]) < 14.0) & (points[1] < -32.0) & (points[2] < 12.0)
    parts, count = ndimage.label(fluid & core & ~cistern & (points[2] > -8.0))
    sizes = ndimage.sum_labels(np.ones_like(parts), parts, np.arange(1, count + 1))
    middle = ndimage.mean(np.abs(points[0]), parts, np.arange(1, count + 1))
    keep = [k + 1 for k in range(count) if sizes[k] > 0.02 * sizes.max() and middle[k] < 30.0]
    return np.isin(parts, keep)


def _hippocampus(points: np.ndarray, side: float) -> np.ndarray:
    """Return the signed distance in mm to a chain of tapered capsules."""
    best = np.full(points.shape[1:], 60.0, dtype=np.float32)
    for (start, first), (stop, last) in pairwise(_HIPPOCAMPUS):
        a = np.array([side * start[0], start[1], start[2]], dtype=np.float32).reshape(3, 1, 1, 1)
        b = np.array([side * stop[0], stop[1], stop[2]], dtype=np.float32).reshape(3, 1, 1, 1)
        along = np.clip(((points - a) * (b - a)).sum(0) / ((b - a) ** 2).sum(), 0.0, 1.0)
        distance = np.sqrt(((points - a - along * (b - a)) ** 2).sum(0))
        best = np.minimum(best, distance - (first + along * (last - first)))
    return best


def _push(distance: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Return unit displacements [3, x, y, z] away from the ventricles that fade with the distance."""
    gradient = np.stack(np.gradient(_smooth(distance, 4.0, voxel_mm), voxel_mm))
    fade = np.exp(-np.clip(distance, 0.0, None) / PUSH_RANGE_MM) * np.clip(1.0 + distance / 6.0, 0.0, 1.0)
    return gradient * fade


def _smooth(values: np.ndarray, sigma_mm: float, voxel_mm: float) -> np.ndarray:
    return ndimage.gaussian_filter(values, sigma_mm / voxel_mm)
