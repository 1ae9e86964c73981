"""Raw data sets of nnU-Net: what is written is what was given, and what nnU-Net would read wrong is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.segmentation.cases import Case, slice_affine, spacing_mm
from mrisynth.segmentation.folds import Member, participant_folds
from mrisynth.segmentation.layout import CASES, SPLITS, STRUCTURES, Layout
from mrisynth.segmentation.nnunet_dataset import write_dataset
from mrisynth.segmentation.structures import Structures

TISSUES = Structures({"gm": [3, 42], "wm": [2, 41]}, background=(0, 24))
TILTED = np.array([[0, -1.5, 0, 9], [1.0, 0, 0, -7], [0, 0, 2.5, 3], [0, 0, 0, 1.0]])


def case(name="a", participant="p1", *, shape=(6, 5, 4), **changes) -> Case:
    generator = np.random.default_rng(len(name))
    labels = generator.choice([0, 24, 3, 42, 2, 41], shape).astype(np.int16)
    labels.flat[:6] = [0, 24, 3, 42, 2, 41]
    affine = TILTED if len(shape) == 3 else slice_affine(pixel_mm=2.0)
    known = {"image": generator.normal(size=shape), "affine": affine, "labels": labels}
    return Case(name=name, participant_id=participant, **(known | changes))


@pytest.fixture
def dataset(tmp_path):
    return Layout(tmp_path).dataset("source_only", 501)


def write(dataset, training, **changes):
    return write_dataset(dataset, training, **({"structures": TISSUES, "seed": 1} | changes))


def test_volumes_keep_their_values_grid_and_structures(dataset):
    given = [case("a", "p1"), case("b", "p2"), case("c", "", synthetic=True)]
    table = write(dataset, given, test=[case("d", "p3"), case("e", "p4", labels=None)])
    image = nib.load(dataset.folder / "imagesTr" / "real_a_0000.nii.gz")
    np.testing.assert_allclose(image.get_fdata(), given[0].image, atol=1e-6)
    np.testing.assert_allclose(image.affine, TILTED, atol=1e-6)
    assert image.header.get_zooms() == pytest.approx((1.0, 1.5, 2.5))
    labels = np.asarray(nib.load(dataset.folder / "labelsTr" / "real_a.nii.gz").dataobj)
    expected = np.select([np.isin(given[0].labels, [3, 42]), np.isin(given[0].labels, [2, 41])], [1, 2], 0)
    assert labels.dtype == np.uint8 and (labels == expected).all()
    content = json.loads((dataset.folder / "dataset.json").read_text())
    assert content["labels"] == {"background": 0, "gm": 1, "wm": 2} and content["numTraining"] == 3
    assert {path.name for path in (dataset.folder / "labelsTs").iterdir()} == {"real_d.nii.gz"}
    assert {path.name for path in dataset.test_images.iterdir()} == {"real_d_0000.nii.gz", "real_e_0000.nii.gz"}
    assert table["case"].tolist() == ["real_a", "real_b", "synthetic_c", "real_d", "real_e"]
    assert read_table(dataset.folder / CASES, case="string")["participant_id"].isna().tolist() == [0, 0, 1, 0, 0]
    assert read_table(dataset.folder / STRUCTURES, values="string")["values"].tolist() == ["0,24", "3,42", "2,41"]


def test_nnunet_reads_volumes_and_slices_with_their_spacing(dataset, tmp_path):
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO

    given = case("a", "p1")
    write(dataset, [given])
    pixels, known = NibabelIO().read_images([str(dataset.folder / "imagesTr" / "real_a_0000.nii.gz")])
    np.testing.assert_allclose(pixels[0].transpose(2, 1, 0), given.image, atol=1e-6)
    assert known["spacing"] == pytest.approx([2.5, 1.5, 1.0])  # nnU-Net's order is z, y, x
    flat = Layout(tmp_path / "slices").dataset("slices", 502)
    write(flat, [case("a", "p1", shape=(6, 5))])
    pixels, known = NibabelIO().read_images([str(flat.folder / "imagesTr" / "real_a_0000.nii.gz")])
    assert pixels.shape == (1, 1, 5, 6) and known["spacing"] == pytest.approx([2.0, 2.0, 2.0])


def test_folds_cut_no_participant_and_validate_on_real_cases(dataset):
    given = [case(f"{person}-{scan}", person) for person in ("p1", "p2", "p3") for scan in "ab"]
    given += [case("s1", "p1", synthetic=True), case("s2", "", synthetic=True)]
    write(dataset, given, folds=5)
    splits = json.loads((dataset.folder / SPLITS).read_text())
    assert len(splits) == 3
    for split in splits:
        held = {name[5:7] for name in split["val"]}
        assert len(held) == 1 and len(split["val"]) == 2
        assert not held & {name[5:7] for name in split["train"] if name.startswith("real")}
        assert "synthetic_s2" in split["train"]
        assert ("synthetic_s1" in split["train"]) == (held != {"p1"})
    assert sorted(name for split in splits for name in split["val"]) == sorted(f"real_{one.name}" for one in given[:6])


def test_folds_depend_on_no_order_and_synthetic_sets_have_folds_too():
    cases = [Member(f"synthetic_{number}", "" if number % 2 else f"p{number}", True) for number in range(8)]
    found = participant_folds(cases, folds=4, seed=3)
    assert found == participant_folds(cases[::-1], folds=4, seed=3)
    assert found != participant_folds(cases, folds=4, seed=4)
    assert [len(fold["val"]) for fold in found] == [2, 2, 2, 2] and [len(fold["train"]) for fold in found] == [6] * 4
    assert participant_folds([Member("a", "p1", False), Member("b", "p1", False)], folds=5, seed=3) == []


WRONG = {
    "another shape": (lambda one: replace(one, labels=one.labels[1:]), r"shape \(5, 5, 4\).* nearest neighbours"),
    "another affine": (lambda one: replace(one, labels_affine=one.affine + 0.1), "differ by up to 0.1 mm"),
    "no label map": (lambda one: replace(one, labels=None), "training needs one"),
    "interpolated": (lambda one: replace(one, labels=one.labels * 0.5), "no whole numbers, as after an interpolation"),
    "strange values": (lambda one: replace(one, labels=one.labels + 100), r"values \[100, 102"),
    "nobody's": (lambda one: replace(one, participant_id=""), "has no participant"),
    "a name": (lambda one: replace(one, name="a/b"), "'a/b'"),
    "not finite": (lambda one: replace(one, image=one.image * np.nan), "not finite"),
    "sheared": (lambda one: replace(one, affine=one.affine + np.eye(4, k=2)), "right angles"),
    "flat": (lambda one: replace(one, affine=np.diag([1.0, 1, 0, 1])), "three axes of some length"),
    "a slice": (lambda one: case("b", "p2", shape=(6, 5)), "has 2 axes, others 3"),
    "twice": (lambda one: replace(one, name="a"), "Two cases are named real_a"),
    "thin slice": (
        lambda one: case("b", "p2", shape=(6, 5), affine=slice_affine(pixel_mm=2.0, thickness_mm=1.0)),
        "takes the longest edge for the way",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_nnunet_would_read_wrong_is_refused_and_leaves_nothing(dataset, fault):
    change, words = WRONG[fault]
    with pytest.raises(MrisynthError, match=words):
        write(dataset, [case("a", "p1"), change(case("b", "p2"))])
    assert list(dataset.layout.raw.glob("*")) == []


def test_sets_that_cannot_work_are_refused(dataset):
    with pytest.raises(MrisynthError, match="p1 is in the training set and among those to predict"):
        write(dataset, [case("a", "p1", synthetic=True)], test=[case("b", "p1")])
    with pytest.raises(MrisynthError, match="no training cases"):
        write(dataset, [])
    with pytest.raises(MrisynthError, match="no training case holds csf"):
        write(dataset, [case()], structures=Structures({**TISSUES.values, "csf": [99]}, background=(0, 24)))
    with pytest.raises(MrisynthError, match="word of nnU-Net"):
        write(dataset, [case()], channel="CT")


def test_a_data_set_is_replaced_whole_but_not_that_of_someone_else(dataset):
    write(dataset, [case("a", "p1"), case("b", "p2")])
    write(dataset, [case("c", "p1")])
    assert [path.name for path in (dataset.folder / "imagesTr").iterdir()] == ["real_c_0000.nii.gz"]
    (dataset.folder / CASES).unlink()
    with pytest.raises(MrisynthError, match="not written here"):
        write(dataset, [case("c", "p1")])


def test_every_arm_has_its_own_number(tmp_path):
    layout = Layout(tmp_path)
    write(layout.dataset("both", 502), [case()])
    assert layout.dataset("both", 502).number == 502
    with pytest.raises(MrisynthError, match="502 is taken by Dataset502_both"):
        layout.dataset("synthetic", 502)
    with pytest.raises(MrisynthError, match="letters, digits and underscores"):
        layout.dataset("real-source", 503)


@pytest.mark.parametrize(
    ("values", "words"),
    [({}, "1 to 254"), ({"background": [1]}, "'background'"), ({"gm": []}, "'gm'"), ({"a": [1], "b": [1]}, r"\[1\]")],
)
def test_structures_that_cannot_be_told_apart_are_refused(values, words):
    with pytest.raises(MrisynthError, match=words):
        Structures(values)


def test_numbers_of_structures_are_turned_back():
    labels = np.array([[0, 24, 3], [42, 2, 41]])
    numbers = TISSUES.encode(labels, name="a")
    assert numbers.tolist() == [[0, 0, 1], [1, 2, 2]] and TISSUES.decode(numbers).tolist() == [[0, 0, 3], [3, 2, 2]]
    np.testing.assert_allclose(spacing_mm(TILTED), [1.0, 1.5, 2.5])
