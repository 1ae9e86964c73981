"""Reading 2D images: every kind of pixel, every kind of damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrisynth.errors import ScanError
from mrisynth.imaging.grey_image import read_colour, read_grey, shape_of, to_square

RAMP = (np.arange(32)[:, None] * 4 + np.arange(48)[None, :] * 2).astype(np.uint8)  # 32 rows, 48 columns


def _saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def test_grey_keeps_its_values_and_axes(tmp_path: Path) -> None:
    path = _saved(tmp_path / "a.png", Image.fromarray(RAMP))
    assert np.array_equal(read_grey(path), RAMP)
    assert shape_of(path) == (32, 48)
    lossy = read_grey(_saved(tmp_path / "a.jpeg", Image.fromarray(RAMP), quality=95))
    assert np.abs(lossy.astype(int) - RAMP).max() < 8


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    values = RAMP.astype(np.uint16) * 257
    assert np.array_equal(read_grey(_saved(tmp_path / "a.png", Image.fromarray(values))), RAMP)
    values[0, 0] = 65535
    assert read_grey(_saved(tmp_path / "b.png", Image.fromarray(values)))[0, 0] == 255


def test_colour_is_read_as_it_is_and_grey_three_times(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    path = _saved(tmp_path / "colour.png", Image.fromarray(values))
    assert np.array_equal(read_colour(path), values)
    alpha = np.full((32, 48, 1), 51, np.uint8)  # a fifth, over black
    path = _saved(tmp_path / "clear.png", Image.fromarray(np.concatenate([values, alpha], axis=2)))
    assert np.array_equal(read_colour(path), np.rint(values / 5).astype(np.uint8))
    for name, picture in (("a.png", RAMP), ("b.png", RAMP.astype(np.uint16) * 257)):
        found = read_colour(_saved(tmp_path / name, Image.fromarray(picture)))
        assert np.array_equal(found, np.repeat(RAMP[..., None], 3, axis=2))


def test_colour_follows_the_stated_weights(tmp_path: Path) -> None:
    equal = Image.merge("RGB", [Image.fromarray(RAMP)] * 3)
    assert np.array_equal(read_grey(_saved(tmp_path / "equal.png", equal)), RAMP)
    assert np.array_equal(read_grey(_saved(tmp_path / "palette.png", Image.fromarray(RAMP).convert("P"))), RAMP)
    colour = np.zeros((32, 48, 4), dtype=np.uint8)
    colour[:16] = (255, 0, 0, 255)
    colour[16:, :24] = (0, 255, 0, 255)
    colour[16:, 24:] = (0, 0, 255, 51)  # a fifth opaque, over black
    grey = read_grey(_saved(tmp_path / "colour.png", Image.fromarray(colour)))
    assert [grey[0, 0], grey[20, 0], grey[20, 40]] == [76, 150, 6]
    bits = read_grey(_saved(tmp_path / "bits.png", Image.fromarray(RAMP > 90)))
    assert set(np.unique(bits)) == {0, 255}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "missing"),
        (lambda path: path.write_bytes(b""), "empty_file"),
        (lambda path: path.write_bytes(b"not a picture" * 30), "unreadable"),
        (lambda path: Image.fromarray(np.full((32, 32), 7, np.uint8)).save(path), "constant"),
        (lambda path: Image.fromarray(RAMP[:8]).save(path), "wrong_size"),
        (lambda path: Image.fromarray(np.zeros((16, 9000), np.uint8)).save(path), "wrong_size"),
    ],
)
def test_damage_has_a_reason(tmp_path: Path, make, reason: str) -> None:
    make(tmp_path / "a.png")
    with pytest.raises(ScanError, match=r"a\.png") as error:
        read_grey(tmp_path / "a.png")
    assert error.value.reason == reason


@pytest.mark.parametrize("suffix", ["jpeg", "png"])
def test_a_cut_file_is_truncated(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    path = _saved(tmp_path / f"a.{suffix}", Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ScanError) as error:
        read_grey(path)
    assert error.value.reason == "truncated"


def test_the_square_keeps_aspect_centre_and_mean() -> None:
    image = np.zeros((20, 40), dtype=np.uint8)
    image[8:12, 18:22] = 200
    small = to_square(image, size=10)
    assert small.shape == (10, 10)
    assert small[4, 4] == small[5, 5] == small[4, 5] == round(200 * 4 / 16)
    assert small.astype(int).sum() * 16 == image.astype(int).sum()
    assert np.array_equal(to_square(RAMP[:, :32], size=32), RAMP[:, :32])
    assert to_square(image, size=80).shape == (80, 80)
    odd = to_square(np.full((240, 256), 90, np.uint8), size=64)
    assert (odd[2:62] == 90).all()
    assert (odd[[0, 1, 62, 63]] == 0).all()
