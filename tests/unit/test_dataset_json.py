"""Folders with ``dataset.json``: every form of labels read and written, and what is refused of a stranger's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.slices.dataset_json import export_slices, read_dataset, write_dataset
from mrisynth.slices.packing import INDEX, INDEX_COLUMNS

KNOWN = pd.DataFrame(
    {"age": [61.5, 44.0, np.nan, 70.25], "ventricles_ml": [np.nan, 21.0, 30.5, np.nan], "site": ["a", None, "b", "a"]}
)


def pictures(count: int, *, channels: int = 0) -> np.ndarray:
    shape = (count, 20, 16, *[channels] * bool(channels))
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def by_hand(folder: Path, labels: Any, *, count: int = 2) -> Path:
    """Write a data set with nothing of the library: PNG files 0.png, 1.png ... of 20 rows and 16 columns."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(pictures(count)):
        Image.fromarray(image).save(folder / f"{number}.png")
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return folder


@pytest.mark.parametrize("form", ["pairs", "nested"])
@pytest.mark.parametrize("ending", [".png", ".nii.gz"])
def test_what_is_written_is_read_again_with_its_gaps(tmp_path: Path, form: str, ending: str) -> None:
    images = pictures(4)
    write_dataset(tmp_path, images, KNOWN, form=form, ending=ending)
    found = read_dataset(tmp_path)
    assert found.form == form
    np.testing.assert_array_equal(found.images, images)
    pd.testing.assert_frame_equal(found.table[list(KNOWN)], KNOWN, check_dtype=False)
    assert found.table["file"].tolist() == [f"00000/img{number:08d}{ending}" for number in range(4)]
    assert found.table["split"].isna().all()


@pytest.mark.parametrize("form", ["pairs", "nested"])
def test_the_files_are_those_of_the_form(tmp_path: Path, form: str) -> None:
    write_dataset(tmp_path, pictures(2), KNOWN[["age", "ventricles_ml"]].iloc[:2], form=form)
    written = json.loads((tmp_path / "dataset.json").read_text())["labels"]
    first = {"age": 61.5} if form == "pairs" else {"age": {"0": 61.5}}
    second = {"age": 44.0, "ventricles_ml": 21.0}
    if form == "nested":
        second = {name: {"1": value} for name, value in second.items()}
    assert written == [["00000/img00000000.png", first], ["00000/img00000001.png", second]]


def test_native_classes_and_vectors_come_back(tmp_path: Path) -> None:
    write_dataset(tmp_path / "classes", pictures(3), pd.DataFrame({"digit": [7, 0, 2]}), form="native")
    assert json.loads((tmp_path / "classes/dataset.json").read_text())["labels"][0] == ["00000/img00000000.png", 7]
    assert read_dataset(tmp_path / "classes").table["class"].tolist() == [7, 0, 2]
    values = pd.DataFrame({"age": [1.5, 2.0, 3.0], "sex": [0, 1, 1]})
    write_dataset(tmp_path / "vectors", pictures(3), values, form="native")
    found = read_dataset(tmp_path / "vectors", columns=["age", "sex"])
    assert found.form == "native"
    pd.testing.assert_frame_equal(found.table[["age", "sex"]], values, check_dtype=False)
    assert list(read_dataset(tmp_path / "vectors").table)[2:] == ["value_0", "value_1"]
    gaps = read_dataset(by_hand(tmp_path / "gaps", [["0.png", {}], ["1.png", 3]])).table["class"]
    assert np.isnan(gaps[0]) and gaps[1] == 3


