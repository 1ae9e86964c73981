"""Positions of slices: template coordinates, indices of any grid, and what cannot be meant."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import ConfigError
from mrisynth.imaging.grid import FIELD_CENTRE, FIELD_MM, grid_affine
from mrisynth.slices.positions import SliceWish, cuts_of, wishes_of

AXIS = {"sagittal": 0, "coronal": 1, "axial": 2}


@pytest.mark.parametrize("size", [32, 64, 96, 128])
@pytest.mark.parametrize("plane", AXIS)
def test_a_coordinate_is_the_voxel_that_holds_it(plane: str, size: int) -> None:
    inverse, axis = np.linalg.inv(grid_affine(size)), AXIS[plane]
    for mm in np.random.default_rng(size).uniform(-70, 70, 20):
        (cut,) = cuts_of([SliceWish(plane=plane, mm=(mm,))], size=size)
        world = np.array(FIELD_CENTRE, dtype=float)
        world[axis] = mm
        assert abs(nib.affines.apply_affine(inverse, world)[axis] - cut.index) <= 0.5 + 1e-9
        world[axis] = cut.position_mm
        assert nib.affines.apply_affine(inverse, world)[axis] == pytest.approx(cut.index, abs=1e-6)


def test_an_index_means_the_same_place_at_every_size() -> None:
    published = SliceWish(plane="axial", index=(127,), of=256)
    found = {size: cuts_of([published], size=size)[0] for size in (32, 64, 96, 128, 256)}
    assert {size: cut.index for size, cut in found.items()} == {32: 15, 64: 31, 96: 47, 128: 63, 256: 127}
    for size, cut in found.items():
        assert abs(cut.position_mm - found[256].position_mm) <= FIELD_MM / size / 2 + 1e-9
    assert cuts_of([SliceWish(plane="axial", index=(20,))], size=32)[0].index == 20


def test_a_border_belongs_to_the_voxel_to_the_right_front_or_top() -> None:
    for plane, axis in AXIS.items():
        wish = SliceWish(plane=plane, mm=(FIELD_CENTRE[axis],))  # between the two middle voxels
        assert cuts_of([wish], size=64)[0].index == 32


def test_several_slices_keep_their_order_and_another_field_moves_them() -> None:
    wishes = wishes_of([{"plane": "coronal", "mm": [10, -20]}, {"plane": "axial", "index": 3, "of": 8}])
    assert [cut.plane for cut in cuts_of(wishes, size=64)] == ["coronal", "coronal", "axial"]
    assert [cut.name for cut in cuts_of(wishes, size=64)] == ["coronal-039", "coronal-031", "axial-028"]
    moved = cuts_of(wishes, size=64, field_mm=256.0, centre_mm=(0.0, 0.0, 0.0))
    assert [cut.index for cut in moved] == [34, 27, 28]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], "slices is empty"),
        ([{"plane": "axial"}], r"slices\.0 names no position"),
        ([{"plane": "axial", "mm": None}], "names no position"),
        ([{"plane": "transverse", "mm": 0}], "plane is 'transverse'; expected one of: axial"),
        ([{"plane": "axial", "mm": 0, "at": 3}], "unknown key at"),
        ([{"plane": "axial", "mm": ["0"]}], "expected numbers"),
        ([{"plane": "axial", "mm": [float("nan")]}], "expected numbers"),
        ([{"plane": "axial", "mm": [True]}], "expected numbers"),
        ([{"plane": "axial", "index": [0.5]}], "expected whole numbers"),
        ([{"plane": "axial", "index": [-1]}], "expected whole numbers"),
        ([{"plane": "axial", "index": 1, "of": 0}], "expected whole numbers"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_key(entries: list, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        wishes_of(entries)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (SliceWish(plane="oblique", mm=(0.0,)), "plane 'oblique' is unknown; expected one of: axial"),
        (SliceWish(plane="axial", mm=(200.0,)), r"axial 200 mm lies outside the field, which goes from -107 to 117 mm"),
        (SliceWish(plane="coronal", mm=(-129.1,)), r"from -129 to 95 mm"),
        (SliceWish(plane="axial", index=(127,)), "no axial slice 127 of 64; expected 0 to 63, or give `of`"),
        (SliceWish(plane="axial", mm=(0.0, 1.0)), r"axial 0 mm and axial 1 mm are one slice at 64 voxels \(axial-030"),
    ],
)
def test_a_position_that_cannot_be_cut_is_refused(wish: SliceWish, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        cuts_of([wish], size=64)
