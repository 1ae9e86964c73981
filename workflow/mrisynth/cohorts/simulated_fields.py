"""The voxel grid of a simulated head and smooth random fields on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LOWER_MM = (-92.0, -126.0, -124.0)  # edges of the field of view, RAS+; the origin is near the anterior commissure
UPPER_MM = (92.0, 106.0, 100.0)
SPLINE_GAIN = (151.0 / 315.0) ** 1.5  # standard deviation of a 3D cubic B-spline with unit normal coefficients


@dataclass(frozen=True)
class Grid:
    """A regular RAS+ grid over the field of view of every simulated head.

    Args:
        shape: voxels along x, y, z.
        voxel_mm: edge of the cubic voxel in mm.
        corner_mm: world coordinate of the centre of voxel (0, 0, 0) in mm.
    """

    shape: tuple[int, int, int]
    voxel_mm: float
    corner_mm: tuple[float, float, float]

    @property
    def affine(self) -> np.ndarray:
        """The 4x4 matrix from voxel to world mm."""
        affine = np.diag([self.voxel_mm, self.voxel_mm, self.voxel_mm, 1.0])
        affine[:3, 3] = self.corner_mm
        return affine

    @property
    def voxel_ml(self) -> float:
        """The volume of one voxel in mL."""
        return self.voxel_mm**3 / 1000.0

    def axes_mm(self) -> list[np.ndarray]:
        """Return the world coordinates of the voxel centres along x, y and z in mm."""
        return [low + self.voxel_mm * np.arange(n) for low, n in zip(self.corner_mm, self.shape, strict=True)]

    def crop(self, box: tuple[slice, slice, slice]) -> Grid:
        """Return the grid of the voxels inside ``box``."""
        starts = [part.start for part in box]
        corner = tuple(low + self.voxel_mm * start for low, start in zip(self.corner_mm, starts, strict=True))
        return Grid(tuple(part.stop - part.start for part in box), self.voxel_mm, corner)


def head_grid(voxel_mm: float) -> Grid:
    """Return the grid of a simulated head: 184 x 232 x 224 mm in cubic voxels of ``voxel_mm``."""
    shape = tuple(round((high - low) / voxel_mm) for low, high in zip(LOWER_MM, UPPER_MM, strict=True))
    return Grid(shape, voxel_mm, tuple(low + voxel_mm / 2 for low in LOWER_MM))


def smooth_field(
    generator: np.random.Generator, grid: Grid, *, spacing_mm: float, limit: float | None = None
) -> np.ndarray:
    """Draw a smooth random field of about zero mean and unit variance.

    The field is a cubic B-spline whose coefficients, on a lattice over the whole field of view, are independent
    normal draws: a function of world mm, so one generator gives one field on grids of any voxel size.

    Args:
        generator: the source of the coefficients.
        grid: the voxels.
        spacing_mm: spacing of the lattice; shorter is rougher.
        limit: largest absolute coefficient, before all are divided by ``SPLINE_GAIN`` to reach unit variance.

    Returns:
        float32 [x, y, z].
    """
    counts = [int(np.ceil((high - low) / spacing_mm)) + 3 for low, high in zip(LOWER_MM, UPPER_MM, strict=True)]
    field = generator.standard_normal(counts)
    if limit is not None:
        field = np.clip(field, -limit, limit)
    for axis, (axis_mm, low, count) in enumerate(zip(grid.axes_mm(), LOWER_MM, counts, strict=True)):
        basis = _spline_basis((axis_mm - low) / spacing_mm, count)
        field = np.moveaxis(np.tensordot(basis, field, axes=(1, axis)), 0, axis)
    return (field / SPLINE_GAIN).astype(np.float32)


def _spline_basis(position: np.ndarray, count: int) -> np.ndarray:
    """Return the [position, coefficient] matrix of uniform cubic B-spline weights; positions in lattice units."""
    distance = np.abs(position[:, None] - (np.arange(count)[None, :] - 1.0))
    near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    far = np.clip(2.0 - distance, 0.0, None) ** 3 / 6.0
    return np.where(distance < 1.0, near, far)
