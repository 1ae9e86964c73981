"""Which folder of BiomedCLIP images and prompts are compared by."""

from __future__ import annotations

import pytest

from mrisynth.errors import ConfigError
from mrisynth.text_checks import check_similarity, similarity_folder

CONDITIONS = {
    "own": {"kind": "text", "text": {"encoder": "own", "folder": None}},
    "published": {"kind": "text", "text": {"encoder": "biomedclip", "folder": "there"}},
}


@pytest.mark.parametrize(
    ("wanted", "condition", "expected"),
    [
        (None, "own", (None, False)),
        (None, "published", ("there", False)),
        ("here", "own", ("here", True)),
        ("here", "published", ("here", True)),
        (None, "none", (None, False)),
    ],
)
def test_the_evaluations_folder_goes_before_that_of_the_condition(wanted, condition, expected):
    config = {"evaluation": {"biomedclip": wanted}, "conditions": CONDITIONS}
    assert similarity_folder(config, condition) == expected


def test_a_folder_that_is_not_there_stops_before_any_work(tmp_path):
    check_similarity({"evaluation": {"biomedclip": None}}, source="c.yaml")
    check_similarity({"evaluation": {"biomedclip": str(tmp_path)}}, source="c.yaml")
    with pytest.raises(ConfigError, match=r"c.yaml: evaluation.biomedclip is .*gone, which is no folder"):
        check_similarity({"evaluation": {"biomedclip": str(tmp_path / "gone")}}, source="c.yaml")
