"""Cases of the arms: who is trained on what, who is tested, where slices lie, and that no hidden mask is read."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import read_json, read_table, write_table
from mrisynth.segmentation.arms import Synthesis, dataset_of, structures_of, write_arm, write_held_out
from mrisynth.segmentation.packed_cases import PackedCases
from mrisynth.segmentation.plan import OF_SYNTHESIS

SIZE = 16
FIELD_MM = 64.0
SHAPES = structures_of({"ball": 1, "box": 2}, classes=2)


@pytest.fixture
def study(tmp_path):
    """Six scans of three slices: two of the north and two of the south to train on, one of each to test; one unmapped."""
    scans = pd.DataFrame(
        {
            "scan": [f"s{number}" for number in range(7)],
            "participant_id": [f"p{number}" for number in range(7)],
            "split": ["train"] * 4 + ["test"] * 2 + ["train"],
            "site": ["north", "north", "south", "south", "north", "south", "north"],
        }
    )
    index = scans.loc[scans.index.repeat(3)].reset_index(drop=True)
    index = index.assign(row=range(21), plane="axial", slice=[20, 24, 28] * 7, image=[f"i{n}" for n in range(21)])
    facts = scans[["scan"]].assign(reason=[""] * 6 + ["missing"])
    facts["annotated"] = (scans["site"] == "north") & (facts["reason"] == "")
    folder = tmp_path / "slices"
    folder.mkdir()
    write_table(scans, tmp_path / "scans.tsv")
    write_table(index.drop(columns="site"), folder / "index.tsv")
    write_table(facts.replace("", pd.NA), tmp_path / "facts.tsv")
    generator = np.random.default_rng(1)
    masks = generator.integers(0, 3, (21, SIZE, SIZE), dtype=np.uint8)
    masks[18:] = 255
    hidden = np.repeat(~facts["annotated"].to_numpy(), 3)
    np.save(folder / f"{SIZE}.npy", masks.clip(0, 2) * 100)
    np.save(tmp_path / "known.npy", masks)
    np.save(tmp_path / "shown.npy", np.where(hidden[:, None, None], 255, masks).astype(np.uint8))

    def read(kind="known", cut_size=64):
        return PackedCases.read(
            folder / f"{SIZE}.npy", index=folder / "index.tsv", scans=tmp_path / "scans.tsv",
            masks=tmp_path / f"{kind}.npy", facts=tmp_path / "facts.tsv", field_mm=FIELD_MM, cut_size=cut_size,
        )  # fmt: skip

    return SimpleNamespace(read=read, folder=tmp_path, masks=masks, index=index)


def made(count=4, people=("p0", None)):
    masks = np.random.default_rng(2).integers(0, 3, (count, SIZE, SIZE), dtype=np.uint8)
    kept = pd.DataFrame({"participant_id": pd.array([people[n % len(people)] for n in range(count)], dtype="string")})
    return Synthesis(masks * 120, masks, kept)


def people_of(table):
    return set(table["participant_id"]) - {""}


def test_each_arm_is_trained_on_its_own_people_and_all_are_tested_on_the_same(study):
    shown, known = study.read("shown"), study.read("known")
    write = {"structures": SHAPES, "seed": 1}
    tables = {
        arm: write_arm(arm, study.folder / arm, shown, synthesis=made() if arm in OF_SYNTHESIS else None, **write)
        for arm in ("source", "source_strong", "synthetic", "both", "both_strong")
    }
    tables["ceiling"] = write_arm("ceiling", study.folder / "ceiling", known, synthesis=None, **write)
    found = {arm: (len(table), people_of(table)) for arm, table in tables.items()}
    assert found["source"] == found["source_strong"] == (6, {"p0", "p1"})
    assert found["synthetic"] == (4, {"p0"})
    assert found["both"] == found["both_strong"] == (10, {"p0", "p1"})
    assert found["ceiling"] == (6, {"p2", "p3"})
    held = write_held_out(study.folder / "test", known, structures=SHAPES, domain="site south")
    assert people_of(held) == {"p5"} and set(held["set"]) == {"test"}
    assert people_of(write_held_out(study.folder / "all", known, structures=SHAPES, domain=None)) == {"p4"}


def test_images_and_masks_are_written_as_they_are_packed(study):
    write_arm("source", study.folder / "source", study.read("shown"), structures=SHAPES, synthesis=None, seed=1)
    folder = dataset_of("source", study.folder / "source").folder
    image = nib.load(folder / "imagesTr" / "real_row000004_0000.nii.gz")
    labels = np.asarray(nib.load(folder / "labelsTr" / "real_row000004.nii.gz").dataobj)
    np.testing.assert_array_equal(labels[..., 0], study.masks[4])
    np.testing.assert_allclose(image.get_fdata()[..., 0], study.masks[4] * 100 / 255, atol=1e-6)
    assert read_json(folder / "dataset.json")["labels"] == {"background": 0, "ball": 1, "box": 2}


def test_arms_that_are_matched_are_trained_on_annotated_images_as_bright_as_the_domain(study):
    packed = study.read("shown")
    images = packed.images.copy()
    images[6:12] = np.array([0, 60, 240], dtype=np.uint8)[study.masks[6:12]]  # s2 and s3, which train and are south
    images[15:18] = 255  # s5 is south, but tested
    write = {"structures": SHAPES, "synthesis": None, "seed": 1}
    packed = replace(packed, images=images)
    domain = {"s2", "s3", "s5"}
    table = write_arm("source_matched", study.folder / "m", packed, domain=domain, **write)
    assert (len(table), people_of(table)) == (6, {"p0", "p1"})
    both = write_arm("both_matched", study.folder / "b", packed, domain=domain, **write | {"synthesis": made()})
    assert (len(both), people_of(both)) == (10, {"p0", "p1"})
    for arm, name in (("source_matched", "m"), ("both_matched", "b")):
        images_of = dataset_of(arm, study.folder / name).folder / "imagesTr"
        image = nib.load(images_of / "real_row000004_0000.nii.gz").get_fdata()[..., 0]
        np.testing.assert_allclose(image, np.array([0, 60, 240])[study.masks[4]] / 255, atol=1e-6)
    drawn = nib.load(images_of / "synthetic_made000001_0000.nii.gz").get_fdata()[..., 0]
    np.testing.assert_allclose(drawn, made().images[1] / 255, atol=1e-6)
    with pytest.raises(MrisynthError, match="those of the other domain nothing is above the background"):
        write_arm("source_matched", study.folder / "x", packed, domain={"s5"}, **write)


def test_slices_of_a_scan_are_a_volume_with_the_true_way_from_one_to_the_next(study):
    """Every fourth of 64 slices of 1 mm, pixels of 4 mm."""
    held = write_held_out(study.folder / "test", study.read(), structures=SHAPES, domain="site south")
    assert set(held["volume"]) == {"s5"} and held["position"].tolist() == [0, 1, 2]
    header = nib.load(study.folder / "test" / "labelsTs" / "real_row000015.nii.gz").header
    assert header.get_zooms() == (4.0, 4.0, 4.0)
    assert set(read_table(study.folder / "test" / "structures.tsv")["structure"]) == {"background", "ball", "box"}


@pytest.mark.parametrize(("slices", "cut_size"), [([20, 24, 29], 64), ([20, 21, 22], 64)])
def test_slices_that_are_uneven_or_nearer_than_a_pixel_is_wide_are_scored_one_by_one(study, slices, cut_size):
    packed = study.read(cut_size=cut_size)
    packed = replace(packed, rows=packed.rows.assign(slice=slices * 7))
    cases = list(packed.held_out(mask="unannotated"))
    assert [case.volume for case in cases] == [f"s5_axial-{number:03d}" for number in slices]
    assert {case.position for case in cases} == {0} and cases[0].affine[2, 2] == 4.0


def test_slices_of_two_planes_are_two_volumes(study):
    packed = study.read()
    rows = packed.rows.assign(plane=["axial", "axial", "coronal"] * 7)
    cases = list(replace(packed, rows=rows).held_out(mask="unannotated"))
    assert [case.volume for case in cases] == ["s5_axial", "s5_axial", "s5_coronal"]


def test_volumes_lie_on_the_cube(tmp_path):
    rows = pd.DataFrame({"row": [0, 1], "scan": ["a", "b"]})
    write_table(rows, tmp_path / "index.tsv")
    write_table(rows.assign(participant_id=["p", "q"], split=["train", "test"]), tmp_path / "scans.tsv")
    write_table(rows.assign(reason=pd.NA, annotated=True), tmp_path / "facts.tsv")
    np.save(tmp_path / "images.npy", np.full((2, 8, 8, 8), 51, np.uint8))
    np.save(tmp_path / "masks.npy", np.ones((2, 8, 8, 8), np.uint8))
    packed = PackedCases.read(
        tmp_path / "images.npy", index=tmp_path / "index.tsv", scans=tmp_path / "scans.tsv",
        masks=tmp_path / "masks.npy", facts=tmp_path / "facts.tsv", field_mm=80.0, cut_size=8,
    )  # fmt: skip
    (case,) = packed.held_out(mask="annotated")
    assert (case.volume, case.participant_id, case.affine[0, 0]) == ("b", "q", 10.0)
    assert case.image.max() == pytest.approx(0.2)


def test_no_arm_reads_a_mask_that_it_may_not_see(study):
    with pytest.raises(MrisynthError, match="The mask of s2 is not known where its table says that it is"):
        write_arm("ceiling", study.folder / "x", study.read("shown"), structures=SHAPES, synthesis=None, seed=1)


def test_an_image_made_for_the_mask_of_a_test_participant_is_refused(study):
    with pytest.raises(MrisynthError, match="made for a mask of p5, who is a test participant"):
        write_arm(
            "both", study.folder / "x", study.read("shown"), structures=SHAPES, synthesis=made(people=("p5",)), seed=1
        )


def test_nobody_to_test_is_said(study):
    packed = study.read()
    with pytest.raises(MrisynthError, match="Found no site east with a usable label map"):
        write_held_out(
            study.folder / "test", replace(packed, rows=packed.rows.assign(split="train")), structures=SHAPES,
            domain="site east",
        )  # fmt: skip


def test_classes_that_are_no_structure_count_as_background(study):
    packed = study.read("shown")
    only = structures_of({"box": 2}, classes=2)
    write_arm("source", study.folder / "source", packed, structures=only, synthesis=None, seed=1)
    labels = nib.load(dataset_of("source", study.folder / "source").folder / "labelsTr" / "real_row000000.nii.gz")
    np.testing.assert_array_equal(np.asarray(labels.dataobj)[..., 0], study.masks[0] == 2)


def test_a_synthesis_of_no_image_is_said(tmp_path):
    for name in ("images", "masks"):
        np.save(tmp_path / f"{name}.npy", np.zeros((0, 8, 8), np.uint8))
    write_table(pd.DataFrame({"participant_id": []}), tmp_path / "kept.tsv")
    with pytest.raises(MrisynthError, match="has no image: the filter refused all"):
        Synthesis.read(tmp_path / "images.npy", tmp_path / "masks.npy", tmp_path / "kept.tsv")
