"""The picture people judge a scan by: the head with its brain mask, and the registered brain on the template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mrisynth.files import atomic

WIDTH = 1300  # pixels
HEAD_PIXELS_PER_MM = 0.97
HEAD_MARGIN_MM = 12.0  # shown around the mask: enough for skull and missing cortex, too little for a face
HEAD_LEAST_MM = 130.0  # shown along each axis, so that a mask far too small stands in what it misses

_RED, _CYAN = (255, 70, 70), (0, 205, 225)
_GREYS = 32  # levels of the PNG: more can hardly be told apart and cost bytes
_PAPER, _INK, _FAINT = 0, 235, 160
_TITLE, _SMALL, _LETTERS = 19, 14, 12  # font sizes, pixels
_HEADER, _CAPTION, _GAP = 62, 22, 4  # heights, pixels
_LINE_GAP = 22
_CELL = (173, 200, 173)  # pixels of a panel along x, y, z
_SAMPLED_VOXELS = 2e5  # for the window of display


@dataclass(frozen=True)
class _View:
    """A plane: axis across it, fractions of the box at which it is cut, and its letters left, right, up, down."""

    axis: int
    positions: tuple[float, ...]
    letters: str


_ROWS = (
    (_View(0, (0.27, 0.5, 0.73), "PASI"), _View(1, (0.2, 0.4, 0.6, 0.8), "LRSI")),
    (_View(2, (0.1, 0.23, 0.36, 0.5, 0.63, 0.76, 0.89), "LRAP"),),
)


@dataclass(frozen=True)
class _Block:
    """One volume with its outlines; its panels have the same place in every picture, so that a person can page."""

    caption: str
    volume: np.ndarray
    window: tuple[float, float]
    outlines: tuple[tuple[np.ndarray, int], ...]
    box: np.ndarray  # shown voxels, [axis, (first, last + 1)]
    cut: np.ndarray  # voxels that the positions divide, likewise
    most_pixels_per_voxel: float

    @property
    def height(self) -> int:
        return _CAPTION + sum(_CELL[1 if row[0].axis == 2 else 2] + _GAP for row in _ROWS)


def write_mosaic(
    path: str | Path,
    *,
    head: np.ndarray | None = None,
    head_mask: np.ndarray | None = None,
    head_voxel_mm: float = 1.0,
    cube: np.ndarray | None = None,
    cube_mask: np.ndarray | None = None,
    template_mask: np.ndarray | None = None,
    title: str = "",
    lines: Sequence[str] = (),
) -> None:
    """Write a PNG, 1300 pixels wide, of the head with its mask's outline and of the registered brain below it.

    The head is cropped to its mask and 12 mm around it. Red is the outline of the scan's own mask, cyan that of the
    template. Left of a picture is left. What is None is left out, so that a scan that failed has the best picture
    there is; empty, constant and not finite volumes are drawn as they are. Equal input gives equal bytes.

    Args:
        path: the PNG.
        head: float [x, y, z], RAS+, isotropic, any intensity scale; None for input that came without its skull.
        head_mask: bool [x, y, z] on the head's grid; None shows the whole head.
        head_voxel_mm: edge of the head's voxels, mm.
        cube: float [n, n, n], 0..1, RAS+: the registered brain.
        cube_mask: bool [n, n, n].
        template_mask: bool [n, n, n].
        title: one line above all.
        lines: measures, printed small after each other below the title.
    """
    blocks = [] if head is None else [_head_block(head, head_mask, head_voxel_mm)]
    blocks += [] if cube is None else [_brain_block(cube, cube_mask, template_mask)]
    shape = (_HEADER + sum(block.height for block in blocks), WIDTH)
    grey, colour = Image.new("L", shape[::-1], _PAPER), np.zeros(shape, dtype=np.uint8)
    _write_header(ImageDraw.Draw(grey), title, lines)
    top = _HEADER
    for block in blocks:
        _draw_block(block, grey, colour, top)
        top += block.height
    _save(np.asarray(grey), colour, path)


def _head_block(head: np.ndarray, mask: np.ndarray | None, voxel_mm: float) -> _Block:
    whole = np.array([[0, length] for length in head.shape])
    inside = _box_of(mask)
    box = whole
    if inside is not None:
        spare = HEAD_LEAST_MM - (inside[:, 1] - inside[:, 0]) * voxel_mm
        margin = np.ceil(np.maximum(HEAD_MARGIN_MM, spare / 2) / voxel_mm).astype(int)
        box = np.stack([np.maximum(inside[:, 0] - margin, 0), np.minimum(inside[:, 1] + margin, whole[:, 1])], axis=1)
    return _Block(
        caption="Head before extraction, with the outline of its brain mask",
        volume=head,
        window=_window(head, box, mask if inside is not None else None),
        outlines=((mask, 1),) if inside is not None else (),
        box=box,
        cut=box if inside is None else inside,
        most_pixels_per_voxel=HEAD_PIXELS_PER_MM * voxel_mm,
    )


def _brain_block(cube: np.ndarray, mask: np.ndarray | None, template_mask: np.ndarray | None) -> _Block:
    whole = np.array([[0, length] for length in cube.shape])
    boxes = [box for box in (_box_of(mask), _box_of(template_mask)) if box is not None] or [whole]
    shown = np.stack([np.min(boxes, axis=0)[:, 0], np.max(boxes, axis=0)[:, 1]], axis=1)
    margin = max(1, round(0.02 * max(cube.shape)))
    box = np.stack([np.maximum(shown[:, 0] - margin, 0), np.minimum(shown[:, 1] + margin, whole[:, 1])], axis=1)
    return _Block(
        caption="Brain on the template, with the outlines of its own mask and of the template's",
        volume=cube,
        window=(0.0, 1.0),
        outlines=tuple((each, index) for each, index in ((template_mask, 2), (mask, 1)) if each is not None),
        box=box,
        cut=boxes[-1],
        most_pixels_per_voxel=np.inf,
    )


def _box_of(mask: np.ndarray | None) -> np.ndarray | None:
    """The mask's first and last + 1 voxel along each axis, None where it has none."""
    if mask is None or not mask.any():
        return None
    lines = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return np.array([[line[0], line[-1] + 1] for line in lines])


