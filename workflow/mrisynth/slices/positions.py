"""Positions: which slices of every scan a study wants, as voxels of the cubic grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mrisynth.errors import ConfigError
from mrisynth.imaging.grid import FIELD_CENTRE, FIELD_MM, grid_affine
from mrisynth.planes import AXIS_ACROSS, PLANES


@dataclass(frozen=True, kw_only=True)
class SliceWish:
    """Slices of one plane that are wanted of every scan.

    Attributes:
        plane: ``axial``, ``coronal`` or ``sagittal``.
        mm: template coordinates across the plane in mm, RAS+: z (up), y (to the front) or x (to the right).
        index: voxels of a grid of ``of`` voxels a side over the same field, from 0; 127 of 256 is one.
        of: voxels a side of the grid that ``index`` counts in; None counts in the grid that is cut.
    """

    plane: str
    mm: tuple[float, ...] = ()
    index: tuple[int, ...] = ()
    of: int | None = None


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One slice of a volume of a given size.

    Attributes:
        plane: ``axial``, ``coronal`` or ``sagittal``.
        index: voxel across the plane.
        position_mm: template coordinate of that voxel's centre across the plane.
    """

    plane: str
    index: int
    position_mm: float

    @property
    def name(self) -> str:
        """Such as ``axial-063``."""
        return f"{self.plane}-{self.index:03d}"


def wishes_of(entries: Sequence[Mapping[str, Any]], *, key: str = "slices") -> list[SliceWish]:
    """Return the wishes of a configuration: ``[{plane: axial, mm: [0, 12]}, {plane: coronal, index: [127], of: 256}]``.

    Args:
        entries: mappings with ``plane`` and ``mm`` or ``index`` (a number or a list), and at will ``of``.
        key: configuration key, for errors.

    Raises:
        ConfigError: a plane, a key or a number is wrong, or nothing is wanted.
    """
    wishes = [_wish(entry, key=f"{key}.{place}") for place, entry in enumerate(entries)]
    if not wishes:
        raise ConfigError(f"{key} is empty; name a plane and a position, such as {{plane: axial, mm: [0]}}.")
    return wishes


def cuts_of(
    wishes: Sequence[SliceWish],
    *,
    size: int,
    field_mm: float = FIELD_MM,
    centre_mm: tuple[float, float, float] = FIELD_CENTRE,
    key: str = "slices",
) -> list[Cut]:
    """Return the voxel of each wanted slice in volumes of ``size`` voxels a side, in the order of the wishes.

    A coordinate stands for the voxel that holds it; on the border of two voxels it is the one to the right, front or
    top. An index of another grid stands for the voxel that holds the centre of that grid's voxel.

    Args:
        wishes: what is wanted.
        size: voxels a side of the volumes that are cut.
        field_mm: edge of the field of view.
        centre_mm: its centre in the template, x, y, z.
        key: configuration key, for errors.

    Raises:
        ConfigError: a position lies outside the field, or two are the same voxel.
    """
    cuts: dict[tuple[str, int], tuple[Cut, str]] = {}
    for wish in wishes:
        for position, words in _positions(wish, size=size, field_mm=field_mm, centre_mm=centre_mm, key=key):
            axis = AXIS_ACROSS[wish.plane]
            affine = grid_affine(size, field_mm=field_mm, centre_mm=centre_mm)
            voxel_mm, first_mm = affine[axis, axis], affine[axis, 3]
            low, high = first_mm - voxel_mm / 2, first_mm + voxel_mm * (size - 0.5)
            index = math.floor((position - low) / voxel_mm + 1e-9)
            if not 0 <= index < size:
                raise ConfigError(f"{key}: {words} lies outside the field, which goes from {low:g} to {high:g} mm.")
            cut = Cut(plane=wish.plane, index=index, position_mm=round(float(first_mm + index * voxel_mm), 6))
            if (wish.plane, index) in cuts:
                other = cuts[wish.plane, index][1]
                raise ConfigError(
                    f"{key}: {other} and {words} are one slice at {size} voxels ({cut.name}, {voxel_mm:g} mm thick); "
                    "leave one out or cut larger volumes."
                )
            cuts[wish.plane, index] = (cut, words)
    return [cut for cut, _ in cuts.values()]


def _positions(
    wish: SliceWish, *, size: int, field_mm: float, centre_mm: tuple[float, float, float], key: str
) -> list[tuple[float, str]]:
    """Return each wanted coordinate in mm, and words for it."""
    if wish.plane not in AXIS_ACROSS:
        raise ConfigError(f"{key}: the plane {wish.plane!r} is unknown; expected one of: {', '.join(PLANES)}.")
    grid = wish.of or size
    axis = AXIS_ACROSS[wish.plane]
    affine = grid_affine(grid, field_mm=field_mm, centre_mm=centre_mm)
    found = [(float(mm), f"{wish.plane} {mm:g} mm") for mm in wish.mm]
    for index in wish.index:
        if not 0 <= index < grid:
            raise ConfigError(
                f"{key}: there is no {wish.plane} slice {index} of {grid}; expected 0 to {grid - 1}, or give `of`, the "
                "number of voxels that the index counts in."
            )
        found.append((float(affine[axis, 3] + index * affine[axis, axis]), f"{wish.plane} {index} of {grid}"))
    return found


def _wish(entry: Mapping[str, Any], *, key: str) -> SliceWish:
    if unknown := sorted(set(entry) - {"plane", "mm", "index", "of"}):
        raise ConfigError(f"{key} has the unknown key {unknown[0]}; expected plane, mm, index and of.")
    if entry.get("plane") not in PLANES:
        raise ConfigError(f"{key}.plane is {entry.get('plane')!r}; expected one of: {', '.join(PLANES)}.")
    mm, index = (_listed(entry.get(name)) for name in ("mm", "index"))
    if not mm and not index:
        raise ConfigError(f"{key} names no position; give `mm` (template coordinates) or `index`.")
    if not all(_is_number(value) for value in mm):
        raise ConfigError(f"{key}.mm is {entry['mm']!r}; expected numbers, template coordinates in mm.")
    of = entry.get("of")
    if not all(_is_count(value) for value in index) or (of is not None and not (_is_count(of) and of > 0)):
        raise ConfigError(f"{key}: index is {entry.get('index')!r} of {of!r}; expected whole numbers from 0.")
    return SliceWish(plane=entry["plane"], mm=tuple(float(value) for value in mm), index=index, of=of)


def _listed(value: object) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