def test_parts_are_splits(tmp_path: Path) -> None:
    images, splits = pictures(4), ["test", "train", "train", "validation"]
    write_dataset(tmp_path, images, KNOWN.assign(split=splits), form="nested", ending=".nii.gz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["testset", "trainset", "valset"]
    found = read_dataset(tmp_path)
    assert found.table["split"].tolist() == ["train", "train", "validation", "test"]
    np.testing.assert_array_equal(found.images, images[[1, 2, 3, 0]])
    assert found.table["age"].fillna(-1).tolist() == [44.0, -1.0, 70.25, 61.5]
    assert found.table["file"].iloc[0] == "trainset/00000/img00000000.nii.gz"


def test_forms_written_by_hand_are_read(tmp_path: Path) -> None:
    by_row = [["0.png", {"age": {"17": 50}, "dx": {"17": None}}], ["1.png", {"age": {"4": 61.5}, "dx": {"4": 1}}]]
    table = read_dataset(by_hand(tmp_path / "a", by_row)).table
    assert table["age"].tolist() == [50.0, 61.5] and pd.isna(table["dx"][0]) and table["dx"][1] == 1.0
    table = read_dataset(by_hand(tmp_path / "b", [["1.png", {}], ["0.png", {"thickness": float("nan"), "t": 2}]])).table
    assert table["file"].tolist() == ["1.png", "0.png"] and table["thickness"].isna().all()
    found = read_dataset(by_hand(tmp_path / "c", None))
    assert found.form == "none" and list(found.table) == ["file", "split"]
    np.testing.assert_array_equal(found.images, pictures(2))


def test_nifti_images_are_pictures_row_by_row_and_colours_are_kept(tmp_path: Path) -> None:
    image = pictures(1)[0]
    nib.save(nib.Nifti1Image(image[..., None].astype(np.int16), np.diag([2, 2, 2, 1])), tmp_path / "one.nii.gz")
    (tmp_path / "dataset.json").write_text('{"labels": [["one.nii.gz", {"age": 3}]]}')
    np.testing.assert_array_equal(read_dataset(tmp_path).images[0], image)
    assert read_dataset(tmp_path, colour=True).images.shape == (1, 20, 16, 3)
    colours = pictures(2, channels=3)
    write_dataset(tmp_path / "c", colours, KNOWN[["age"]].iloc[:2])
    np.testing.assert_array_equal(read_dataset(tmp_path / "c", colour=True).images, colours)
    smooth = np.broadcast_to(np.linspace(0, 255, 20).astype(np.uint8)[None, :, None], (2, 20, 16)).copy()
    write_dataset(tmp_path / "j", smooth, KNOWN[["age"]].iloc[:2], ending=".jpg")
    assert np.abs(read_dataset(tmp_path / "j").images.astype(int) - smooth).max() <= 8


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([["../0.png", {"age": 1}]], r"entry 0 names '\.\./0\.png'; expected a path below"),
        ([["/etc/passwd.png", {"age": 1}]], r"entry 0 names '/etc/passwd.png'"),
        ([["link.png", {"age": 1}]], r"link.png leads out of"),
        ([["0.txt", {"age": 1}]], r"entry 0 names '0.txt'; expected a file"),
        ([["gone.png", {"age": 1}]], r"Image 0 of .* cannot be used: .*gone.png is not there"),
        ([["0.png", {"age": 1}], ["./0.png", {"age": 1}]], r"entry 1 names '0.png', as an entry before"),
        ([["0.png", {"age": 1}], ["1.png", {"age": {"1": 2}}]], r"entry 1 \('1.png'\) is labelled in the form nested"),
        ([["0.png", {"age": {"0": 1, "1": 2}}]], r"entry 0 \('0.png'\) has not one row in every covariate"),
        ([["0.png", {"age": {"0": 1}, "sex": {"1": 2}}]], r"has not one row in every"),
        ([["0.png", {"age": float("inf")}]], r"has 'inf' for age; expected a finite number"),
        ([["0.png", {"age": [1]}]], r"has '\[1\]' for age"),
        ([["0.png", {"split": "test"}]], r"names a covariate 'split'"),
        ([["0.png", {"age": 1}], ["1.png", {"age": "old"}]], r"age is a number in some entries and a word in others"),
        ([["0.png", -1]], r"has the class -1"),
        ([["0.png", [1, 2]], ["1.png", [1]]], r"entry 1 .* has 1 values; expected 2"),
        ([["0.png", "CN"]], r"entry 0 .* is labelled with 'CN'"),
        ([["0.png"]], r"entry 0 is \"\['0.png'\]\"; expected \[file, label\]"),
        ({"age": {"0": 1}}, r"has no list"),
        ([], r"has no labels; expected one entry"),
    ],
)
def test_what_cannot_be_trusted_is_refused_by_file_and_entry(tmp_path: Path, labels: Any, sentence: str) -> None:
    outside = tmp_path / "outside.png"
    Image.fromarray(pictures(1)[0]).save(outside)
    folder = by_hand(tmp_path / "set", labels)
    (folder / "link.png").symlink_to(outside)
    columns = ["a", "b"] if labels and isinstance(labels, list) and labels[0][-1] == [1, 2] else None
    with pytest.raises(MrisynthError, match=sentence):
        read_dataset(folder, columns=columns)


