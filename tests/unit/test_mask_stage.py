"""Masks under packed images, and what training may see of them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import sha256_of
from mrisynth.imaging.ants_bridge import write_linear
from mrisynth.imaging.grid import grid_affine
from mrisynth.mask_stage import UNKNOWN, Masks, pack_masks
from mrisynth.slices.positions import cuts_of, wishes_of
from mrisynth.slices.volumes import pack_volumes
from mrisynth.store import Pyramid
from mrisynth.unannotated_domain import unannotated

SIZE, FIELD_MM = 32, 224.0
CLASSES = {"structure": (5,), "other": (9, 8)}
CUTS = cuts_of(wishes_of([{"plane": "axial", "index": [20]}, {"plane": "coronal", "index": [16]}]), size=SIZE)
SCANS = ("s0", "s1", "s2", "s3")


@pytest.fixture
def masks(tmp_path: Path) -> Masks:
    """Maps of three scans in spaces of their own, which are alike in the template; the third has no such labels."""
    preprocessed, maps = tmp_path / "preprocessed", {}
    for number in range(3):
        labels = np.zeros((64,) * 3, dtype=np.uint8)
        labels[20:28, 30:38, 38:44], labels[40:46, 30:36, 40:44] = (5, 9) if number < 2 else (3, 3)
        shift = np.eye(4)
        shift[:3, 3] = (7.0 * number, -3.5 * number, 0.0)
        maps[f"s{number}"] = tmp_path / f"s{number}.nii.gz"
        nib.save(nib.Nifti1Image(labels, shift @ grid_affine(64)), maps[f"s{number}"])
        (preprocessed / f"s{number}").mkdir(parents=True)
        write_linear(shift, preprocessed / f"s{number}" / "template_to_scan.mat")
    numberings = dict.fromkeys(maps, "custom")
    return Masks(maps, preprocessed, numberings=numberings, classes=CLASSES, size=SIZE, field_mm=FIELD_MM)


def _packed(
    masks: Masks, tmp_path: Path, images: pd.DataFrame, **changes
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    known, shown = tmp_path / "known.npy", tmp_path / "shown.npy"
    settings = {"cuts": None, "size": SIZE, "hidden": ()} | changes
    table = pack_masks(images, masks, known=known, shown=shown, **settings)
    return table.set_index("scan"), np.load(known), np.load(shown)


VOLUMES = pd.DataFrame({"scan": SCANS, "row": range(4)})


def test_maps_of_other_spaces_meet_in_the_template(masks, tmp_path):
    expected = np.zeros((SIZE,) * 3, dtype=np.uint8)
    expected[10:14, 15:19, 19:22], expected[20:23, 15:18, 20:22] = 1, 2
    table, known, shown = _packed(masks, tmp_path, VOLUMES)
    for row in range(2):
        assert set(np.unique(known[row])) == {0, 1, 2}
        assert (known[row] == expected).mean() > 0.999
        agreed = [(known[row] == label) & (expected == label) for label in (1, 2)]
        assert all(one.sum() >= 0.6 * (expected == label).sum() for one, label in zip(agreed, (1, 2), strict=True))
    assert (known[2:] == UNKNOWN).all() and (shown == known).all()
    assert table["reason"].tolist() == ["", "", "no_classes", "missing"]
    assert table["annotated"].tolist() == [True, True, False, False]
    assert table["numbering"].tolist() == ["custom"] * 3 + [""]
    assert table["sha256"].tolist() == [sha256_of(tmp_path / f"s{number}.nii.gz") for number in range(3)] + [""]


def test_no_label_of_an_unannotated_domain_reaches_training(masks, tmp_path):
    table, known, shown = _packed(masks, tmp_path, VOLUMES, hidden={"s1"})
    assert (shown[1] == UNKNOWN).all() and (known[1] == 2).any(), "scores may see what training may not"
    assert table["annotated"].tolist() == [True, False, False, False]
    assert (shown[0] == known[0]).all()


def test_masks_lie_under_the_slices_of_their_scans(masks, tmp_path):
    cubes = np.stack([np.where(masks.cube("s0") == 0, 10, 100 * masks.cube("s0"))] * 2).astype(np.uint8)
    pyramid = Pyramid(images=cubes, scans=["s0", "s1"], path=tmp_path / "32.npy")
    scans = pd.DataFrame({"scan": ["s0", "s1"], "participant_id": ["a", "b"], "split": ["train"] * 2})
    wishes = wishes_of([{"plane": "axial", "index": [20]}, {"plane": "coronal", "index": [16]}])
    index = pack_volumes(pyramid, tmp_path / "slices", wishes=wishes, sizes=[SIZE], scans=scans)
    images = np.load(tmp_path / "slices" / "32.npy")
    _, known, _ = _packed(masks, tmp_path, index, cuts=CUTS)
    assert known.shape == images.shape == (4, SIZE, SIZE)
    for row in range(2):  # of the scan that the images were drawn from
        assert np.array_equal(known[row] > 0, images[row] > 10) and (known[row] == 1).any()


def test_smaller_images_have_masks_of_whole_labels(masks, tmp_path):
    _, known, _ = _packed(masks, tmp_path, VOLUMES, size=16)
    assert known.shape == (4, 16, 16, 16) and set(np.unique(known[:2])) == {0, 1, 2}


@pytest.mark.parametrize(
    ("images", "hidden", "words"),
    [
        (VOLUMES, set(SCANS), "None of 4 scans has a mask that training may see"),
        (VOLUMES.assign(row=[0, 1, 2, 4]), set(), "rows with gaps"),
    ],
)
def test_masks_that_cannot_serve_are_refused(masks, tmp_path, images, hidden, words):
    with pytest.raises(MrisynthError, match=words):
        _packed(masks, tmp_path, images, hidden=hidden)
    assert not (tmp_path / "shown.npy").exists()


PEOPLE = pd.DataFrame({"scan": ["a", "b", "c"], "site": ["north", "south", "south"], "age": [20.0, 30.0, 40.0]})


@pytest.mark.parametrize(
    ("where", "expected"),
    [({}, set()), ({"site": ["south"]}, {"b", "c"}), ({"site": ["south"], "age": [40, 20]}, {"c"})],
)
def test_a_domain_without_masks_is_named_by_columns(where, expected):
    assert unannotated(PEOPLE, where) == expected


@pytest.mark.parametrize(
    ("where", "words"), [({"scanner": ["x"]}, "names scanner; the scans table has"), ({"site": ["west"]}, "north")]
)
def test_a_domain_that_there_is_not_is_refused(where, words):
    with pytest.raises(MrisynthError, match=words):
        unannotated(PEOPLE, where)
