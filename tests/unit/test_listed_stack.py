"""A stack with a list of paths and a table: joined by the image ID, whatever the order of the table."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.slices.listed_stack import image_id_of, read_listed_stack
from mrisynth.slices.slice_set import open_slices

COUNT, SIZE = 20, 16
OPTIONS = {"sizes": [4, 16], "seed": 2, "fractions": {"test": 0.2, "validation": 0.2}}


def _name(image: int, subject: str) -> str:
    return f"/data/ADNI/{subject}/ADNI_{subject}_MR_S{image + 7}_I{image}_reg2MNI_dof9_conform_reoriented_axslicez127.nii.gz"


class Download:
    """Twenty slices of ten persons; slice i is brightest at a place of its own."""

    def __init__(self, folder: Path) -> None:
        self.stack, self.paths, self.table = folder / "all.nii.gz", folder / "paths.txt", folder / "search.csv"
        self.ids = np.random.default_rng(1).permutation(90_000)[:COUNT] + 1000
        self.subjects = [f"{number % 10:03d}_S_{number % 10:04d}" for number in range(COUNT)]
        self.array = np.random.default_rng(2).integers(0, 600, (SIZE, SIZE, COUNT)).astype(np.int16)
        for number in range(COUNT):
            self.array[number % SIZE, number // SIZE, number] = 1000
        self.rows = pd.DataFrame(
            {
                "Image Data ID": [f"I{image}" for image in self.ids],
                "Subject": self.subjects,
                "Group": ["AD" if number % 10 < 4 else "CN" for number in range(COUNT)],
                "Sex": ["M", "F"] * (COUNT // 2),
                "Age": [60 + number % 10 for number in range(COUNT)],
            }
        )
        self.lines = [_name(image, subject) for image, subject in zip(self.ids, self.subjects, strict=True)]

    def write(self) -> None:
        nib.save(nib.Nifti1Image(self.array, np.eye(4)), self.stack)
        self.paths.write_text("\n".join(self.lines) + "\n")
        self.rows.to_csv(self.table, index=False)

    def read(self, folder: Path, **options) -> pd.DataFrame:
        return read_listed_stack(self.stack, folder, paths=self.paths, table=self.table, **(OPTIONS | options))


@pytest.fixture
def download(tmp_path: Path) -> Download:
    made = Download(tmp_path)
    made.write()
    return made


def test_labels_follow_the_image_id_and_not_the_place(download: Download, tmp_path: Path) -> None:
    """The published hazard: the table sorted by person beside a stack in another order."""
    expected = download.rows.set_index("Image Data ID")
    download.rows = download.rows.sort_values(["Group", "Subject"]).sample(frac=1, random_state=0)
    download.write()
    index = download.read(tmp_path / "out")
    slices = open_slices(tmp_path / "out", SIZE)
    assert len(index) == COUNT and (index["status"] == "passed").all()
    for number, (image, row) in enumerate(zip(slices.images, slices.index.to_dict("records"), strict=True)):
        assert row["image"] == row["scan"] == f"I{download.ids[number]}"
        told = expected.loc[row["image"]]
        assert (row["participant_id"], row["label"], row["sex"], row["age"]) == tuple(told)
        assert (row["plane"], row["slice"]) == ("axial", 127)
        assert image[SIZE - 1 - number // SIZE, number % SIZE] == 255 and (image == 255).sum() == 1
    assert (index.groupby("participant_id")["split"].nunique() == 1).all()
    people = index.drop_duplicates("participant_id")
    assert people.groupby("split").size().to_dict() == {"train": 6, "validation": 2, "test": 2}


def test_ids_without_their_letter_and_images_that_are_not_square(download: Download, tmp_path: Path) -> None:
    download.rows["Image Data ID"] = download.rows["Image Data ID"].str.removeprefix("I")
    download.array = download.array[:12]  # 12 wide, 16 high
    download.write()
    index = download.read(tmp_path / "out")
    assert (index["status"] == "passed").all()
    images = open_slices(tmp_path / "out", SIZE).images
    assert (
        (images[:, :, :2] == 0).all() and (images[:, :, 14:] == 0).all() and images[:, :, 2:14].any(axis=(1, 2)).all()
    )


def test_what_cannot_be_joined_is_excluded_with_a_reason(download: Download, tmp_path: Path) -> None:
    download.lines[3] = "/data/slice_without_an_id.nii.gz"
    download.lines[7] = download.lines[6]
    download.rows = download.rows[download.rows["Image Data ID"] != f"I{download.ids[5]}"]
    download.rows.loc[download.rows["Image Data ID"] == f"I{download.ids[9]}", "Group"] = ""
    download.array[:, :, 11] = 0
    download.write()
    index = download.read(tmp_path / "out")
    reasons = {3: "no_image_id", 5: "no_row", 7: "repeat", 9: "no_label", 11: "constant"}
    assert index["reason"].dropna().to_dict() == reasons
    assert index["row"].dropna().tolist() == list(range(COUNT - 5))
    slices = open_slices(tmp_path / "out", SIZE)
    assert slices.index.loc[3, "image"] == f"I{download.ids[4]}"
    assert slices.images[3][SIZE - 1, 4] == 255


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.lines.pop(), "has 19 lines for the 20 images"),
        (lambda d: setattr(d, "rows", d.rows.drop(columns="Group")), "no column for the label, such as Group"),
        (
            lambda d: setattr(d, "rows", pd.concat([d.rows, d.rows[:1].assign(Group="MCI")])),
            "says two different things of image I",
        ),
        (lambda d: d.lines.__setitem__(slice(None), ["a"] * COUNT), "nothing to pack"),
    ],
)
def test_files_that_do_not_fit_are_refused(change, words: str, download: Download, tmp_path: Path) -> None:
    change(download)
    download.write()
    with pytest.raises(MrisynthError, match=words):
        download.read(tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_lists_and_tables_that_are_none(download: Download, tmp_path: Path) -> None:
    with pytest.raises(MrisynthError, match=r"wanted at 64 pixels, but the images of .* have 16"):
        download.read(tmp_path / "out", sizes=[64])
    download.table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read as a table"):
        download.read(tmp_path / "out")
    download.table.unlink()
    with pytest.raises(MrisynthError, match="is not there"):
        download.read(tmp_path / "out")
    download.paths.write_bytes(b"\xff\xfe")
    with pytest.raises(MrisynthError, match="is no text"):
        download.read(tmp_path / "out")


def test_a_table_too_large_is_not_read(download: Download, tmp_path: Path) -> None:
    with download.table.open("r+b") as stream:
        stream.truncate(2**26 + 1)
    with pytest.raises(MrisynthError, match="has 67108865 bytes; expected a table of 67108864 at most"):
        download.read(tmp_path / "out")


@pytest.mark.parametrize(
    ("path", "image"),
    [
        (_name(13722, "002_S_0295"), "I13722"),
        ("C:\\scans\\I9_S1_I22.nii", "I22"),
        ("/I77/slice.nii", None),
        ("a_I12b_c.nii", None),
        ("I5", "I5"),
    ],
)
def test_the_image_id_of_a_path(path: str, image: str | None) -> None:
    assert image_id_of(path) == image