@pytest.mark.fault(16)
def test_images_of_other_shapes_and_values_are_refused(tmp_path: Path) -> None:
    folder = by_hand(tmp_path, [["0.png", 1], ["1.png", 2]])
    Image.fromarray(pictures(1)[0].T).save(folder / "1.png")
    with pytest.raises(MrisynthError, match=r"1\.png has 16 x 20 pixels \(rows x columns\), 0\.png 20 x 16"):
        read_dataset(folder)
    for values, sentence in ((np.full((20, 16), 0.5), "other values than whole"), (np.zeros((4, 4, 3)), "4 x 4 x 3")):
        nib.save(nib.Nifti1Image(values.astype(np.float32), np.eye(4)), folder / "1.nii")
        (folder / "dataset.json").write_text('{"labels": [["1.nii", 1]]}')
        with pytest.raises(MrisynthError, match=sentence):
            read_dataset(folder)
    (folder / "dataset.json").write_text("{" * 100_000)
    with pytest.raises(MrisynthError, match="is no JSON file"):
        read_dataset(folder)
    (folder / "dataset.json").unlink()
    with pytest.raises(MrisynthError, match=r"holds dataset\.json neither itself nor in trainset, valset, testset"):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"form": "csv"}, "The form 'csv'"),
        ({"ending": ".bmp"}, "The ending '.bmp'"),
        ({"form": "native"}, "native has a number of every covariate"),
        ({"table": KNOWN.iloc[:3]}, "came with 3 rows"),
        ({"table": KNOWN.assign(split="holdout")}, "the split holdout; expected train"),
        ({"images": pictures(4, channels=3), "ending": ".nii.gz"}, "holds a grey image"),
    ],
)
def test_what_has_no_place_in_the_format_is_not_written(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    asked = {"images": pictures(4), "table": KNOWN} | change
    with pytest.raises(MrisynthError, match=sentence):
        write_dataset(tmp_path, **asked)
    assert not list(tmp_path.iterdir()), "nothing is written before all is checked"


def test_a_studys_slices_are_written_with_what_is_known_of_their_scans(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16), dtype=np.uint8)
    packed = tmp_path / "slices"
    packed.mkdir()
    np.save(packed / "16.npy", images)
    scans = ["ukb-1", "ukb-1", "adni-1", "adni-2"]
    index = pd.DataFrame({"row": range(4), "image": [f"i{n}" for n in range(4)], "scan": scans, "status": "passed"})
    index["split"] = ["train", "train", "test", "train"]
    write_table(index.reindex(columns=list(INDEX_COLUMNS)), packed / INDEX)
    table = pd.DataFrame({"scan": ["adni-2", "adni-1", "ukb-1"], "age": [70.0, 60.0, 50.0], "gm": [np.nan, 2.0, 1.0]})
    asked: dict[str, Any] = {"size": 16, "table": table, "form": "nested", "ending": ".nii.gz"}
    export_slices(packed, tmp_path / "out", columns=["age", "gm"], **asked)
    found = read_dataset(tmp_path / "out")
    assert found.table["age"].tolist() == [50.0, 50.0, 70.0, 60.0]
    assert found.table["gm"].fillna(-1).tolist() == [1.0, 1.0, -1.0, 2.0]
    np.testing.assert_array_equal(found.images, images[[0, 1, 3, 2]])
    written = "".join(path.read_text() for path in (tmp_path / "out").rglob("dataset.json"))
    assert "ukb" not in written and "adni" not in written
    with pytest.raises(MrisynthError, match="The table has no column weight"):
        export_slices(packed, tmp_path / "x", columns=["weight"], **asked)
