"""Slices and masks of MRGen's lists: labels come back as they were, at any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.grey_image import to_square
from mrisynth.slices.mrgen_items import ConditionalItem, SyntheticItem
from mrisynth.slices.mrgen_json import read_list
from mrisynth.slices.mrgen_masks import nearest_square, one_hot, read_masked, write_masked

NAMES = ["ventricles", "thalamus", "stem"]


@pytest.fixture
def slices() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.zeros((3, 24, 20), dtype=np.uint8)
    labels[0, 4:12, 5:9], labels[0, 14:18, 10:18], labels[1, 2, 2] = 1, 3, 2
    return random.integers(0, 256, labels.shape, dtype=np.uint8), labels


def test_what_is_written_is_read_again(tmp_path: Path, slices):
    images, labels = slices
    words = {"modality": "T1w", "attributes": "fluid dark", "structures": NAMES}
    path = write_masked(tmp_path, images, labels, dataset="IXI", part="train", **words)
    assert path == tmp_path / "IXI_T1w_train.json"
    listed = read_list(path, form="conditional")
    assert [item.organs for item in listed.items] == [("ventricles", "stem"), ("thalamus",), ()]
    assert listed.items[0].label == tuple(NAMES) and listed.items[0].shape == (24, 20)
    for item, image, own in zip(listed.items, images, labels, strict=True):
        found = read_masked(listed, item)
        np.testing.assert_array_equal(found.image, image)
        np.testing.assert_array_equal(found.labels, own)
    small = read_masked(listed, listed.items[0], size=12)
    np.testing.assert_array_equal(small.image, to_square(images[0], size=12))
    np.testing.assert_array_equal(small.labels, nearest_square(labels[0], size=12))
    assert set(np.unique(small.labels)) == {0, 1, 3}, "no label between two appears"


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 100)])
def test_masks_of_any_values_are_read_alike_and_later_ones_count(tmp_path: Path, values):
    image = np.arange(400, dtype=np.uint8).reshape(20, 20)
    first, second = np.zeros((2, 20, 20), dtype=bool)
    first[2:10, 2:10], second[8:14, 8:14] = True, True
    for name, picture in (("i", image), ("m0", first), ("m1", second)):
        shown = picture if name == "i" else np.where(picture, values[1], values[0]).astype(np.uint8)
        Image.fromarray(shown).save(tmp_path / f"{name}.png")
    (tmp_path / "l.json").write_text("[]")
    listed = read_list(tmp_path / "l.json", form="synthetic")
    item = SyntheticItem(index=0, prompt="", image_path="i.png", mask_paths=("m0.png", "", "m1.png"))
    found = read_masked(listed, item).labels
    np.testing.assert_array_equal(found, np.where(second, 3, np.where(first, 1, 0)))


def test_averaged_edges_do_not_grow_a_mask(tmp_path: Path):
    mask = np.zeros((40, 40), dtype=np.uint8)
    mask[10:30, 10:30] = 255
    blurred = Image.fromarray(mask).resize((80, 80), Image.Resampling.BICUBIC)
    assert (np.asarray(blurred) > 0).sum() > 1700, "a threshold of 0 would add a rim"
    blurred.save(tmp_path / "m.png")
    Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80)).save(tmp_path / "i.png")
    (tmp_path / "l.json").write_text("[]")
    item = SyntheticItem(index=0, prompt="", image_path="i.png", mask_paths=("m.png",))
    found = read_masked(read_list(tmp_path / "l.json", form="synthetic"), item).labels
    assert found.sum() == 1600


def test_labels_stay_in_register_with_their_image():
    """A bright square and its label have one centre at each size, also when the picture is not square."""
    labels = np.zeros((48, 30), dtype=np.uint8)
    labels[20:32, 4:16] = 1
    for size in (96, 48, 24, 16, 12):
        image = to_square(labels * 200, size=size) / 200.0
        small = nearest_square(labels, size=size)
        grid = np.indices(small.shape)
        centres = [(grid * part).sum(axis=(1, 2)) / part.sum() for part in (image, small)]
        assert np.abs(centres[0] - centres[1]).max() <= 0.5
        assert small.sum() == pytest.approx(144 * (size / 48) ** 2, rel=0.3)


def test_one_hot_masks_cover_each_pixel_once():
    labels = np.array([[0, 1], [3, 1]])
    found = one_hot(labels, structures=3)
    assert found.shape == (4, 2, 2) and found.dtype == np.uint8
    np.testing.assert_array_equal(found.sum(axis=0), 1)
    np.testing.assert_array_equal(found.argmax(axis=0), labels)
    assert one_hot(np.zeros((2, 3, 4), int), structures=1).shape == (2, 2, 3, 4)
    for wrong, told in ((labels, "the label 3"), (labels - 1, "the label -1")):
        with pytest.raises(MrisynthError, match=f"{told}; expected 0 to 2"):
            one_hot(wrong, structures=2)


def test_a_mask_of_another_shape_and_one_outside_are_refused(tmp_path: Path, slices):
    images, labels = slices
    path = write_masked(tmp_path, images, labels, dataset="IXI", part="all", structures=NAMES, modality="T1w")
    listed = read_list(path, form="conditional")
    Image.fromarray(np.zeros((24, 24), np.uint8)).save(tmp_path / listed.items[0].mask_paths[1])
    with pytest.raises(ScanError, match=r"24 x 24 pixels \(rows x columns\), its image has 24 x 20") as caught:
        read_masked(listed, listed.items[0])
    assert caught.value.reason == "wrong_size"
    away = ConditionalItem.read({**listed.items[1].entry(), "mask0_path": "/etc/hostname"})
    with pytest.raises(ScanError, match="leads out of"):
        read_masked(listed, away)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": np.zeros((3, 24, 20))}, r"float64 images of shape \(3, 24, 20\)"),
        ({"images": np.zeros((2, 24, 20), np.uint8)}, r"came with labels of \(3, 24, 20\)"),
        ({"structures": NAMES[:2]}, r"the label 3; expected 0 to 2"),
        ({"structures": []}, r"expected 1 to 254 names of structures"),
        ({"structures": ["a, b", "c", "d"]}, r"without commas"),
        ({"part": "val"}, r"no part 'val'"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path: Path, slices, change, sentence):
    images, labels = slices
    asked = {
        "images": images,
        "labels": labels,
        "dataset": "IXI",
        "part": "all",
        "structures": NAMES,
        "modality": "T1w",
    }
    with pytest.raises(MrisynthError, match=sentence):
        write_masked(tmp_path, **(asked | change))
    assert not list(tmp_path.glob("*.json"))
