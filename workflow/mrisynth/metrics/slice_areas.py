"""Areas of tissue measured in the pixels of a slice, with no network and no fit to a cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrisynth.errors import MrisynthError

_BACKGROUND_TOP = 8  # networks draw their background a few units above 0
_LEAST_PIXELS = 50
_WHITE = 90.0  # percentile of the brain that lies in white matter
_START = np.array([0.2, 0.7, 1.0])  # of fluid, grey and white matter, as shares of white matter
_ROUNDS = 20
_LEAST_CONTRAST = 0.15  # of grey matter over fluid, as a share of white matter


@dataclass(frozen=True, kw_only=True)
class SliceLevels:
    """Brightness of pure tissues in one slice, 0..255; missing (NaN) where there is no brain to see them in.

    Attributes:
        csf: of fluid.
        grey: of grey matter.
        white: of white matter.
    """

    csf: float
    grey: float
    white: float


_UNKNOWN = SliceLevels(csf=np.nan, grey=np.nan, white=np.nan)


def slice_levels(image: np.ndarray) -> SliceLevels:
    """Return the brightness of fluid, grey and white matter in a T1-weighted slice of a brain without its skull.

    The brain is what is brighter than the background, less its outermost ring of pixels, which are partly background.
    Its brightness is divided into three kinds, each pixel to the nearest level and each level the median of its pixels,
    from usual shares of white matter on (k-medians); white matter starts as the 90th percentile. Of fluid the lower
    quartile is taken: in a slice most of its pixels are partly tissue.

    Args:
        image: uint8 [row, column], background 0.

    Returns:
        The levels; missing for fewer than 50 pixels of brain, or where grey matter is hardly brighter than fluid.
    """
    brain = ndimage.binary_erosion(ndimage.binary_fill_holes(image > _BACKGROUND_TOP))
    values = ndimage.median_filter(image, 3)[brain].astype(np.float64)
    if len(values) < _LEAST_PIXELS:
        return _UNKNOWN
    levels = _START * np.percentile(values, _WHITE)
    for _ in range(_ROUNDS):
        kinds = np.digitize(values, (levels[1:] + levels[:-1]) / 2)
        if len(np.unique(kinds)) < len(levels):
            return _UNKNOWN
        moved = np.array([np.median(values[kinds == kind]) for kind in range(len(levels))])
        if np.array_equal(moved, levels):
            break
        levels = moved
    csf = float(np.percentile(values[kinds == 0], 25))
    if levels[1] - csf < _LEAST_CONTRAST * levels[2]:
        return _UNKNOWN
    return SliceLevels(csf=csf, grey=float(levels[1]), white=float(levels[2]))


def tissue_areas_mm2(
    images: np.ndarray,
    region: np.ndarray,
    *,
    pixel_mm: float,
    dilate_mm: float = 2.0,
    levels: SliceLevels | None = None,
) -> np.ndarray:
    """Return the area of tissue inside a region of each slice, in mm2.

    A pixel as bright as grey matter or brighter is tissue, one as dark as fluid is none, and those between are partly
    tissue, by linear interpolation (:func:`slice_levels`). The region is where the structure may lie: it is widened, so
    that all of a structure that is larger or lies a little beside it is counted. Other tissue that moves into the
    region counts as well: areas of two groups of slices are to be compared, and no volume is to be read from them.

    Args:
        images: uint8 [n, row, column], T1-weighted, without skull, background 0; read one by one.
        region: float [row, column] or [n, row, column], 0..1, how much of each pixel belongs to the region: a
            probability or a label map of the slice.
        pixel_mm: edge of a pixel in mm.
        dilate_mm: radius by which the region is widened: each pixel gets the largest value within it.
        levels: where they are known already; None estimates them of each slice.

    Returns:
        float64 [n]; missing (NaN) where the levels are.

    Raises:
        MrisynthError: slices and region have different shapes, the region leaves 0..1, or the pixel has no size.
    """
    many = region.ndim == 3
    if images.ndim != 3 or region.shape != (images.shape if many else images.shape[1:]):
        raise MrisynthError(
            f"Slices {images.shape} and a region {region.shape}: expected [n, row, column] and its like."
        )
    if not pixel_mm > 0 or dilate_mm < 0 or (region.size and not (region.min() >= 0 and region.max() <= 1)):
        raise MrisynthError(
            f"A pixel of {pixel_mm} mm, a region of values up to {region.max(initial=0):g} and widened by {dilate_mm} "
            "mm; expected a size above 0, values of 0 to 1, and 0 mm or more."
        )
    disk = _disk(dilate_mm / pixel_mm)
    widened = None if many else widened_region(region, disk)
    areas = []
    for number in range(len(images)):
        image = np.asarray(images[number])
        own = slice_levels(image) if levels is None else levels
        share = widened_region(region[number], disk) if widened is None else widened
        tissue = np.clip((image - own.csf) / (own.grey - own.csf), 0.0, 1.0)
        areas.append(float((tissue * share).sum()) * pixel_mm**2)
    return np.array(areas, dtype=np.float64)


def widened_region(region: np.ndarray, disk: np.ndarray) -> np.ndarray:
    """Return a map [row, column] in which each pixel has the largest value that lies within a disk around it."""
    return ndimage.grey_dilation(region.astype(np.float64), footprint=disk, mode="constant")


def _disk(radius_pixels: float) -> np.ndarray:
    reach = int(radius_pixels)
    rows, columns = np.indices((2 * reach + 1,) * 2) - reach
    return np.hypot(rows, columns) <= radius_pixels + 1e-9
