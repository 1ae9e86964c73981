"""The section of the page on images made for masks: counts and scores as they stand in the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mrisynth.files import read_table, write_table
from mrisynth.filtering.acceptance import acceptance
from mrisynth.filtering.decision import Rule, Thresholds
from mrisynth.metrics.segmentation import MEASURES, segmentation_tables
from mrisynth.reporting.segmentation_section import SECTION, acceptance_tables, arm_tables


def volumes(dice_by_arm, *, people, structures=("ball", "box")):
    """Scores of every arm, structure and person: its Dice, and a hundredth more with each person."""
    rows = [
        {
            "arm": arm, "volume": f"v{person}", "participant_id": f"p{person}", "structure": structure,
            "true_voxels": 9, "predicted_voxels": 9,
        } | dict.fromkeys(MEASURES, dice + 0.01 * person)
        for arm, dice in dice_by_arm.items()
        for structure in structures
        for person in range(people)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def written(folder, table):
    tables = segmentation_tables(table, seed=1, replicates=200)
    paths = folder / "arms.tsv", folder / "differences.tsv"
    for path, one in zip(paths, (tables.arms, tables.differences), strict=True):
        write_table(one, path)
    return paths


def test_arms_stand_by_structure_and_their_differences_once(tmp_path):
    arms = {"source": 0.5, "both": 0.6, "ceiling": 0.8}
    scores, pairs = arm_tables(*written(tmp_path, volumes(arms, people=11)))
    assert {scores.section, pairs.section} == {SECTION}
    assert list(scores.frame.columns) == ["arm", "ball", "box", "mean of all structures"]
    assert scores.frame["arm"].tolist() == list(arms) and "11 people" in scores.caption
    assert scores.frame.loc[1, "box"].startswith("0.650 (") and " to " in scores.frame.loc[1, "mean of all structures"]
    assert pairs.frame[["arm", "against"]].to_numpy().tolist() == [
        ["source", "both"], ["source", "ceiling"], ["both", "ceiling"],
    ]  # fmt: skip
    assert pairs.frame.loc[0, "difference"].startswith("-0.100 (") and pairs.frame.loc[0, "ahead"] == "both"


def test_few_people_have_no_interval_and_one_arm_no_difference(tmp_path):
    (scores,) = arm_tables(*written(tmp_path, volumes({"source": 0.5}, people=3, structures=("ball",))))
    assert scores.frame.to_numpy().tolist() == [["source", "0.510"]]


def test_the_difference_of_a_single_structure_is_named_by_it(tmp_path):
    _, pairs = arm_tables(*written(tmp_path, volumes({"source": 0.5, "both": 0.6}, people=3, structures=("ball",))))
    assert "of the other, ball, on the same 3 people" in pairs.caption and len(pairs.frame) == 1


def test_a_structure_without_a_value_is_told(tmp_path):
    paths = written(tmp_path, volumes({"source": 0.5}, people=3))
    table = read_table(paths[0])
    table.loc[(table["structure"] == "box"), ["value", "low", "high"]] = np.nan
    write_table(table, paths[0])
    assert arm_tables(*paths)[0].frame.loc[0, "box"] == "n/a"


def test_what_the_filter_kept_is_told_in_words(tmp_path):
    record = pd.DataFrame(
        {
            "mask": ["a", "a", "b", "b"], "fault": ["", "", "", "dark"], "passes": [True, False, False, False],
            "kept": [True, False, False, False], "lowered": [False, False, False, False],
            "iou_ball": [0.9, 0.2, 0.1, 0.2], "confidence_ball": [0.9, 0.9, 0.9, 0.9],
        }
    )  # fmt: skip
    rule = Rule(
        structures=("ball",), kept=1, lowered_by=0.0,
        thresholds=Thresholds(iou=(0.5,), confidence=(0.5,), mean_iou=0.5, mean_confidence=0.5),
    )  # fmt: skip
    write_table(acceptance(record, rule=rule), tmp_path / "acceptance.tsv")
    (table,) = acceptance_tables({"target": tmp_path / "acceptance.tsv"})
    told = dict(zip(table.frame["what"], table.frame["accepted"], strict=True))
    assert told["candidates that no check refused"] == "3 of 4" and told["candidates that show ball"] == "1 of 4"
    assert told["masks with a candidate kept"] == "1 of 2" and "target" in table.title
    assert table.frame.loc[0, "share"] == "0.750 (0.301 to 0.954)"
