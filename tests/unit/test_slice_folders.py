"""Folders of images per class, packed at several sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.teaching_set import draw_picture, write_teaching_set

from mrisynth.cohorts.image_folder import find_images
from mrisynth.errors import MrisynthError
from mrisynth.imaging.grey_image import read_grey, to_square
from mrisynth.slices.folders import pack_folder
from mrisynth.slices.packing import INDEX_COLUMNS
from mrisynth.slices.slice_set import open_slices, read_index

OPTIONS = {"seed": 4, "fractions": {"test": 0.3, "validation": 0.2}}


@pytest.fixture
def teaching_set(tmp_path: Path) -> Path:
    return write_teaching_set(tmp_path / "AD_NC")


def test_packing_counts_every_image(teaching_set: Path, tmp_path: Path, caplog) -> None:
    (teaching_set / "train" / "NC" / "218000_78.jpeg").write_bytes(b"")
    draw_picture(teaching_set / "train" / "NC" / "218002_78.jpeg", seed=0, shape=(64, 64))
    cut = teaching_set / "test" / "AD" / "218013_79.jpeg"
    cut.write_bytes(cut.read_bytes()[:700])
    (teaching_set / "test" / "NC" / "218012_78.jpeg").write_bytes(
        (teaching_set / "train" / "NC" / "218004_78.jpeg").read_bytes()
    )
    index = pack_folder(find_images(teaching_set), tmp_path / "out", sizes=[32, 8], **OPTIONS)
    assert (len(index), int((index["status"] == "passed").sum())) == (54, 51)
    assert index.set_index("image")["reason"].dropna().to_dict() == {
        "test/AD/218013_79.jpeg": "truncated",
        "train/NC/218000_78.jpeg": "empty_file",
        "train/NC/218002_78.jpeg": "wrong_size",
    }
    assert tuple(index.columns) == INDEX_COLUMNS
    assert index["row"].dropna().tolist() == list(range(51))
    assert "test/NC/218012_78.jpeg, train/NC/218004_78.jpeg" in caplog.text
    assert read_index(tmp_path / "out")["row"].isna().sum() == 3
    assert (index.groupby("participant_id")["split"].nunique() == 1).all()


def test_rows_of_all_sizes_are_the_images_that_the_index_names(teaching_set: Path, tmp_path: Path) -> None:
    pack_folder(find_images(teaching_set), tmp_path / "out", sizes=[64, 32, 4], **OPTIONS)
    for size in (64, 32, 4):
        slices = open_slices(tmp_path / "out", size)
        assert slices.images.shape == (54, size, size)
        for row in (0, 17, 53):
            grey = read_grey(teaching_set / slices.index.loc[row, "image"])
            np.testing.assert_array_equal(slices.images[row], to_square(grey, size=size))
    assert (slices.index["scan"] == slices.index["participant_id"]).all()
    assert slices.labels(["NC", "AD"]).sum() == 27


def test_colour_is_kept_where_it_is_wanted(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 256, (12, 32, 24, 3)).astype(np.uint8)
    for person, picture in enumerate(values):
        path = tmp_path / "set" / "AB"[person % 2] / f"{person}_1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    pack_folder(find_images(tmp_path / "set"), tmp_path / "out", sizes=[4, 32], colour=True, **OPTIONS)
    large, small = open_slices(tmp_path / "out", 32), open_slices(tmp_path / "out", 4)
    assert (large.channels, small.images.shape) == (3, (12, 4, 4, 3))
    for row, person in enumerate(large.index["participant_id"]):
        padded = np.pad(values[int(person)], ((0, 0), (4, 4), (0, 0)))
        np.testing.assert_array_equal(large.images[row], padded)
        assert np.abs(small.images[row] - padded.reshape(4, 8, 4, 8, 3).mean(axis=(1, 3))).max() <= 0.51
    pack_folder(find_images(tmp_path / "set"), tmp_path / "grey", sizes=[32], **OPTIONS)
    assert open_slices(tmp_path / "grey", 32).channels == 1


def test_the_shares_hold_within_every_class(tmp_path: Path) -> None:
    for person in range(40):
        draw_picture(
            tmp_path / "set" / ("AD" if person < 10 else "NC") / f"{person}_1.png", seed=person, shape=(16, 16)
        )
    fractions = {"test": 0.2, "validation": 0.1}
    index = pack_folder(find_images(tmp_path / "set"), tmp_path / "out", sizes=[4], seed=0, fractions=fractions)
    counts = index.groupby(["label", "split"]).size().to_dict()
    assert counts == {
        ("AD", "test"): 2, ("AD", "train"): 7, ("AD", "validation"): 1,
        ("NC", "test"): 6, ("NC", "train"): 21, ("NC", "validation"): 3,
    }  # fmt: skip


def test_packing_twice_gives_the_same_bytes(teaching_set: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        pack_folder(find_images(teaching_set), tmp_path / name, sizes=[16, 8], **OPTIONS)
    for file in ("16.npy", "8.npy", "index.tsv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_what_cannot_be_packed_is_refused(teaching_set: Path, tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match="wanted at 128 pixels, but most of the images have 64"):
        pack_folder(find_images(teaching_set), tmp_path / "out", sizes=[16, 128], **OPTIONS)
    (tmp_path / "b" / "AD").mkdir(parents=True)
    (tmp_path / "b" / "AD" / "1_1.png").write_bytes(b"")
    with pytest.raises(MrisynthError, match="none of the 1 images can be used"):
        pack_folder(find_images(tmp_path / "b"), tmp_path / "out", sizes=[16], **OPTIONS)
    assert not list((tmp_path / "out").iterdir())
