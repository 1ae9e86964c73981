"""The tissue labels of one simulated brain: perturbed template maps whose volumes are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrisynth.cohorts import simulated_template as template
from mrisynth.cohorts.simulated_fields import SPLINE_GAIN, Grid, smooth_field
from mrisynth.cohorts.simulated_labels import LABELS

REFERENCE_INTRACRANIAL_ML = 1500.0
REFERENCE_SHARES = {  # of the intracranial volume, when the knob is 1
    "ventricles": 0.015,
    "grey_matter": 0.390,
    "hippocampus_left": 0.0024,
    "hippocampus_right": 0.0024,
}

Draw = Callable[[str], np.random.Generator]


@dataclass(frozen=True)
class Knobs:
    """The true anatomy of one participant, each 1.0 at the reference and free of the others.

    ``head_size`` multiplies the intracranial volume. ``ventricles``, ``grey_matter`` (cerebral cortex without the
    hippocampi) and the two hippocampi multiply their structure's share of the intracranial volume, so that a
    larger head has larger structures and unchanged shares.
    """

    ventricles: float
    grey_matter: float
    hippocampus_left: float
    hippocampus_right: float
    head_size: float

    def volumes_ml(self) -> dict[str, float]:
        """Return the volumes in mL that these knobs stand for."""
        total = self.head_size * REFERENCE_INTRACRANIAL_ML
        shares = {name: getattr(self, name) * share for name, share in REFERENCE_SHARES.items()}
        return {"intracranial": total} | {name: share * total for name, share in shares.items()}


class TemplateWarp:
    """The smooth one-to-one map from a head's world mm to template mm: pose, head size, shape and gyral pattern.

    Two B-spline displacements (lattices of 50 and 22 mm) are clipped to 6.2 and 6.0 mm: 0.124 + 0.273 spacings, in
    sum below the 0.403 that keep such a map one to one (Choi and Lee 2000).
    """

    def __init__(self, draw: Draw, *, head_size: float, template_ml: float) -> None:
        pose = draw("pose")
        angles = np.radians(np.clip(pose.normal(0.0, (3.0, 2.0, 2.0)), -7.0, 7.0))
        self.shift_mm = np.clip(pose.normal(0.0, 2.0, 3), -4.0, 4.0)
        stretch = np.exp(np.clip(draw("stretch").normal(0.0, 0.025, 3), -0.05, 0.05))
        volume_scale = (template_ml / (head_size * REFERENCE_INTRACRANIAL_ML)) ** (1.0 / 3.0)
        scale = np.diag(stretch / np.cbrt(stretch.prod()) * volume_scale)
        self.matrix = scale @ _rotation(angles)
        self._draw = draw

    def points_mm(self, grid: Grid) -> np.ndarray:
        """Return the template mm [3, x, y, z] (float32) of every voxel of ``grid``."""
        axes = [axis.astype(np.float32) - np.float32(s) for axis, s in zip(grid.axes_mm(), self.shift_mm, strict=True)]
        shape, gyri = self._draw("shape"), self._draw("gyri")
        points = np.empty((3, *grid.shape), dtype=np.float32)
        for row in range(3):
            weights = self.matrix[row].astype(np.float32)
            linear = (
                weights[0] * axes[0][:, None, None] + weights[1] * axes[1][:, None] + weights[2] * axes[2][None, None]
            )
            broad = smooth_field(shape, grid, spacing_mm=50.0, limit=2.0) * np.float32(3.1 * SPLINE_GAIN)
            fine = smooth_field(gyri, grid, spacing_mm=22.0, limit=2.0) * np.float32(3.0 * SPLINE_GAIN)
            points[row] = linear + broad + fine
        return points


def label_brain(
    draw: Draw, grid: Grid, points_mm: np.ndarray, *, knobs: Knobs, anatomy: template.Anatomy
) -> np.ndarray:
    """Label every voxel of ``grid`` (uint8 [x, y, z], 0 outside the brain; names in ``LABELS``).

    Args:
        draw: returns the generator of a named part of this head, the same at each call.
        grid: the voxels.
        points_mm: template mm [3, x, y, z] of the voxels (see :class:`TemplateWarp`).
        knobs: the volumes to reach.
        anatomy: the maps to perturb.

    Every knob's structure is the given number of voxels that lie deepest inside its perturbed map, so its volume
    is exact to one voxel; what is left over is white matter or cerebrospinal fluid.
    """
    volumes = knobs.volumes_ml()
    voxels = {name: max(1, round(volume / grid.voxel_ml)) for name, volume in volumes.items()}
    labels = np.zeros(grid.shape, dtype=np.uint8)
    inside = _lowest(anatomy.envelope.at(points_mm), voxels["intracranial"])
    points = points_mm + _widening_mm(volumes, anatomy) * np.stack([part.at(points_mm) for part in anatomy.push])

    fossa, hippocampi = _hippocampi(points, inside, voxels, anatomy)
    distance = anatomy.ventricles.at(points)
    distance += np.float32(0.8) * smooth_field(draw("ventricles"), grid, spacing_mm=14.0)
    hindbrain = (template.cerebellum(points) | template.brainstem(points)) & inside
    ventricles = _lowest(np.where(inside & ~fossa & ~hindbrain, distance, np.inf), voxels["ventricles"])

    folds = smooth_field(draw("folds"), grid, spacing_mm=9.0)
    tissue = anatomy.tissue.at(points)
    white_level = anatomy.white.at(points) + np.float32(0.13) * folds
    middle = template.central(points) | (distance < 4.0)
    solid = middle & (tissue > 0.5)
    cerebrum = inside & ~hindbrain & ~ventricles & ~fossa
    white = cerebrum & ((white_level > 0.5) | solid)
    labels[inside] = LABELS["cerebrospinal_fluid"]
    labels[white] = LABELS["white_matter"]
    labels[white & template.nuclei(points) & (anatomy.white.at(points) < 0.75)] = LABELS["deep_grey_matter"]
    _label_hindbrain(labels, points, hindbrain, tissue, white_level)
    labels[ventricles] = LABELS["ventricles"]
    for name, where in hippocampi.items():
        labels[where] = LABELS[name]

    core = white | ventricles | fossa
    depth = _ribbon_depth(draw, grid, core, white_level) + 3.0 * np.clip(0.85 - tissue, 0.0, None)
    cortex = _lowest(np.where(cerebrum & ~white, depth, np.inf), voxels["grey_matter"])
    labels[cortex] = LABELS["grey_matter"]
    return labels


def structure_volumes_ml(labels: np.ndarray, *, voxel_ml: float) -> dict[str, float]:
    """Return the volume in mL of every structure in ``LABELS`` and of them all together (``intracranial``)."""
    counts = np.bincount(labels.ravel(), minlength=max(LABELS.values()) + 1)
    volumes = {name: float(counts[value] * voxel_ml) for name, value in LABELS.items()}
    return {"intracranial": float(counts[1:].sum() * voxel_ml)} | volumes


def _lowest(score: np.ndarray, count: int) -> np.ndarray:
    """Return the mask of the ``count`` voxels of lowest score; infinite scores are never chosen."""
    flat = score.ravel()
    count = min(count, int(np.isfinite(flat).sum()))
    mask = np.zeros(flat.size, dtype=bool)
    mask[np.argpartition(flat, count)[:count] if count < flat.size else slice(None)] = True
    return mask.reshape(score.shape)


def _widening_mm(volumes: dict[str, float], anatomy: template.Anatomy) -> np.float32:
    """Return how far in mm the brain gives way so that the template's ventricles reach their share."""
    share = volumes["ventricles"] / volumes["intracranial"]
    radii = anatomy.ventricle_radii
    place = share * anatomy.volumes_ml["intracranial"] * 1000.0 / anatomy.ventricles.voxel_mm**3
    radius = float(radii[min(int(place), len(radii) - 1)])
    return np.float32(-np.clip(radius * np.exp(max(radius, 0.0) / template.PUSH_RANGE_MM), -2.0, 7.0))


