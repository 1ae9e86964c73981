"""The record of candidates: stable columns, shards, decisions, what is left to do, acceptance with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table
from mrisynth.filtering.acceptance import acceptance
from mrisynth.filtering.decision import Rule, Thresholds
from mrisynth.filtering.record import (
    DECIDED,
    TEXT,
    Candidate,
    candidate_rows,
    columns,
    decided,
    merged,
    read_record,
    to_do,
)
from mrisynth.filtering.scorers import StructureScores
from mrisynth.metrics.shares import share_interval, wilson_interval

NAMES = ("grey", "white")
RULE = Rule(thresholds=Thresholds.published(2), structures=NAMES)


def shard(mask, overlaps, *, first=0, faults=None, seed=7) -> pd.DataFrame:
    iou = np.array(overlaps, dtype=float)
    made = [
        Candidate(
            mask=mask, number=first + number, scan="IXI012", prompt="brain T1 MRI, male", seed=seed + number,
            coverage=0.3, fault=(faults or [""] * len(iou))[number],
        )
        for number in range(len(iou))
    ]  # fmt: skip
    scores = StructureScores(iou, np.where(np.isnan(iou), np.nan, 0.95))
    return candidate_rows(made, scores, structures=NAMES, scorer="segmenter", brightness=iou - 0.5)


def test_columns_are_always_the_same():
    expected = [
        "mask", "try", "scan", "prompt", "seed", "scorer", "iou_grey", "confidence_grey", "brightness_grey", "iou_white",
        "confidence_white", "brightness_white", "coverage", "nearest", "similarity", "fault", "mean_iou",
        "mean_confidence", "rank", "passes", "kept", "lowered", "reason",
    ]  # fmt: skip
    assert columns(NAMES) == expected
    table = shard("a", [[0.9, 0.9]])
    assert list(table) == expected and list(shard("a", np.empty((0, 2)))) == expected
    with pytest.raises(MrisynthError, match="expected"):
        candidate_rows([], StructureScores(np.zeros((1, 2)), np.zeros((1, 2))), structures=NAMES, scorer="x")


def test_a_record_is_the_same_after_it_was_written(tmp_path):
    table = shard("007", [[0.9, np.nan], [0.5, 0.0]], seed=2**62, faults=["", "copy"])
    for one in (table, decided(merged([table], structures=NAMES), rule=RULE)):
        write_table(one, tmp_path / "record.tsv")
        again = read_record(read_table(tmp_path / "record.tsv", **dict.fromkeys(TEXT, "string")), structures=NAMES)
        pd.testing.assert_frame_equal(one, again)
    assert again["mask"].tolist() == ["007"] * 2 and again["seed"].tolist() == [2**62, 2**62 + 1]
    with pytest.raises(MrisynthError, match="expected those"):
        read_record(again.drop(columns="prompt"), structures=NAMES)


def test_shards_are_joined_in_order_and_a_candidate_made_twice_stands_once():
    one, two = shard("b", [[0.9, 0.9], [0.8, 0.8]]), shard("a", [[0.7, 0.7]])
    again = shard("b", [[0.8, 0.8]], first=1, seed=8)
    table = merged([one, two, again, shard("c", np.empty((0, 2)))], structures=NAMES)
    assert list(zip(table["mask"], table["try"], strict=True)) == [("a", 0), ("b", 0), ("b", 1)]
    other = shard("b", [[0.8, 0.8]], first=1, seed=99)
    with pytest.raises(MrisynthError, match="Try 1 of the mask b was made twice"):
        merged([one, other], structures=NAMES)
    with pytest.raises(MrisynthError, match="no record"):
        merged([], structures=NAMES)


def test_decisions_are_taken_mask_by_mask_whatever_the_order():
    parts = [shard("a", [[0.9, 0.9], [0.85, 0.85], [0.95, 0.95]]), shard("b", [[0.75, 0.75], [0.72, 0.72]])]
    table = decided(merged(parts, structures=NAMES), rule=RULE)
    assert table["kept"].tolist() == [True, False, True, True, False]
    assert table["lowered"].tolist() == [False, False, False, True, False]
    assert table["rank"].tolist() == [2, 3, 1, 1, 2]
    assert (table["reason"] != "").tolist() == [False, True, False, False, True]
    shuffled = table.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(decided(shuffled, rule=RULE).sort_index(), table)
    undone = merged(parts, structures=NAMES)
    assert undone["kept"].isna().all() and (undone["reason"] == "").all()
    assert set(DECIDED) <= set(undone)


def test_a_failed_check_is_the_reason():
    table = decided(
        merged([shard("a", [[0.9, 0.9], [0.9, 0.9]], faults=["grey is too dark", ""])], structures=NAMES), rule=RULE
    )
    assert table["reason"].tolist() == ["grey is too dark", ""] and table["kept"].tolist() == [False, True]


def test_what_is_left_to_do_is_what_no_shard_has_made():
    done = merged([shard("a", [[0.9, 0.9], [0.9, 0.9]]), shard("b", [[0.1, 0.1]], first=1)], structures=NAMES)
    assert to_do(["a", "b", "c"], tries=2) == [(mask, number) for mask in "abc" for number in (0, 1)]
    assert to_do(["a", "b", "c"], tries=3, done=done) == [("a", 2), ("b", 0), ("b", 2), ("c", 0), ("c", 1), ("c", 2)]
    assert to_do(["a", "b"], tries=3, done=done, rule=RULE) == [("b", 0), ("b", 2)]
    assert to_do(["a"], tries=2, done=done) == []


def test_acceptance_counts_candidates_structures_and_masks():
    parts = [
        shard("a", [[0.9, 0.9], [0.95, 0.5], [0.9, 0.9], [0.9, 0.9]], faults=["", "", "", "copy"]),
        shard("b", [[0.3, np.nan], [0.9, 0.0]]), shard("c", [[0.75, 0.75]]),
    ]  # fmt: skip
    table = acceptance(decided(merged(parts, structures=NAMES), rule=RULE), rule=RULE).set_index("what")
    assert list(table.index) == ["checks", "candidates", "grey", "white", "masks", "masks, not lowered"]
    assert table[["accepted", "of"]].to_numpy().tolist() == [[6, 7], [2, 7], [6, 7], [4, 6], [2, 3], [1, 3]]
    assert (table["low"] <= table["rate"]).all() and (table["rate"] <= table["high"]).all()
    assert tuple(table.loc["white", ["low", "high"]]) == wilson_interval(4, 6)


def test_the_interval_of_wilson():
    low, high = wilson_interval(5, 10)
    assert (low, high) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    assert wilson_interval(0, 20) == (0.0, pytest.approx(0.1611, abs=1e-4))
    assert wilson_interval(20, 20)[1] == 1.0 and np.isnan(wilson_interval(0, 0)).all()
    exact = share_interval(3, 40)
    assert exact[0] < wilson_interval(3, 40)[0] or exact[1] > wilson_interval(3, 40)[1]
