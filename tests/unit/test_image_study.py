"""A cohort of images becomes packed slices and the tables that other studies have of their scans."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.class_images import CLASSES, EDGE, draw_class_image, write_class_folder

from mrisynth.conditions import build_condition
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.files import read_json, read_table
from mrisynth.image_study import count_images, image_files, image_tables, pack_cohort, write_image_tables
from mrisynth.slice_tables import per_image
from mrisynth.slices.exchange import write_exchange
from mrisynth.slices.slice_set import open_slices

FILES = ("participants", "scans", "verdicts", "exclusions", "balance", "splits")


def cohort(folder: Path, name: str = "images", **changes) -> dict:
    shares = {"test_fraction": 0.25, "validation_fraction": 0.25, "stratify": ["site"]}
    return {"name": name, "folder": str(folder), **shares, **changes}


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """Ten persons of each class with two images, one file that is no image, one picture of another shape."""
    folder = write_class_folder(tmp_path_factory.mktemp("given") / "classes", people=10)
    (folder / "AD" / "01900_70.png").write_bytes(b"no image at all")
    Image.fromarray(np.arange(20 * 40, dtype=np.uint8).reshape(20, 40)).save(folder / "NC" / "01901_70.png")
    return folder


def test_every_image_is_a_scan_with_the_class_of_its_folder(given, tmp_path):
    index = pack_cohort(cohort(given), tmp_path, sizes=[8, 12], seed=3)
    tables = image_tables(index, source="images")
    assert sorted(tables.scans["scan"]) == sorted(
        str(path.relative_to(given)) for label in CLASSES for path in (given / label).iterdir()
    )
    for row in tables.scans.itertuples(index=False):
        assert row.scan.split("/")[0] == row[2] and row.participant_id == Path(row.scan).stem.split("_")[0]
        assert row.sha256 == hashlib.sha256((given / row.scan).read_bytes()).hexdigest()
    assert tables.scans.groupby("participant_id")["split"].nunique().max() == 1
    slices = open_slices(tmp_path, 12)
    assert slices.index["scan"].tolist() == slices.index["image"].tolist()
    first = np.asarray(Image.open(given / slices.index["image"][0]), dtype=float)
    averaged = first.reshape(12, EDGE // 12, 12, EDGE // 12).mean(axis=(1, 3))
    assert np.abs(slices.images[0] - averaged).max() <= 0.5 + 1e-6


def test_the_first_images_are_of_all_classes_and_those_of_a_person_stay_together(given, tmp_path):
    index = pack_cohort(cohort(given), tmp_path, sizes=[8], seed=3)
    assert set(index["label"][:10]) == set(CLASSES), "the names of one class stand before those of the other"
    people = index["participant_id"]
    assert (people != people.shift()).sum() == people.nunique()
    other = pack_cohort(cohort(given), tmp_path / "other", sizes=[8], seed=4)
    assert other["image"].tolist() != index["image"].tolist()
    assert sorted(other["image"]) == sorted(index["image"])


def test_a_bad_image_is_a_row_with_a_reason_and_counted(given, tmp_path):
    index = pack_cohort(cohort(given), tmp_path / "slices", sizes=[8], seed=3)
    files = {name: tmp_path / name for name in FILES}
    write_image_tables(image_tables(index, source="images"), files, settings={"seed": 3})
    verdicts = read_table(files["verdicts"], reason="string").set_index("scan")
    assert verdicts["status"].value_counts().to_dict() == {"passed": 40, "excluded": 2}
    reasons = verdicts.loc[["AD/01900_70.png", "NC/01901_70.png"], "reason"].tolist()
    assert reasons == ["unreadable", "wrong_size"]
    counted = read_table(files["exclusions"]).set_index("outcome")["scans"]
    assert (counted["in"], counted["passed"]) == (42, 40)
    people = read_table(files["participants"]).set_index("participant_id")
    assert people.loc["01900", "images"] == 0 and people["images"].sum() == 40
    balance = read_table(files["balance"])
    assert set(balance["variable"]) == {"participants", "diagnosis"}
    record = read_json(files["splits"])
    assert sum(part["participants"] for part in record["splits"].values()) == 22
    assert record["settings"] == {"seed": 3}


def test_the_shares_hold_within_each_class_unless_nothing_is_to_be_stratified(given, tmp_path):
    index = pack_cohort(cohort(given, stratify=["site"]), tmp_path / "a", sizes=[8], seed=3)
    people = index.drop_duplicates("participant_id")
    tested = people[people["split"] == "test"]["label"].value_counts()
    assert set(tested) <= {2, 3} and len(tested) == 2
    free = pack_cohort(cohort(given, stratify=[]), tmp_path / "b", sizes=[8], seed=3)
    assert free["split"].tolist() != index["split"].tolist()


def test_a_given_test_folder_is_kept_and_the_condition_is_the_class_of_each_image(tmp_path):
    folder = write_class_folder(tmp_path / "classes", people=6, tested=3)
    draw_class_image(folder / "train" / "NC" / "01000_99.png", label="NC", seed=1)  # once AD, now NC
    index = pack_cohort(cohort(folder), tmp_path / "slices", sizes=[8], seed=0)
    assert (index["split"] == "test").tolist() == index["image"].str.startswith("test/").tolist()
    tables = image_tables(index, source="images", column="sex")
    both = tables.participants.set_index("participant_id").loc["01000"]
    assert both["sex"] == "AD and NC" and both["images"] == 3
    told = build_condition("group", tables.scans, kind="categorical", columns=["sex"])
    joined = per_image(told.table, index)
    assert [told.classes[label] for label in joined["label"]] == index["label"].tolist()


def test_stacks_of_the_exchange_format_are_a_cohort_too(tmp_path):
    folder = write_class_folder(tmp_path / "classes", people=6, tested=3)
    index = pack_cohort(cohort(folder), tmp_path / "slices", sizes=[16], seed=0)
    write_exchange(tmp_path / "slices", tmp_path / "out", classes=CLASSES)
    mine = cohort(tmp_path / "out", "exchange")
    assert [path.name for path in image_files(mine)] == 2 * ["Real16x16.nii.gz", "images.tsv", "labels.csv"]
    assert count_images(mine) == len(index)
    again = pack_cohort(mine, tmp_path / "again", sizes=[8, 16], seed=7)
    assert again["scan"].is_unique and again["scan"].tolist() == again["image"].tolist()
    kept = ["participant_id", "label", "split"]
    assert sorted(map(tuple, again[kept].to_numpy())) == sorted(map(tuple, index[kept].to_numpy()))
    before, after = (np.sort(open_slices(tmp_path / name, 16).images.ravel()) for name in ("slices", "again"))
    assert np.array_equal(before, after)


def test_the_files_of_a_cohort_are_all_listed(given):
    assert image_files(cohort(given)) == sorted(given.glob("*/*.png"))
    assert count_images(cohort(given)) == 42


def test_what_cannot_be_a_study_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(MrisynthError, match="holds no folder train; give the folder of train and test"):
        image_files(cohort(tmp_path, "exchange"))
    folder = write_class_folder(tmp_path / "classes", people=1, slices=1)
    with pytest.raises(MrisynthError, match="None of the 2 images that passed is in the train split"):
        pack_cohort(cohort(folder, test_fraction=0.99, validation_fraction=0.0), tmp_path / "s", sizes=[8], seed=0)
    draw_class_image(folder / "AD" / "1{x}.png", label="AD", seed=0)
    with pytest.raises(ConfigError, match="a brace"):
        image_files(cohort(folder))
