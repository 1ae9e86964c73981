"""What the scans table says of given scans: in their order, and unknown ones named."""

from __future__ import annotations

import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.scans_table import scans_in_split, text_of_scans

SCANS = pd.DataFrame({"scan": ["a", 7, "c"], "participant_id": ["p1", "p2", "p1"], "split": ["train", "test", "train"]})


def test_columns_follow_the_order_of_the_names():
    assert text_of_scans(SCANS, ["c", "7"], "split", "participant_id") == (["train", "test"], ["p1", "p2"])
    assert scans_in_split(SCANS, ["c", "7", "a"], "train") == ["c", "a"]
    assert scans_in_split(SCANS, [], "train") == []


def test_unknown_scans_are_named():
    with pytest.raises(MrisynthError, match=r"knows no scan x \(1 of 2 scans unknown in all\)"):
        text_of_scans(SCANS, ["a", "x"], "split")
