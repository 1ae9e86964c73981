"""Tables of segmentation scores: means over volumes, intervals over participants, arms against one another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.metrics.pairs import UNDECIDED
from mrisynth.metrics.segmentation import ALL, DIFFERENCES, MEASURES, VOLUMES, segmentation_tables, volume_scores


def volumes(people=12, *, lift=0.0, each=2, noise=0.02) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    rows = []
    for person in range(people):
        easy = generator.normal(0.0, 0.08)
        for scan in range(each):
            for structure, middle in (("gm", 0.7), ("wm", 0.8)):
                for arm, gain in (("source", 0.0), ("both", lift)):
                    value = np.clip(middle + easy + gain + generator.normal(0.0, noise), 0.01, 0.99)
                    numbers = {"dice": value, "surface_dice": value, "hausdorff_95_mm": 10 * (1 - value)}
                    named = {"arm": arm, "volume": f"v{person}-{scan}", "participant_id": f"p{person}"}
                    rows.append(named | {"structure": structure, "true_voxels": 9, "predicted_voxels": 9} | numbers)
    return pd.DataFrame(rows)[VOLUMES]


def test_one_volume_has_a_row_a_structure():
    true = np.zeros((8, 8, 8), dtype=np.uint8)
    true[1:5], true[5:7] = 1, 2
    table = volume_scores(
        true, true, {"gm": 1, "wm": 2, "csf": 3}, spacing_mm=(1, 1, 2), tolerance_mm=1, both_empty="missing"
    )
    assert table["structure"].tolist() == ["gm", "wm", "csf"] and table["true_voxels"].tolist() == [256, 128, 0]
    assert table["dice"].tolist()[:2] == [1.0, 1.0] and np.isnan(table["dice"][2])
    assert table["hausdorff_95_mm"].tolist()[:2] == [0.0, 0.0]


def test_a_lift_that_all_participants_share_is_seen_through_their_spread():
    tables = segmentation_tables(volumes(lift=0.05), seed=1, replicates=200)
    assert len(tables.arms) == 2 * 3 * len(MEASURES) and list(tables.differences.columns) == DIFFERENCES
    row = tables.differences.set_index(["structure", "measure"]).loc[(ALL, "dice")]
    assert (row["one"], row["other"], row["ahead"]) == ("source", "both", "both")
    assert row["low"] < -0.05 < row["high"] < 0 and row["participants"] == 12 and row["volumes"] == 24
    farther = tables.differences.set_index(["structure", "measure"]).loc[("gm", "hausdorff_95_mm")]
    assert farther["difference"] > 0 and farther["ahead"] == "both"
    wide = tables.arms[(tables.arms["structure"] == ALL) & (tables.arms["measure"] == "dice")]
    assert (wide["high"] - wide["low"] > 2 * (row["high"] - row["low"])).all()


def test_values_are_plain_means_and_no_lift_is_undecided():
    table = volumes()
    tables = segmentation_tables(table, seed=1, replicates=200)
    found = tables.arms.set_index(["arm", "structure", "measure"])["value"]
    expected = table[(table["arm"] == "both") & (table["structure"] == "wm")]["dice"].mean()
    assert found["both", "wm", "dice"] == pytest.approx(expected)
    assert found["both", ALL, "dice"] == pytest.approx(table[table["arm"] == "both"]["dice"].mean())
    assert tables.differences["ahead"].tolist().count(UNDECIDED) >= 8


def test_intervals_are_over_participants_and_not_over_volumes():
    """Ten scans of each of few participants say no more of other participants than one does."""
    one, ten = (segmentation_tables(volumes(8, each=each, noise=0.0), seed=1, replicates=400).arms for each in (1, 10))
    for table in (one, ten):
        table["wide"] = table["high"] - table["low"]
    assert np.allclose(ten["wide"] / one["wide"], 1.0, atol=0.35)


def test_missing_values_are_left_out_and_counted():
    table = volumes(6)
    table.loc[(table["arm"] == "both") & (table["volume"] == "v0-0"), ["dice", "surface_dice", "hausdorff_95_mm"]] = (
        np.nan
    )
    tables = segmentation_tables(table, seed=1, replicates=100)
    counts = tables.arms.set_index(["arm", "structure", "measure"])["volumes"]
    assert (counts["both", "gm", "dice"], counts["source", "gm", "dice"]) == (11, 12)
    assert set(tables.differences["volumes"]) == {11}


def test_few_participants_give_values_without_intervals():
    tables = segmentation_tables(volumes(3), seed=1, replicates=50)
    assert tables.arms["low"].isna().all() and tables.arms["value"].notna().all()
    assert tables.arms["warning"].str.contains("3 participants").all()
    assert set(tables.differences["ahead"]) == {UNDECIDED}


def test_arms_of_different_volumes_and_volumes_twice_are_refused():
    table = volumes(5)
    with pytest.raises(MrisynthError, match=r"same volumes: .* of v0-0"):
        segmentation_tables(table[~((table["arm"] == "both") & (table["volume"] == "v0-0"))], seed=1)
    with pytest.raises(MrisynthError, match="scored twice"):
        segmentation_tables(pd.concat([table, table.head(1)]), seed=1)
