"""Which arms a study has and what they need: everything that does not fit is said before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mrisynth.errors import ConfigError
from mrisynth.recipes import ModelRecipe
from mrisynth.segmentation.nnunet_run import STRONG_TRAINER, TRAINER, Settings
from mrisynth.segmentation.plan import ARMS, segmentation_plan

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
DEFAULTS = {
    key: entry.get("default")
    for key, entry in yaml.safe_load(SCHEMA.read_text())["properties"]["segmentation"]["properties"].items()
}
MODEL = ModelRecipe(
    name="ldm", family="mrgen", condition="none", size=32, images_total=1, images_per_chunk=1, batch_size=1,
    dimensions=2,
)  # fmt: skip
PACKED = {2: [16, 32], 3: [64]}


def config(**given):
    masks = {"classes": {"a": ["x"], "b": ["y"], "c": [3]}, "unannotated": {"site": ["south", "east"]}}
    return {"segmentation": DEFAULTS | given, "masks": masks, "synthesis": {"target": {"model": "ldm"}}}


def planned(made):
    return segmentation_plan(made, models={"ldm": MODEL}, packed=PACKED, source="study.yaml")


def test_without_arms_there_is_no_plan():
    assert planned(config()) is None


def test_a_synthesis_decides_which_images_are_segmented():
    plan = planned(config(arms=["both", "source_strong"], synthesis="target", epochs=3, structures=["c", "a"]))
    assert (plan.arms, plan.dimensions, plan.size, plan.packed) == (("source_strong", "both"), 2, 32, "slices")
    assert plan.numbers == {"c": 3, "a": 1}
    assert plan.domain == "test scans of site south or east"


def test_arms_without_a_synthesis_name_their_images():
    plan = planned(config(arms=list(ARMS)[:2], dimensions=3, size=64))
    assert (plan.packed, plan.size, plan.synthesis) == ("pyramid", 64, None)
    made = {arm: Settings(**plan.settings(arm)) for arm in plan.arms}
    assert [made[arm].trainer for arm in plan.arms] == [TRAINER, STRONG_TRAINER]
    strong = [arm for arm in ARMS if Settings(**plan.settings(arm)).trainer == STRONG_TRAINER]
    assert strong == ["source_strong", "both_strong"]
    assert made["source"].configuration == "3d_fullres" and made["source"].epochs == 100


@pytest.mark.parametrize(
    ("given", "changed", "words"),
    [
        ({"arms": ["source"]}, {"masks": {"classes": {}}}, r"masks\.classes is empty"),
        ({"arms": ["ceiling"]}, {"masks": {"classes": {"a": [1]}}}, r"has ceiling.*masks\.unannotated names none"),
        ({"arms": ["source_matched"]}, {"masks": {"classes": {"a": [1]}}}, r"has source_matched, whose scans are made as bright"),
        ({"arms": ["both_matched"], "synthesis": "target"}, {"masks": {"classes": {"a": [1]}}}, r"has both_matched, whose"),
        ({"arms": ["both"]}, {}, r"has both, which is trained on synthetic images.*there are: target"),
        ({"arms": ["source"], "synthesis": "other"}, {}, r"segmentation\.synthesis is other; known.*: target"),
        ({"arms": ["source"]}, {}, r"segmentation\.dimensions is missing"),
        ({"arms": ["source"], "dimensions": 2}, {}, r"segmentation\.size is missing"),
        ({"arms": ["source"], "dimensions": 3, "size": 48}, {}, r"packed are 64; add 48 to pyramid\.sizes"),
        ({"arms": ["both"], "synthesis": "target", "size": 16}, {}, r"segmentation\.size is 16 but ldm.* has 32"),
        ({"arms": ["source"], "structures": ["d"]}, {}, r"structures names d; masks\.classes has a, b, c"),
        ({"arms": ["both"], "synthesis": "target"}, {"synthesis": {"target": {"model": "x"}}}, r"model is x; .* ldm"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(given, changed, words):
    with pytest.raises(ConfigError, match=f"study.yaml: .*{words}"):
        planned(config(**given) | changed)
