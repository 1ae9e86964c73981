"""The published exchange format: written, read, and every way in which labels could lose their images."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mrisynth.cohorts.image_folder import find_images
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table
from mrisynth.slices.exchange import stack_name, write_exchange, write_labels
from mrisynth.slices.exchange_reading import read_exchange
from mrisynth.slices.folders import pack_folder
from mrisynth.slices.positions import SliceWish
from mrisynth.slices.slice_set import open_slices, read_index
from mrisynth.slices.stacks import write_stack
from mrisynth.slices.volumes import pack_volumes
from mrisynth.store import Pyramid, to_unit

SIZE, PEOPLE = 16, 12
OPTIONS = {"seed": 1, "fractions": {"test": 0.25, "validation": 0.25}}


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    """Two slices of each of twelve persons, whose order is not that of their names."""
    generator = np.random.default_rng(0)
    volumes = generator.integers(0, 230, (PEOPLE, SIZE, SIZE, SIZE)).astype(np.uint8)
    people = [f"sub-{number:02d}" for number in generator.permutation(PEOPLE)]
    scans = pd.DataFrame({"scan": [f"{person}-a" for person in people], "participant_id": people})
    splits, groups = ["train"] * 6 + ["validation"] * 3 + ["test"] * 3, ["AD", "CN", "CN"] * 4
    pyramid = Pyramid(images=volumes, scans=list(scans["scan"]), path=tmp_path / "16.npy")
    wishes = [SliceWish(plane="axial", index=(5, 8))]
    table = scans.assign(split=splits, diagnosis=groups).sort_values("scan")
    pack_volumes(pyramid, tmp_path / "slices", wishes=wishes, sizes=[4, 8, 16], scans=table, label="diagnosis")
    return tmp_path / "slices"


@pytest.fixture
def written(slices: Path, tmp_path: Path) -> Path:
    write_exchange(slices, tmp_path / "out", classes=["CN", "AD"])
    return tmp_path / "out"


def _parts(folder: Path) -> dict[str, Path]:
    return {part: folder / part for part in ("train", "test")}


def _by_image(folder: Path, size: int) -> dict[str, bytes]:
    found = open_slices(folder, size)
    return {name: image.tobytes() for name, image in zip(found.index["image"], found.images, strict=True)}


def _facts(folder: Path) -> dict[str, tuple]:
    names = ["scan", "participant_id", "label", "plane", "slice", "position_mm", "split"]
    return {row["image"]: tuple(row[name] for name in names) for _, row in read_index(folder).iterrows()}


def test_the_files_have_the_published_form(slices: Path, written: Path) -> None:
    packed = open_slices(slices, 8)
    for part, count in (("train", 18), ("test", 6)):
        assert sorted(path.name for path in (written / part).iterdir()) == [
            "Real16x16.nii.gz", "Real4x4.nii.gz", "Real8x8.nii.gz", "images.tsv", "labels.csv",
        ]  # fmt: skip
        labels = pd.read_csv(written / part / "labels.csv")
        assert list(labels.columns) == ["ID", "Label", "Subject_ID"] and list(labels["ID"]) == list(range(count))
        image = nib.load(written / part / "Real8x8.nii.gz")
        assert image.shape == (8, 8, 1, count)
        np.testing.assert_array_equal(image.affine, np.eye(4))
        for number, person, label in zip(labels["ID"], labels["Subject_ID"], labels["Label"], strict=True):
            own = np.flatnonzero((packed.index["participant_id"] == person).to_numpy())
            shown = [to_unit(packed.images[row])[::-1].T for row in own]
            assert any(np.array_equal(image.dataobj[:, :, 0, number], one) for one in shown)
            assert {"CN": 0, "AD": 1}[packed.index.loc[own[0], "label"]] == label


def test_there_and_back_nothing_is_lost(slices: Path, written: Path, tmp_path: Path) -> None:
    index = read_exchange(_parts(written), tmp_path / "back", **OPTIONS)
    assert len(index) == 24 and (index["status"] == "passed").all()
    assert list(index["given_split"].unique()) == ["train", "test"]
    assert _facts(tmp_path / "back") == _facts(slices)
    for size in (4, 8, 16):
        assert _by_image(tmp_path / "back", size) == _by_image(slices, size)


def test_labels_sorted_anew_keep_their_images(slices: Path, written: Path, tmp_path: Path) -> None:
    """The hazard of the published files: a table in another order than the stack."""
    for part in ("train", "test"):
        path = written / part / "labels.csv"
        pd.read_csv(path).sort_values(["Subject_ID", "ID"], ascending=False).to_csv(path, index=False)
        (written / part / "images.tsv").unlink()
    index = read_exchange(_parts(written), tmp_path / "back", classes=["CN", "AD"], sizes=[8], **OPTIONS)
    before, after = open_slices(slices, 8), open_slices(tmp_path / "back", 8)
    told = {
        image.tobytes(): (row["participant_id"], row["label"])
        for image, (_, row) in zip(before.images, before.index.iterrows(), strict=True)
    }
    for image, (_, row) in zip(after.images, after.index.iterrows(), strict=True):
        assert told[image.tobytes()] == (row["participant_id"], row["label"])
    assert (index.groupby("participant_id")["split"].nunique() == 1).all()
    assert set(index.loc[index["given_split"] == "test", "split"]) == {"test"}
    assert set(index.loc[index["given_split"] == "train", "split"]) == {"train", "validation"}


def test_labels_given_new_numbers_are_found_out(written: Path, tmp_path: Path) -> None:
    """As published: rows sorted by person and only then numbered."""
    path = written / "train" / "labels.csv"
    table = pd.read_csv(path).sort_values("Subject_ID", kind="stable").assign(ID=range(18))
    table.to_csv(path, index=False)
    with pytest.raises(MrisynthError, match="one of them was sorted anew; write both again"):
        read_exchange(_parts(written), tmp_path / "back", **OPTIONS)
    assert not (tmp_path / "back" / "index.tsv").exists()


def test_a_stack_in_another_order_is_found_out(written: Path, tmp_path: Path) -> None:
    path = written / "test" / "Real8x8.nii.gz"
    nib.save(nib.Nifti1Image(nib.load(path).get_fdata(dtype=np.float32)[..., ::-1], np.eye(4)), path)
    with pytest.raises(MrisynthError, match=r"Real8x8.*is not the image that images\.tsv describes"):
        read_exchange(_parts(written), tmp_path / "back", **OPTIONS)
    (written / "test" / "images.tsv").unlink()  # then nothing can tell, and the log says so
    read_exchange(_parts(written), tmp_path / "back", classes=["CN", "AD"], **OPTIONS)


def test_without_images_tsv_the_log_warns(written: Path, tmp_path: Path, caplog) -> None:
    (written / "test" / "images.tsv").unlink()
    read_exchange({"test": written / "test"}, tmp_path / "back", **OPTIONS)
    assert "nothing proves that labels and images belong together" in caplog.text
    index = read_index(tmp_path / "back")
    assert set(index["label"]) == {"0", "1"} and index["image"][0] == "test-000000" and index["scan"].isna().all()


def test_the_published_scale_takes_the_maximum_of_each_image(slices: Path, tmp_path: Path) -> None:
    write_exchange(slices, tmp_path / "out", classes=["CN", "AD"], scaling="slice")
    array = {s: nib.load(tmp_path / "out" / "train" / stack_name(s)).get_fdata()[:, :, 0] for s in (16, 8)}
    largest, small = open_slices(slices, 16), open_slices(slices, 8)
    rows = np.flatnonzero(largest.index["split"].isin(["train", "validation"]))
    for number, row in enumerate(rows):
        top = float(largest.images[row].max())
        for size, packed in ((16, largest), (8, small)):
            expected = (packed.images[row].astype(float) - top / 2) / (top / 2)
            np.testing.assert_allclose(array[size][..., number], expected[::-1].T, atol=1e-6)
    np.testing.assert_allclose(array[16].max(axis=(0, 1)), 1)
    assert array[8].max() < 1
    read_exchange(_parts(tmp_path / "out"), tmp_path / "back", **OPTIONS)  # checksums fit this scale, too
    np.testing.assert_array_equal(open_slices(tmp_path / "back", 16).images.max(axis=(1, 2)), 255)


def test_images_without_a_class_are_left_out_and_counted(slices: Path, tmp_path: Path, caplog) -> None:
    table = write_exchange(slices, tmp_path / "out", classes=["AD"], sizes=[8])
    assert "16 of 24 images are of none of the classes" in caplog.text
    assert set(table["label"]) == {"AD"} and len(table) == 8
    with pytest.raises(MrisynthError, match=r"None of the 24 images .* is of a class in MCI"):
        write_exchange(slices, tmp_path / "out", classes=["MCI"])
    with pytest.raises(MrisynthError, match=r"has slices of \[4, 8, 16\] pixels, wanted are \[8, 32\]"):
        write_exchange(slices, tmp_path / "out", classes=["AD"], sizes=[8, 32])
    with pytest.raises(MrisynthError, match="'unit' is unknown; expected one of: array, slice"):
        write_exchange(slices, tmp_path / "out", classes=["AD"], scaling="unit")


def test_labels_of_scans_take_the_place_of_those_of_the_index(slices: Path, tmp_path: Path) -> None:
    index = read_index(slices)
    words = {person: ("even", "odd")[int(person[-1]) % 2] for person in index["participant_id"]}
    told = dict(zip(index["scan"], index["participant_id"].map(words), strict=True))
    absent = index["scan"][0]
    del told[absent]
    write_exchange(slices, tmp_path / "out", classes=["even", "odd"], sizes=[8], labels=told)
    for part, splits in (("train", ["train", "validation"]), ("test", ["test"])):
        expected = index[index["split"].isin(splits) & (index["scan"] != absent)]
        labels, images = (
            pd.read_csv(tmp_path / "out" / part / "labels.csv"),
            read_table(tmp_path / "out" / part / "images.tsv"),
        )
        assert images["image"].tolist() == expected["image"].tolist()
        assert images["label"].tolist() == [told[scan] for scan in expected["scan"]]
        assert labels["Label"].tolist() == [int(person[-1]) % 2 for person in labels["Subject_ID"]]


def test_an_older_larger_size_is_not_looked_at(slices: Path, tmp_path: Path) -> None:
    np.save(slices / "32.npy", np.zeros((3, 32, 32), np.uint8))
    assert len(write_exchange(slices, tmp_path / "out", classes=["CN", "AD"], sizes=[4, 8])) == 24


def test_a_size_without_a_stack_is_averaged_from_the_largest(written: Path, slices: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        (written / part / "Real4x4.nii.gz").unlink()
    read_exchange(_parts(written), tmp_path / "back", sizes=[4, 8], **OPTIONS)
    assert _by_image(tmp_path / "back", 4) == _by_image(slices, 4)
    with pytest.raises(MrisynthError, match="wanted at 64 pixels, but the largest stacks have 16"):
        read_exchange(_parts(written), tmp_path / "more", sizes=[4, 64], **OPTIONS)


def _replaced(old: str, new: str):
    def change(folder: Path) -> None:
        path = folder / "labels.csv"
        path.write_text(path.read_text().replace(old, new, 1))

    return change


def _stack_of_five(folder: Path) -> None:
    write_stack(np.zeros((5, 4, 4), np.float32), folder / "Real4x4.nii.gz", count=5, size=4)


def _wrong_name(folder: Path) -> None:
    (folder / "Real8x8.nii.gz").rename(folder / "Real32x32.nii.gz")


def _other_participant(folder: Path) -> None:
    table = read_table(folder / "images.tsv")
    write_table(table.assign(split=["train", *["test"] * (len(table) - 1)]), folder / "images.tsv")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_replaced("ID,Label", "number,Label"), "expected ID, Label and Subject_ID"),
        (_replaced("\n3,", "\n2,"), "the ID is there twice"),
        (_replaced("\n5,", "\n6,"), "has 6 IDs; expected those of 6 images, 0 to 5"),
        (_replaced("\n5,", "\n-5,"), "is no row of the format"),
        (_replaced("\n0,", "\n0,=1+"), "is no row of the format"),
        (lambda folder: (folder / "labels.csv").unlink(), r"labels\.csv is not there"),
        (lambda folder: (folder / "images.tsv").write_text("a\tb\n1\t2\n"), "is no table of the format"),
        (_stack_of_five, r"hold \[5, 6\] images; expected the same number"),
        (_wrong_name, "Real32x32.nii.gz holds images of 8 x 8 pixels"),
        (_other_participant, "is in several splits"),
        (lambda folder: [path.unlink() for path in folder.glob("*.nii.gz")], r"holds no Real64x64\.nii\.gz"),
    ],
)
def test_files_that_contradict_each_other_are_refused(change, words: str, written: Path, tmp_path: Path) -> None:
    change(written / "test")
    with pytest.raises(MrisynthError, match=words):
        read_exchange({"test": written / "test"}, tmp_path / "back", **OPTIONS)
    assert not (tmp_path / "back" / "index.tsv").exists()


def test_parts_that_are_no_splits_are_refused(written: Path, tmp_path: Path) -> None:
    for parts in ({}, {"ADNI_train": written / "train"}):
        with pytest.raises(MrisynthError, match="expected some of train, validation, test"):
            read_exchange(parts, tmp_path / "back", **OPTIONS)


def test_a_label_beyond_the_classes_is_refused(written: Path, tmp_path: Path) -> None:
    (written / "test" / "images.tsv").unlink()
    with pytest.raises(MrisynthError, match="expected a label below 1"):
        read_exchange({"test": written / "test"}, tmp_path / "back", classes=["CN"], **OPTIONS)


def test_colour_goes_there_and_back(tmp_path: Path) -> None:
    for person in range(20):
        values = np.random.default_rng(person).integers(0, 256, (16, 16, 3)).astype(np.uint8)
        path = tmp_path / "set" / "AB"[person % 2] / f"{person}_1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    pack_folder(find_images(tmp_path / "set"), tmp_path / "in", sizes=[4, 16], colour=True, **OPTIONS)
    write_exchange(tmp_path / "in", tmp_path / "out", classes=["A", "B"])
    assert nib.load(tmp_path / "out" / "test" / "Real16x16.nii.gz").shape[:3] == (16, 16, 3)
    read_exchange(_parts(tmp_path / "out"), tmp_path / "back", **OPTIONS)
    for size in (4, 16):
        assert _by_image(tmp_path / "back", size) == _by_image(tmp_path / "in", size)


def test_labels_of_generated_images(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels_syn.csv", [0, 0, 1])
    assert (tmp_path / "labels_syn.csv").read_text() == "ID,Label\n0,0\n1,0\n2,1\n"
    assert stack_name(64, kind="Generated") == "Generated64x64.nii.gz"
