"""Slices cut from volumes: which voxels, which row, which label, and the averages of the smaller sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.imaging.grey_image import to_square
from mrisynth.slices.packing import INDEX_COLUMNS
from mrisynth.slices.positions import SliceWish
from mrisynth.slices.slice_set import SliceSet, open_slices, read_index, sizes_of
from mrisynth.slices.volumes import pack_volumes
from mrisynth.store import Pyramid

SIZE, SCANS = 16, ["sub-3-a", "sub-1-a", "sub-2-a", "sub-1-b"]
WISHES = [SliceWish(plane="axial", index=(7, 9)), SliceWish(plane="sagittal", index=(5,))]
TABLE = pd.DataFrame(  # another order than the pyramid's, and a scan that is not in it
    {
        "scan": ["sub-1-a", "sub-1-b", "sub-2-a", "sub-3-a", "sub-4-a"],
        "participant_id": ["sub-1", "sub-1", "sub-2", "sub-3", "sub-4"],
        "split": ["train", "train", "test", "validation", "train"],
        "diagnosis": ["AD", "AD", None, "CN", "CN"],
    }
)


@pytest.fixture
def pyramid(tmp_path: Path) -> Pyramid:
    images = np.random.default_rng(4).integers(0, 256, (len(SCANS), SIZE, SIZE, SIZE)).astype(np.uint8)
    return Pyramid(images=images, scans=SCANS, path=tmp_path / f"{SIZE}.npy")


@pytest.fixture
def packed(pyramid: Pyramid, tmp_path: Path) -> Path:
    folder = tmp_path / "slices"
    pack_volumes(pyramid, folder, wishes=WISHES, sizes=[16, 4, 8], scans=TABLE, label="diagnosis")
    return folder


def test_rows_hold_the_slices_that_the_index_names(packed: Path, pyramid: Pyramid) -> None:
    slices = open_slices(packed, SIZE)
    assert slices.images.shape == (12, SIZE, SIZE) and slices.size == SIZE and slices.channels == 1
    assert list(slices.index["image"][:4]) == [
        "sub-3-a_axial-007",
        "sub-3-a_axial-009",
        "sub-3-a_sagittal-005",
        "sub-1-a_axial-007",
    ]
    for row, entry in slices.index.iterrows():
        volume = pyramid.images[SCANS.index(entry["scan"])]
        if entry["plane"] == "axial":
            expected = np.rot90(volume[:, :, entry["slice"]])  # turns x to the columns and +y up
        else:
            expected = np.rot90(volume[entry["slice"]])[:, ::-1]
        np.testing.assert_array_equal(slices.images[row], expected)


def test_smaller_sizes_are_area_averages_of_the_same_slice(packed: Path) -> None:
    whole = open_slices(packed, SIZE).images.astype(float)
    for size in (8, 4):
        block = SIZE // size
        expected = whole.reshape(-1, size, block, size, block).mean(axis=(2, 4))
        assert np.abs(open_slices(packed, size).images - expected).max() <= 0.51
    assert sizes_of(packed) == [4, 8, 16]


@pytest.mark.parametrize("size", [5, 7, 12])
def test_any_ratio_keeps_the_mean_in_grey_and_in_colour(size: int) -> None:
    image = np.random.default_rng(size).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    small = to_square(image, size=size)
    assert small.shape == (size, size, 3) and small.dtype == np.uint8
    np.testing.assert_allclose(small.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=0.5)
    np.testing.assert_array_equal(to_square(image[..., 1], size=size), small[..., 1])


def test_split_person_and_label_are_joined_by_scan(packed: Path) -> None:
    slices = open_slices(packed, 8)
    by_scan = slices.index.drop_duplicates("scan").set_index("scan")
    assert by_scan["participant_id"].to_dict() == {scan: scan[:5] for scan in SCANS}
    assert by_scan["split"].to_dict() == dict(zip(TABLE["scan"][:4], TABLE["split"][:4], strict=True))
    assert by_scan["label"].fillna("").to_dict() == {"sub-3-a": "CN", "sub-1-a": "AD", "sub-2-a": "", "sub-1-b": "AD"}
    assert slices.labels(["CN", "AD"]).tolist() == [0] * 3 + [1] * 3 + [-1] * 3 + [1] * 3
    assert slices.rows(split="train").tolist() == [3, 4, 5, 9, 10, 11]
    assert slices.rows(split="train", label="CN").tolist() == []
    assert slices.rows(label="CN").tolist() == [0, 1, 2]


def test_values_of_another_table_are_joined_by_id_whatever_its_order(packed: Path) -> None:
    slices = open_slices(packed, 8)
    ages = pd.DataFrame({"participant_id": ["sub-2", "sub-3", "sub-1"], "age": [72.0, 63.0, 51.0]})
    found = slices.values(ages, "age", by="participant_id")
    assert found.tolist() == [63.0] * 3 + [51.0] * 3 + [72.0] * 3 + [51.0] * 3
    with pytest.raises(MrisynthError, match=r"knows no participant_id sub-1 \(1 of the images"):
        slices.values(ages[:2], "age", by="participant_id")
    with pytest.raises(MrisynthError, match="names participant_id sub-2 twice"):
        slices.values(pd.concat([ages, ages[:1]]), "age", by="participant_id")
    with pytest.raises(MrisynthError, match="has no column sex; it has participant_id, age"):
        slices.values(ages, "sex", by="participant_id")


def test_a_size_above_the_volumes_is_refused_in_one_sentence(pyramid: Pyramid, tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match=r"wanted at 32 pixels, but the volumes of .* have 16; leave") as caught:
        pack_volumes(pyramid, tmp_path / "out", wishes=WISHES, sizes=[8, 32], scans=TABLE)
    assert "\n" not in str(caught.value)
    for sizes in ([], [2, 8], [512]):
        with pytest.raises(MrisynthError, match="expected sizes from 4 to 256"):
            pack_volumes(pyramid, tmp_path / "out", wishes=WISHES, sizes=sizes, scans=TABLE)
    assert not (tmp_path / "out").exists()


def test_an_empty_slice_is_excluded_with_a_reason(pyramid: Pyramid, tmp_path: Path) -> None:
    pyramid.images[1, :, :, 9] = 0
    index = pack_volumes(pyramid, tmp_path / "out", wishes=WISHES, sizes=[8], scans=TABLE)
    assert tuple(index.columns) == INDEX_COLUMNS
    assert index.loc[index["status"] == "excluded", ["image", "reason"]].to_numpy().tolist() == [
        ["sub-1-a_axial-009", "constant"]
    ]
    slices = open_slices(tmp_path / "out", 8)
    assert len(slices.index) == len(slices.images) == 11 and len(read_index(tmp_path / "out")) == 12
    assert slices.index.loc[4, "image"] == "sub-1-a_sagittal-005"
    np.testing.assert_array_equal(slices.images[4], to_square(pyramid.images[1, 5, ::-1, ::-1].T, size=8))
    pyramid.images[:] = 7
    with pytest.raises(MrisynthError, match="nothing to pack"):
        pack_volumes(pyramid, tmp_path / "none", wishes=WISHES, sizes=[8], scans=TABLE)
    assert list((tmp_path / "none").iterdir()) == []


def test_only_the_scans_of_some_participants(pyramid: Pyramid, tmp_path: Path) -> None:
    pack_volumes(pyramid, tmp_path / "out", wishes=WISHES[1:], sizes=[16], scans=TABLE, participants={"sub-1", "sub-4"})
    slices = open_slices(tmp_path / "out", 16)
    assert list(slices.index["scan"]) == ["sub-1-a", "sub-1-b"]
    np.testing.assert_array_equal(slices.images[1], pyramid.images[3, 5, ::-1, ::-1].T)


def test_tables_that_do_not_fit_are_refused(pyramid: Pyramid, tmp_path: Path) -> None:
    def pack(scans: pd.DataFrame, **options) -> None:
        pack_volumes(pyramid, tmp_path / "out", wishes=WISHES, sizes=[8], scans=scans, **options)

    with pytest.raises(MrisynthError, match="knows no scan sub-2-a"):
        pack(TABLE[TABLE["scan"] != "sub-2-a"])
    with pytest.raises(MrisynthError, match="names sub-1-a twice"):
        pack(pd.concat([TABLE, TABLE[:1]]))
    with pytest.raises(MrisynthError, match="has no column group"):
        pack(TABLE, label="group")
    torn = TABLE.assign(split=["train", "test", "test", "validation", "train"])
    with pytest.raises(MrisynthError, match="participant sub-1 is in several splits"):
        pack(torn)


def test_the_same_input_gives_the_same_bytes(packed: Path, pyramid: Pyramid, tmp_path: Path) -> None:
    again = tmp_path / "again"
    pack_volumes(pyramid, again, wishes=WISHES, sizes=[16, 4, 8], scans=TABLE, label="diagnosis")
    assert sorted(path.name for path in packed.iterdir()) == ["16.npy", "4.npy", "8.npy", "index.tsv"]
    for path in packed.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_arrays_and_index_that_do_not_belong_together_are_refused(packed: Path) -> None:
    with pytest.raises(MrisynthError, match=r"32\.npy is not there"):
        open_slices(packed, 32)
    index = read_table(packed / "index.tsv")
    index[["row"]].iloc[::-1].reset_index(drop=True).join(index.drop(columns="row")).to_csv(
        packed / "index.tsv", sep="\t", index=False
    )
    with pytest.raises(MrisynthError, match="pack the slices again"):
        open_slices(packed, 8)
    (packed / "index.tsv").unlink()
    with pytest.raises(MrisynthError, match=r"index\.tsv is not there"):
        open_slices(packed, 8)


def test_an_earlier_index_does_not_outlive_its_arrays(packed: Path, pyramid: Pyramid, monkeypatch) -> None:
    def broken(*_args: object) -> None:
        raise MrisynthError("the disk is full")

    monkeypatch.setattr("mrisynth.slices.volumes.write_index", broken)
    with pytest.raises(MrisynthError, match="disk is full"):
        pack_volumes(pyramid, packed, wishes=WISHES[:1], sizes=[8], scans=TABLE)
    with pytest.raises(MrisynthError, match=r"index\.tsv is not there"):
        open_slices(packed, 8)


def test_a_label_named_none_is_a_word(packed: Path) -> None:
    index = open_slices(packed, 8).index.assign(label="None")
    assert SliceSet(images=np.zeros((12, 8, 8), np.uint8), index=index, path=packed).labels(["None"]).max() == 0