def _hippocampi(
    points: np.ndarray, inside: np.ndarray, voxels: dict[str, int], anatomy: template.Anatomy
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the space kept free for the hippocampi, and each hippocampus within it."""
    distance = np.where(inside, anatomy.hippocampi.at(points), np.inf)
    fossa, masks = np.zeros(inside.shape, dtype=bool), {}
    for name, side in (("hippocampus_left", points[0] < 0.0), ("hippocampus_right", points[0] >= 0.0)):
        here = np.where(side, distance, np.inf)
        room = round(1.1 * voxels["intracranial"] * REFERENCE_SHARES[name])
        masks[name] = _lowest(here, voxels[name])
        fossa |= _lowest(here, max(room, voxels[name]))
    return fossa, masks


def _label_hindbrain(
    labels: np.ndarray, points: np.ndarray, hindbrain: np.ndarray, tissue: np.ndarray, white_level: np.ndarray
) -> None:
    solid = hindbrain & (tissue > 0.5)
    stem = template.brainstem(points)
    labels[solid] = LABELS["cerebellar_grey_matter"]
    labels[solid & ((white_level > 0.5) | stem)] = LABELS["white_matter"]


def _ribbon_depth(draw: Draw, grid: Grid, core: np.ndarray, white_level: np.ndarray) -> np.ndarray:
    """Return the distance in mm to the white surface, longer in sulci and where the cortex is thin."""
    distance, nearest = ndimage.distance_transform_edt(~core, sampling=grid.voxel_mm, return_indices=True)
    beyond_centre = np.clip((white_level - 0.5) / 0.15, 0.0, grid.voxel_mm)[tuple(nearest)]
    thickness = np.exp(np.float32(0.16) * smooth_field(draw("thickness"), grid, spacing_mm=28.0))
    depth = distance - beyond_centre
    between_banks = np.clip(depth - ndimage.gaussian_filter(depth, 3.0 / grid.voxel_mm), 0.0, None)
    return (np.minimum(depth, 4.0) + 2.0 * between_banks) / thickness


def _rotation(angles: np.ndarray) -> np.ndarray:
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
