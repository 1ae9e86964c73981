"""Which masks are made for, and which rows of a study may be read for what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.annotated_shapes import STRUCTURES
from support.steered_study import shown_shapes

from mrisynth.errors import MrisynthError
from mrisynth.mask_stage import UNKNOWN
from mrisynth.slices.packing import packed_slices, write_index
from mrisynth.synthesis.annotated import ShownImages
from mrisynth.synthesis.chosen import COLUMNS, choose_masks

SHOWN, TOLD = shown_shapes()


def test_masks_are_of_annotated_training_people_one_of_each_first():
    chosen = choose_masks(SHOWN, count=14, smallest_share=0.005, seed=1)
    assert list(chosen) == list(COLUMNS) and len(chosen) == 14
    rows = SHOWN.table.iloc[chosen["row"]]
    assert set(rows["split"]) == {"train"} and rows["image"].tolist() == chosen["mask"].tolist()
    assert not (SHOWN.masks[chosen["row"]] == UNKNOWN).any()
    people = SHOWN.table["participant_id"].iloc[SHOWN.annotated("train")].nunique()
    assert people == 12 and chosen["participant_id"].head(12).nunique() == 12
    assert chosen["coverage"].tolist() == [float((SHOWN.masks[row] > 0).mean()) for row in chosen["row"]]
    again = choose_masks(SHOWN, count=5, smallest_share=0.005, seed=1)
    pd.testing.assert_frame_equal(again, chosen.head(5))
    assert choose_masks(SHOWN, count=5, smallest_share=0.005, seed=2)["mask"].tolist() != again["mask"].tolist()


def test_masks_with_little_in_them_are_left_out(caplog):
    shares = choose_masks(SHOWN, count=99, smallest_share=0.005, seed=1)["coverage"]
    fewer = choose_masks(SHOWN, count=99, smallest_share=float(shares.median()), seed=1)
    assert fewer["coverage"].min() > shares.median() and len(fewer) < len(shares) == 24
    assert "99 masks are wanted" in caplog.text
    with pytest.raises(MrisynthError, match="Of 24 annotated training images none"):
        choose_masks(SHOWN, count=3, smallest_share=0.9, seed=1)


def test_the_domain_is_told_by_words_alone():
    rows = SHOWN.rows("train")
    south = SHOWN.of_domain(rows, {"site": "south", "age": 60}, TOLD)
    assert len(south) == 24 and (SHOWN.masks[south] == UNKNOWN).all()
    assert np.array_equal(SHOWN.of_domain(rows, {}, TOLD), rows)


def test_the_segmenter_is_given_training_images_with_masks_alone():
    given = SHOWN.for_segmenter()
    assert len(given.images) == 24 and set(given.splits) == {"train"} and given.masks.max() <= len(STRUCTURES)


def test_packed_slices_are_opened_with_their_masks(tmp_path):
    few = replace(SHOWN, table=SHOWN.table.head(6))
    with packed_slices(tmp_path / "slices", sizes=[16]) as append:
        rows = [
            {"row": append(lambda *, size, row=row: few.images[row]), "status": "passed", **few.table.iloc[row]}
            for row in range(6)
        ]
    write_index(rows, tmp_path / "slices")
    np.save(tmp_path / "shown.npy", few.masks[:6])
    words = {"size": 16, "scans": pd.DataFrame(), "dimensions": 2, "structures": STRUCTURES}
    found = ShownImages.open(tmp_path / "slices", tmp_path / "shown.npy", **words)
    pd.testing.assert_frame_equal(found.table, few.table[["image", "scan", "participant_id", "split"]])
    assert np.array_equal(found.images, few.images[:6]) and np.array_equal(found.masks, few.masks[:6])
    np.save(tmp_path / "shown.npy", few.masks[:5])
    with pytest.raises(MrisynthError, match="make the masks again"):
        ShownImages.open(tmp_path / "slices", tmp_path / "shown.npy", **words)
