"""Drawn slices: where left, front and top of a head are, checked by the affine of the grid and not by the code."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.imaging.grid import FIELD_CENTRE, grid_affine
from mrisynth.planes import PLANES, drawn_slice, plane

SIZE = 16
PLACES_MM = {  # 60 mm from the centre of the field along one axis
    "left": (-60, 0, 0),
    "right": (60, 0, 0),
    "front": (0, 60, 0),
    "back": (0, -60, 0),
    "top": (0, 0, 60),
    "bottom": (0, 0, -60),
}
UPRIGHT = {  # plane: what lies at the left, right, upper and lower edge of its image
    "axial": ("left", "right", "front", "back"),
    "coronal": ("left", "right", "top", "bottom"),
    "sagittal": ("front", "back", "top", "bottom"),
}


def marked() -> tuple[np.ndarray, dict[str, int], tuple[int, int, int]]:
    """A volume with another value at each of six places in world coordinates, and the voxel of its centre."""
    to_voxel = np.linalg.inv(grid_affine(SIZE))
    volume = np.zeros((SIZE,) * 3, np.uint8)
    values = {}
    for value, (name, offset) in enumerate(PLACES_MM.items(), start=1):
        voxel = nib.affines.apply_affine(to_voxel, np.array(FIELD_CENTRE) + offset + 0.1)
        volume[tuple(np.rint(voxel).astype(int))] = value
        values[name] = value
    centre = np.rint(nib.affines.apply_affine(to_voxel, np.array(FIELD_CENTRE) + 0.1)).astype(int)
    return volume, values, tuple(int(index) for index in centre)


@pytest.mark.parametrize("name", PLANES)
def test_every_side_of_the_head_is_where_it_is_documented(name: str) -> None:
    volume, values, centre = marked()
    image = drawn_slice(volume, name, centre[{"axial": 2, "coronal": 1, "sagittal": 0}[name]])
    places = {value: np.argwhere(image == value)[0] for value in np.unique(image) if value}
    left, right, upper, lower = (places[values[side]] for side in UPRIGHT[name])
    assert len(places) == 4
    assert left[1] < SIZE // 2 - 2 and right[1] > SIZE // 2 + 1 and left[0] == right[0]
    assert upper[0] < SIZE // 2 - 2 and lower[0] > SIZE // 2 + 1 and upper[1] == lower[1]


def test_the_middle_slice_is_the_one_drawn_before() -> None:
    volume = np.random.default_rng(0).integers(0, 255, (32, 32, 32)).astype(np.uint8)
    np.testing.assert_array_equal(plane(volume, "axial"), volume[:, ::-1, 16].T)
    np.testing.assert_array_equal(plane(volume, "coronal"), volume[:, 16, ::-1].T)
    np.testing.assert_array_equal(plane(volume, "sagittal"), volume[14, ::-1, ::-1].T)


def test_what_is_not_there_is_refused() -> None:
    volume = np.zeros((8, 8, 8))
    with pytest.raises(MrisynthError, match="'oblique' is unknown, expected one of: axial"):
        drawn_slice(volume, "oblique", 0)
    with pytest.raises(MrisynthError, match="'oblique' is unknown"):
        plane(volume, "oblique")
    for index in (-1, 8):
        with pytest.raises(MrisynthError, match=f"no axial slice {index}; the volume has 8, from 0 to 7"):
            drawn_slice(volume, "axial", index)
