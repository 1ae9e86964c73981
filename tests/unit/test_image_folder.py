"""Folders of 2D images: listing and splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.teaching_set import draw_picture, write_teaching_set

from mrisynth.cohorts.image_folder import find_images, split_images
from mrisynth.cohorts.splits import assign_splits
from mrisynth.errors import MrisynthError

FRACTIONS = {"test": 0.3, "validation": 0.2}


@pytest.fixture
def teaching_set(tmp_path: Path) -> Path:
    """The set with two files that are no images."""
    folder = write_teaching_set(tmp_path / "AD_NC")
    (folder / "train" / "AD" / ".DS_Store").write_bytes(b"x")
    (folder / "train" / "AD" / "notes.txt").write_bytes(b"x")
    return folder


def test_the_teaching_set_is_listed(teaching_set: Path, caplog) -> None:
    images = find_images(teaching_set)
    assert len(images) == 54
    assert len({image.participant_id for image in images}) == 18
    first = images[0]
    assert (first.name, first.participant_id, first.label, first.slice, first.given_split) == (
        "test/AD/218013_78.jpeg",
        "218013",
        "AD",
        78,
        "test",
    )
    assert "2 files" in caplog.text


def test_a_folder_a_class_and_other_names(tmp_path: Path) -> None:
    for number, name in enumerate(("cats/a b.PNG", "cats/sub-01_012.jpg", "dogs/3_4.jpeg")):
        draw_picture(tmp_path / name, seed=number)
    assert [(i.name, i.participant_id, i.label, i.slice, i.given_split) for i in find_images(tmp_path)] == [
        ("cats/a b.PNG", "a b", "cats", None, ""),
        ("cats/sub-01_012.jpg", "sub-01", "cats", 12, ""),
        ("dogs/3_4.jpeg", "3", "dogs", 4, ""),
    ]


def test_a_clean_test_folder_is_kept(teaching_set: Path) -> None:
    images = find_images(teaching_set)
    splits = split_images(images, seed=4, fractions=FRACTIONS)
    assert {person for person, split in splits.items() if split == "test"} == {str(218012 + n) for n in range(6)}
    assert {splits[image.participant_id] for image in images if image.given_split == "train"} == {"train", "validation"}


def test_a_test_folder_with_persons_of_the_training_folder_is_divided_anew(teaching_set: Path, caplog) -> None:
    draw_picture(teaching_set / "test" / "NC" / "218000_81.jpeg", seed=1)
    images = find_images(teaching_set)
    splits = split_images(images, seed=3, fractions=FRACTIONS)
    assert "1 of 18 participants lie in several of the given folders (first: 218000)" in caplog.text
    everybody = [str(218000 + n) for n in range(18)]
    assert splits == assign_splits(everybody, seed=3, test_fraction=0.3, validation_fraction=0.2)


def test_the_shares_hold_within_every_class(tmp_path: Path) -> None:
    for person in range(40):
        (tmp_path / ("AD" if person < 10 else "NC")).mkdir(exist_ok=True)
        (tmp_path / ("AD" if person < 10 else "NC") / f"{person}_1.png").touch()
    images = find_images(tmp_path)
    splits = split_images(images, seed=0, fractions={"test": 0.2, "validation": 0.1}, stratify=True)
    tested = [image.label for image in images if splits[image.participant_id] == "test"]
    assert (tested.count("AD"), tested.count("NC")) == (2, 6)


@pytest.mark.parametrize("seed", range(50))
def test_no_participant_is_in_two_splits(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(60):
        split, label = generator.choice(["train", "test", "val"]), generator.choice(["AD", "NC"])
        person = generator.integers(30) + (100 if split == "test" and seed % 2 else 0)
        path = tmp_path / str(split) / str(label) / f"{person}_{generator.integers(200)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    images = find_images(tmp_path)
    splits = split_images(images, seed=seed, fractions=FRACTIONS)
    assert set(splits) == {image.participant_id for image in images}
    assert set(splits.values()) <= {"train", "validation", "test"}


def test_what_cannot_be_read_as_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match="is no folder"):
        find_images(tmp_path / "absent")
    (tmp_path / "a").mkdir()
    with pytest.raises(MrisynthError, match="holds no image"):
        find_images(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(MrisynthError, match="train and, beside it, a"):
        find_images(tmp_path)
