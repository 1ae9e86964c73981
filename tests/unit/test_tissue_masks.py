"""Masks of tissues, without label maps: what is found in drawn brains, and the picture of masks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.cohorts.simulated_template import load_anatomy, world_points
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import write_table
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.tissue_map import tissue_map
from mrisynth.label_classes import TISSUE_LABELS, UNKNOWN
from mrisynth.mask_pictures import HIDDEN, SHOWN, masked_sections
from mrisynth.mask_stage import pack_masks
from mrisynth.region_atlas import load_atlas
from mrisynth.reporting.masks_figure import masks_figure
from mrisynth.store import Pyramid
from mrisynth.tissue_mask_stage import TissueMasks, segment_scans

SIZE = 32
CLASSES = {"ventricles": ["ventricles"], "grey": ["grey_matter"], "rest": ["csf", "white_matter"]}
GREY_OF = {"csf": 30, "grey_matter": 140, "white_matter": 200, "ventricles": 30}


@pytest.fixture(scope="module")
def atlas():
    return load_atlas(SIZE)


@pytest.fixture(scope="module")
def brain() -> tuple[np.ndarray, np.ndarray]:
    """A brain of pure tissues, uint8, and its label map."""
    anatomy = load_anatomy(2)
    points = world_points((SIZE,) * 3, 224 / SIZE, grid_affine(SIZE)[:3, 3].astype(np.float32))
    inside = anatomy.envelope.at(points) < 0
    labels = np.where(anatomy.white.at(points) > 0.5, TISSUE_LABELS["white_matter"], TISSUE_LABELS["grey_matter"])
    labels[anatomy.tissue.at(points) < 0.5] = TISSUE_LABELS["csf"]
    labels[anatomy.ventricles.at(points) < 4.0] = TISSUE_LABELS["ventricles"]
    labels = (labels * inside).astype(np.uint8)
    greys = np.zeros(5)
    greys[[TISSUE_LABELS[name] for name in GREY_OF]] = list(GREY_OF.values())
    noise = np.random.default_rng(0).normal(0, 5, labels.shape) * inside
    return np.clip(np.rint(greys[labels] + noise), 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def packed(brain, atlas, tmp_path_factory):
    """Two brains, one upside down and one empty volume, their tissues and the table."""
    folder = tmp_path_factory.mktemp("tissue")
    volumes = np.stack([brain[0], np.zeros_like(brain[0]), brain[0][::-1]])
    pyramid = Pyramid(images=volumes, scans=["a", "empty", "b"], path=folder / "32.npy")
    checksums = {scan: f"sum-{scan}" for scan in ("b", "a", "empty")}
    table = segment_scans(pyramid, checksums, folder / "one.npz", atlas=atlas, seed=1)
    write_table(table, folder / "one.tsv")
    return folder, table, volumes


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * float((one & other).sum()) / float(one.sum() + other.sum())


def test_planted_tissues_are_found_again_and_alike(brain, atlas):
    volume, labels = brain
    found = tissue_map(volume, atlas, seed=1)
    dice = {name: _dice(found == value, labels == value) for name, value in TISSUE_LABELS.items()}
    assert dice["grey_matter"] > 0.9 and dice["white_matter"] > 0.9 and dice["ventricles"] > 0.7, dice
    assert not found[volume == 0][labels[volume == 0] == 0].any()
    assert np.array_equal(tissue_map(volume, atlas, seed=1), found)


def test_classes_keep_their_order_whatever_the_contrast(brain, atlas):
    """In an image whose grey matter is the brightest, as in T2, priors say which class is which."""
    _, labels = brain
    greys = np.array([0, 240, 170, 80, 240])
    noise = np.random.default_rng(1).normal(0, 5, labels.shape) * (labels > 0)
    found = tissue_map(np.clip(greys[labels] + noise, 0, 255).astype(np.uint8), atlas, seed=1)
    for name in ("grey_matter", "white_matter"):
        assert _dice(found == TISSUE_LABELS[name], labels == TISSUE_LABELS[name]) > 0.8


def test_nothing_is_left_among_temporary_files(brain, atlas, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tissue_map(brain[0], atlas, seed=1)
    assert not list(tmp_path.iterdir()) and tempfile.tempdir == str(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [(lambda v: v * 0, "empty"), (lambda v: (v > 0) * np.uint8(90), "no_tissues"), (lambda v: v[:16], "other_grid"),
     (lambda v: np.roll(v, 12, axis=0), "off_template")],
)  # fmt: skip
def test_what_is_no_brain_has_a_reason(brain, atlas, change, reason):
    with pytest.raises(ScanError) as raised:
        tissue_map(change(brain[0]), atlas, seed=1)
    assert raised.value.reason == reason


def test_a_scan_that_fails_is_a_row_and_the_others_have_masks(packed, brain, tmp_path):
    folder, table, _ = packed
    assert table.set_index("scan")["reason"].to_dict() == {"b": "", "a": "", "empty": "empty"}
    masks = TissueMasks([folder / "one.npz"], [folder / "one.tsv"], classes=CLASSES, size=SIZE)
    index = pd.DataFrame({"scan": ["a", "empty", "b"], "row": range(3)})
    known, shown = tmp_path / "known.npy", tmp_path / "shown.npy"
    told = pack_masks(index, masks, cuts=None, size=SIZE, hidden={"b"}, known=known, shown=shown).set_index("scan")
    assert told["reason"].tolist() == ["", "empty", ""] and told["annotated"].tolist() == [True, False, False]
    assert set(told["numbering"]) == {"atropos"} and told.loc["a", "sha256"] == "sum-a"
    grey = np.load(known) == 2
    assert _dice(grey[0], brain[1] == TISSUE_LABELS["grey_matter"]) > 0.9
    assert _dice(grey[2], brain[1][::-1] == TISSUE_LABELS["grey_matter"]) > 0.9  # each has its own
    assert (np.load(known)[1] == UNKNOWN).all() and (np.load(shown)[2] == UNKNOWN).all()


def test_a_scan_without_a_row_is_an_error(packed):
    masks = TissueMasks([packed[0] / "one.npz"], [packed[0] / "one.tsv"], classes=CLASSES, size=SIZE)
    with pytest.raises(MrisynthError, match="is in no table under masks/tissue"):
        masks.cube("nobody")


SCANS = [f"s{number:02d}" for number in range(20)]


def _sections(shape: tuple[int, ...]):
    index = pd.DataFrame({"scan": SCANS, "row": range(20)})
    if len(shape) == 2:
        index = index.assign(plane="axial", slice=7, reason="n/a", split="none")
    reasons = ["missing" if number == 5 else "" for number in range(20)]
    table = pd.DataFrame({"scan": SCANS, "reason": reasons, "annotated": [number < 12 for number in range(20)]})
    splits = pd.Series(["train" if number % 2 else "test" for number in range(20)], index=SCANS)
    images = np.stack([np.full(shape, 10 * number, dtype=np.uint8) for number in range(20)])
    return masked_sections(index, table, splits, images=images, masks=images // 100)


@pytest.mark.parametrize(("shape", "views"), [((8, 8, 8), 3), ((8, 8), 1)])
def test_a_picture_shows_training_scans_and_the_unannotated_apart(shape, views):
    shown, hidden = _sections(shape)
    assert (shown.title, hidden.title) == (SHOWN, HIDDEN)
    greys = [int(image[0].flat[0]) // 10 for image in shown.images]
    assert greys == [1, 3, 7, 9, 11] and all(len(image) == views for image in shown.images)  # train, known, annotated
    greys = [int(image[0].flat[0]) // 10 for image in hidden.images]
    assert len(greys) == 6 and min(greys) >= 12 and greys == sorted(set(greys))
    assert shown.names[0].startswith("s01") and ("axial 7" in shown.names[0]) == (len(shape) == 2)


def test_contours_are_drawn_in_the_colours_of_the_classes(tmp_path: Path):
    sections = _sections((8, 8))
    sections[0].masks[0][0][2:5, 2:5] = 2
    masks_figure(sections, tmp_path / "one.png", classes=["ventricles", "grey"], title="Slices")
    masks_figure(sections[:1], tmp_path / "other.svg", classes=["ventricles", "grey"])
    words = (tmp_path / "other.svg").read_text()
    assert "#d55e00" in words and (tmp_path / "one.png").stat().st_size > 5000