def _window(volume: np.ndarray, box: np.ndarray, mask: np.ndarray | None) -> tuple[float, float]:
    """Black at the dark of the box, white a little above the bright of the brain, whatever skin and fat are."""
    part = tuple(slice(*edges) for edges in box)
    every = max(1, int((np.prod(box[:, 1] - box[:, 0]) / _SAMPLED_VOXELS) ** (1 / 3)))
    thin = (slice(None, None, every),) * 3
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(volume[part][thin], dtype=np.float32)
    finite = np.isfinite(values)
    inside = finite if mask is None or not mask[part][thin].any() else finite & mask[part][thin]
    if not inside.any():
        return 0.0, 1.0
    low = float(np.percentile(values[finite], 1.0))
    high = float(np.percentile(values[inside], 99.5))
    return low, low + 1.08 * (high - low)


def _draw_block(block: _Block, grey: Image.Image, colour: np.ndarray, top: int) -> None:
    write = ImageDraw.Draw(grey)
    write.text((12, top + 2), block.caption, fill=_FAINT, font=ImageFont.load_default(_SMALL))
    right = int(12 + write.textlength(block.caption, font=ImageFont.load_default(_SMALL)))
    for _, index in reversed(block.outlines):
        colour[top + 9 : top + 12, right + 10 : right + 32] = index
        right += 32
    spans = block.box[:, 1] - block.box[:, 0]
    scale = min(block.most_pixels_per_voxel, *(np.array(_CELL) / spans))
    top += _CAPTION
    for row in _ROWS:
        for view, position, left, (width, height) in _cells(row):
            index = min(int(block.cut[view.axis] @ (1 - position, position)), block.volume.shape[view.axis] - 1)
            size = tuple(max(1, round(scale * spans[axis])) for axis in range(3) if axis != view.axis)
            corner = (left + (width - size[0]) // 2, top + (height - size[1]) // 2)
            grey.paste(_shades(_plane(block.volume, block.box, view.axis, index), block.window, size), corner)
            for mask, number in block.outlines:
                line = _outline(_plane(mask, block.box, view.axis, index), size)
                part = colour[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]]
                part[line] = number
            if position == view.positions[0]:
                _letter(write, view.letters, (left, top, left + width, top + height))
        top += height + _GAP


