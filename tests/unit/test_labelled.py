"""A folder with ``dataset.json`` as the cohort of a study: covariates, whose an image is, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.image_study import (
    count_images,
    image_files,
    image_tables,
    known_of_images,
    pack_cohort,
    write_image_tables,
)
from mrisynth.slices.dataset_json import read_dataset, write_dataset
from mrisynth.slices.slice_set import open_slices

FILES = ("participants", "scans", "verdicts", "exclusions", "balance", "splits")


def cohort(folder: Path, **changes) -> dict:
    usual = {"test_fraction": 0.25, "validation_fraction": 0.25, "stratify": ["site"], "class_column": "diagnosis"}
    return {"name": "labelled", "folder": str(folder), "participant_column": None} | usual | changes


def labels(count: int = 24) -> pd.DataFrame:
    """Two images of a person, in turn of a source that knows volumes and of one that does not."""
    number = np.arange(count)
    return pd.DataFrame(
        {
            "owner": 100 + number // 2,
            "age": 50.0 + number,
            "ventricles_ml": np.where(number // 2 % 2, 20.5 + number, np.nan),
            "place": np.where(number // 2 % 2, "north", "south"),
            "diagnosis": np.where(number % 4 < 2, "AD", "CN"),
        }
    )


def written(folder: Path, table: pd.DataFrame, **how) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (len(table), 20, 16), dtype=np.uint8)
    write_dataset(folder, pixels, table, **how)
    return folder


@pytest.mark.parametrize("ending", [".png", ".nii.gz"])
@pytest.mark.parametrize("form", ["pairs", "nested"])
def test_labels_become_columns_of_the_scans_and_persons_are_divided(tmp_path, form, ending):
    folder, out = written(tmp_path / "given", labels(), form=form, ending=ending), tmp_path / "packed"
    given = cohort(folder, participant_column="owner")
    index = pack_cohort(given, out, sizes=[8], seed=3)
    assert count_images(given) == len(index) == 24 and set(index["status"]) == {"passed"}
    files = {name: tmp_path / name for name in FILES}
    tables = image_tables(index, source="labelled", known=known_of_images(given))
    write_image_tables(tables, files, settings={"seed": 3})
    scans = read_table(files["scans"], participant_id="string").set_index("scan").sort_index()
    always = ["participant_id", "diagnosis", "split", "sha256"]
    assert scans.columns[:4].tolist() == always and set(scans.columns[4:]) == {"age", "place", "ventricles_ml"}
    for name in ("age", "ventricles_ml", "place", "diagnosis"):
        np.testing.assert_array_equal(scans[name].to_numpy(), labels()[name].to_numpy())
    assert scans["participant_id"].tolist() == [str(person) for person in labels()["owner"]]
    assert (scans.groupby("participant_id")["split"].nunique() == 1).all() and scans["split"].nunique() == 3
    slices, read = open_slices(out, 8), read_dataset(folder)
    first = read.images[read.table["file"].tolist().index(slices.index["scan"][0])]
    assert slices.images[0].mean() == pytest.approx(first.mean() * 16 / 20, abs=0.5), "padded with 0 to a square"


def test_without_a_column_of_persons_every_image_is_of_another(tmp_path):
    folder = written(tmp_path / "given", labels().drop(columns=["owner", "diagnosis"]))
    index = pack_cohort(cohort(folder), tmp_path / "packed", sizes=[8], seed=3)
    assert index["participant_id"].nunique() == 24 and index["label"].isna().all()
    assert "00000-img00000003" in set(index["participant_id"])
    tables = image_tables(index, source="labelled", known=known_of_images(cohort(folder)))
    assert tables.scans["diagnosis"].isna().all() and tables.participants["diagnosis"].isna().all()


def test_parts_are_kept_as_splits_and_every_file_is_an_input(tmp_path):
    split = np.array(["train", "train", "validation", "test"])[np.arange(24) // 6]
    folder = written(tmp_path / "given", labels().assign(split=split))
    given = cohort(folder, participant_column="owner")
    index = pack_cohort(given, tmp_path / "packed", sizes=[8], seed=3).sort_values("image")
    part = {"testset": "test", "trainset": "train", "valset": "validation"}
    assert [part[name.split("/")[0]] for name in index["image"]] == index["split"].tolist()
    files = [path.relative_to(folder).as_posix() for path in image_files(given)]
    assert len(files) == 24 + 3 and "valset/dataset.json" in files


def test_a_bad_image_is_a_row_with_a_reason(tmp_path):
    folder = written(tmp_path / "given", labels())
    (folder / "00000/img00000005.png").write_bytes(b"no image at all")
    (folder / "00000/img00000007.png").unlink()
    index = pack_cohort(cohort(folder), tmp_path / "packed", sizes=[8], seed=3).set_index("image")
    bad = index[index["status"] == "excluded"]["reason"].to_dict()
    assert bad == {"00000/img00000005.png": "unreadable", "00000/img00000007.png": "missing"}


def test_what_cannot_be_a_cohort_is_refused(tmp_path):
    folder = written(tmp_path / "given", labels())
    with pytest.raises(MrisynthError, match=r"cohort\.participant_column is subject, but the labels of .* are age, "):
        image_files(cohort(folder, participant_column="subject"))
    with pytest.raises(MrisynthError, match=r"img00000000.png has no ventricles_ml, which says whose it is"):
        image_files(cohort(folder, participant_column="ventricles_ml"))
    with pytest.raises(MrisynthError, match="'scan' is a column that every study has"):
        image_files(cohort(written(tmp_path / "clash", labels().rename(columns={"place": "scan"}))))
    entries = json.loads((folder / "dataset.json").read_text())
    (tmp_path / "secret.png").write_bytes((folder / "00000/img00000000.png").read_bytes())
    (folder / "00000/link.png").symlink_to(tmp_path / "secret.png")
    entries["labels"][0][0] = "00000/link.png"
    (folder / "dataset.json").write_text(json.dumps(entries))
    with pytest.raises(MrisynthError, match=r"link\.png leads out of"):
        image_files(cohort(folder))
