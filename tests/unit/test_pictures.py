"""The mosaic of a scan: what it shows, at which side, and that nothing stops it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from mrisynth.imaging.pictures import WIDTH, write_mosaic

RED, CYAN = (255, 70, 70), (0, 205, 225)


def ball(size: int = 48, *, radius: float = 14.0, centre: tuple[float, float, float] | None = None) -> np.ndarray:
    lines = np.ogrid[:size, :size, :size]
    return sum((line - middle) ** 2 for line, middle in zip(lines, centre or (size / 2,) * 3, strict=True)) < radius**2


def pixels(path: Path) -> np.ndarray:
    return np.round(imread(path)[..., :3] * 255).astype(int)


def has(colour: tuple[int, int, int], picture: np.ndarray) -> np.ndarray:
    return (picture == colour).all(axis=-1)


@pytest.fixture
def head() -> dict:
    """A skull (bright), a brain in it (grey), and a face in front of it that is brighter than all."""
    skull = ball(96, radius=42) & ~ball(96, radius=38)
    brain = ball(96, radius=34)
    face = ball(96, radius=6, centre=(48, 95, 30))
    volume = np.where(skull, 800.0, np.where(brain, 400.0, 20.0)) + np.where(face, 5000.0, 0.0)
    return {"head": volume.astype(np.float32), "head_mask": brain, "head_voxel_mm": 2.0}


def cube(size: int) -> dict:
    mask = ball(size, radius=size * 0.3)
    noise = np.random.default_rng(1).uniform(0.3, 0.9, mask.shape)
    template = ball(size, radius=size * 0.33)
    return {"cube": np.where(mask, noise, 0).astype(np.float32), "cube_mask": mask, "template_mask": template}


@pytest.mark.parametrize("size", [32, 128, 256])
def test_mosaic_shows_head_and_brain_with_their_outlines(tmp_path, head, size):
    brain = cube(size)
    before = time.process_time()
    write_mosaic(tmp_path / "a" / "b.png", **head, **brain, title="sub-1: passed", lines=["overlap 0.95"])
    assert time.process_time() - before < 1.0  # 0.1 alone
    picture = pixels(tmp_path / "a" / "b.png")
    assert picture.shape[1] == WIDTH and 700 <= picture.shape[0] <= 1000
    assert (tmp_path / "a" / "b.png").stat().st_size < 300_000
    top, bottom = picture[: picture.shape[0] // 2], picture[picture.shape[0] // 2 + 40 :]
    assert has(RED, top).sum() > 1000 and not has(CYAN, top).any()
    assert has(RED, bottom).sum() > 1000 and has(CYAN, bottom).sum() > 1000


def test_equal_input_gives_equal_bytes(tmp_path, head):
    for name in ("a.png", "b.png"):
        write_mosaic(tmp_path / name, **head, **cube(32), title="sub-1")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"tEXt" not in (tmp_path / "a.png").read_bytes()


def test_left_is_left_and_up_is_up(tmp_path):
    """A bright spot in the right, front, top of the brain stands right in coronal, right in sagittal, up in axial."""
    mask = ball(64, radius=26)
    volume = np.where(mask, 0.2, 0).astype(np.float32)
    volume[36:, 36:, 36:][mask[36:, 36:, 36:]] = 1.0
    write_mosaic(tmp_path / "a.png", cube=volume, cube_mask=mask, template_mask=mask)
    bright = (pixels(tmp_path / "a.png") > 240).all(axis=-1)
    bright[:95] = False  # title and caption
    rows, columns = np.nonzero(bright)
    sagittal, coronal = (
        (rows < 255) & (columns > 410) & (columns < 620),
        (rows < 255) & (columns > 980) & (columns < 1120),
    )
    axial = rows > 270
    assert sagittal.sum() > 80 and coronal.sum() > 80 and axial.sum() > 80
    assert columns[sagittal].mean() > 515 and rows[sagittal].mean() < 172  # front is right, top is up
    panel = 1300 / 14  # half the pitch of the seven axial panels
    assert np.median(columns[axial] % (2 * panel)) > panel  # right is right
    assert np.median(rows[axial]) < 360  # front is up


def test_the_head_is_cropped_to_the_brain_so_that_the_face_is_not_shown(tmp_path, head):
    write_mosaic(tmp_path / "face.png", **head)
    write_mosaic(tmp_path / "none.png", **head | {"head": np.where(head["head"] > 2000, 20.0, head["head"])})
    assert (tmp_path / "face.png").read_bytes() == (tmp_path / "none.png").read_bytes()


def test_a_brain_that_was_put_elsewhere_is_still_shown(tmp_path):
    """Registered into a corner, away from the template: all of its outline and of the template's are inside."""
    good = cube(64)
    away = ball(64, radius=10, centre=(12, 52, 52))
    write_mosaic(tmp_path / "a.png", cube=away.astype(np.float32), cube_mask=away, template_mask=good["template_mask"])
    picture = pixels(tmp_path / "a.png")
    assert has(RED, picture).sum() > 300 and has(CYAN, picture).sum() > 1000


def test_a_mask_too_small_stands_in_the_brain_it_misses(tmp_path, head):
    """The picture of a fragment shows at least 130 mm, so that the cortex it misses can be seen."""
    fragment = ball(96, radius=6, centre=(48, 48, 60))
    write_mosaic(tmp_path / "a.png", **head | {"head_mask": fragment})
    shown = (pixels(tmp_path / "a.png")[90:] > 150).all(axis=-1)
    assert shown.sum() > 50_000


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"head": np.zeros((60, 70, 80), np.float32)},
        {"head": np.full((60, 70, 80), 7.0, np.float32), "head_mask": np.zeros((60, 70, 80), bool)},
        {"head": np.full((60, 70, 80), np.nan, np.float32), "head_mask": np.ones((60, 70, 80), bool)},
        {"head": np.full((20, 300, 9), 1e300), "head_mask": np.eye(300, 9, dtype=bool)[None].repeat(20, 0)},
        {"cube": np.zeros((32,) * 3, np.float32)},
        {"cube": np.zeros((32,) * 3, np.float32), "cube_mask": np.zeros((32,) * 3, bool), "template_mask": ball(32)},
        {"cube": np.full((32,) * 3, np.inf), "cube_mask": np.ones((32,) * 3, bool)},
    ],
)
@pytest.mark.filterwarnings("error")
def test_nothing_stops_a_picture(tmp_path, content):
    write_mosaic(tmp_path / "a.png", **content, title="sub-\n1 漢字" * 30, lines=["", "a\nb"] * 60)
    assert pixels(tmp_path / "a.png")[:30].max() > 200  # the title is there