def _cells(row: Sequence[_View]) -> Iterator[tuple[_View, float, int, tuple[int, int]]]:
    """Each panel of a row: view, position, left edge, (width, height); what is left of the width goes between them."""
    panels = [(view, position) for view in row for position in view.positions]
    sizes = [(_CELL[1 if view.axis == 0 else 0], _CELL[1 if view.axis == 2 else 2]) for view, _ in panels]
    space = (WIDTH - sum(width for width, _ in sizes)) / (len(sizes) + 1)
    left = space
    for (view, position), size in zip(panels, sizes, strict=True):
        yield view, position, round(left), size
        left += size[0] + space


def _letter(write: ImageDraw.ImageDraw, letters: str, edges: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = edges
    middle = ((left + right) // 2, (top + bottom) // 2)
    places = ((left + 4, middle[1]), (right - 4, middle[1]), (middle[0], top + 4), (middle[0], bottom - 4))
    font = ImageFont.load_default(_LETTERS)
    for letter, place, anchor in zip(letters, places, ("lm", "rm", "mt", "mb"), strict=True):
        write.text(place, letter, fill=_INK, font=font, anchor=anchor, stroke_width=2, stroke_fill=0)


def _plane(volume: np.ndarray, box: np.ndarray, axis: int, index: int) -> np.ndarray:
    """One plane of the box, rows downward and columns to the right: sagittal [z, y], coronal [z, x], axial [y, x]."""
    part = tuple(index if each == axis else slice(*box[each]) for each in range(3))
    return np.asarray(volume[part]).T[::-1]


def _shades(plane: np.ndarray, window: tuple[float, float], size: tuple[int, int]) -> Image.Image:
    low, high = window
    with np.errstate(over="ignore", invalid="ignore"):
        shades = (np.asarray(plane, dtype=np.float32) - low) * (255 / (high - low) if high > low else 0)
    shades = np.clip(np.nan_to_num(shades, nan=0.0), 0, 255).astype(np.uint8)
    return Image.fromarray(shades).resize(size, Image.Resampling.BICUBIC)


def _outline(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The rim of the mask at the size of the picture, one pixel wide, bool [row, column]."""
    image = Image.fromarray(plane.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    inside = np.pad(np.asarray(image) > 127, 1)
    core = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return inside[1:-1, 1:-1] & ~core


def _write_header(write: ImageDraw.ImageDraw, title: str, lines: Sequence[str]) -> None:
    """Title, then the lines after each other; what does not fit into two rows is left to the tables."""
    write.text((12, 6), " ".join(title.split()), fill=_INK, font=ImageFont.load_default(_TITLE))
    font = ImageFont.load_default(_SMALL)
    left, top = 12.0, 33
    for line in (" ".join(line.split()) for line in lines):
        width = write.textlength(line, font=font)
        if left > 12 and left + width > WIDTH - 12:
            left, top = 12.0, top + _SMALL + 2
        if top + _SMALL > _HEADER:
            return
        write.text((left, top), line, fill=_INK, font=font)
        left += width + _LINE_GAP


def _save(grey: np.ndarray, colour: np.ndarray, path: str | Path) -> None:
    shades = (grey.astype(np.uint16) * (_GREYS - 1) + 127) // 255
    levels = [(round(255 * level / (_GREYS - 1)),) * 3 for level in range(_GREYS)]
    pixels = np.where(colour > 0, _GREYS - 1 + colour, shades).astype(np.uint8)
    picture = Image.fromarray(pixels, mode="P")
    picture.putpalette([part for level in (*levels, _RED, _CYAN) for part in level])
    with atomic(path) as unfinished:
        picture.save(unfinished, format="PNG", compress_level=6)
