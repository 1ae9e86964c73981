"""Covariates measured in the pixels of slices: the area of a structure where label maps have it, and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mrisynth.metrics.slice_areas import tissue_areas_mm2

FLUID = ("ventricles",)
"""Structures that are fluid; of all others the tissue counts."""
_LEAST_SLICES = 10


@dataclass(frozen=True, kw_only=True)
class AreaMeasure:
    """One straight line a structure from its area in a slice to the covariate.

    Attributes:
        regions: covariate -> float [row, column], 0..1, where in slices its structure lies.
        pixel_mm: edge of a pixel.
        lines: covariate -> slope (unit per mm2) and value at no area.
    """

    regions: Mapping[str, np.ndarray]
    pixel_mm: float
    lines: Mapping[str, tuple[float, float]]

    @classmethod
    def fit(
        cls, images: np.ndarray, values: np.ndarray, names: Sequence[str], *, regions: Mapping[str, np.ndarray],
        pixel_mm: float,
    ) -> AreaMeasure:  # fmt: skip
        """Return the lines of least squares through real slices.

        A covariate with fewer than ten slices in which it is known and can be measured gets none.

        Args:
            images: uint8 [n, row, column].
            values: float [n, covariates], real units; NaN where unknown.
            names: of the covariates.
            regions, pixel_mm: see the class.
        """
        lines = {}
        for place, name in enumerate(names):
            if name not in regions:
                continue
            areas = structure_areas_mm2(images, regions[name], name=name, pixel_mm=pixel_mm)
            known = np.isfinite(areas) & np.isfinite(values[:, place])
            if known.sum() >= _LEAST_SLICES and np.ptp(areas[known]) > 0:
                slope, start = np.polyfit(areas[known], values[known, place], 1)
                lines[name] = (float(slope), float(start))
        return cls(regions=regions, pixel_mm=pixel_mm, lines=lines)

    def measure(self, images: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Return the covariates of slices, float64 [n, covariates]; NaN where there is no line or no brain.

        Args:
            images: uint8 [n, row, column].
            names: of the covariates.
        """
        found = np.full((len(images), len(names)), np.nan)
        for place, name in enumerate(names):
            if name in self.lines:
                slope, start = self.lines[name]
                areas = structure_areas_mm2(images, self.regions[name], name=name, pixel_mm=self.pixel_mm)
                found[:, place] = start + slope * areas
        return found


def structure_areas_mm2(images: np.ndarray, region: np.ndarray, *, name: str, pixel_mm: float) -> np.ndarray:
    """Return the area of a structure in slices, float64 [n] in mm2; NaN where no tissues can be told apart.

    Tissue within the region, see :func:`mrisynth.metrics.slice_areas.tissue_areas_mm2`; of a structure that is fluid,
    what of the region is no tissue. The region is not widened: what changes is how much of it the structure fills.

    Args:
        images: uint8 [n, row, column].
        region: float [row, column], 0..1.
        name: of the structure; its beginning says whether it is fluid.
        pixel_mm: edge of a pixel.
    """
    tissue = tissue_areas_mm2(images, region, pixel_mm=pixel_mm, dilate_mm=0.0)
    return float(region.sum()) * pixel_mm**2 - tissue if name.startswith(FLUID) else tissue
