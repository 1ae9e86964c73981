"""Conditions of text: the prompts of scans, what is kept of them, and what a sample can be asked for."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from mrisynth.conditions import read_condition, write_condition
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.text.prompt_condition import build_text_condition
from mrisynth.text_checks import check_text_condition, check_text_model, may_tell_regions
from mrisynth.told import ToldText, told_of
from mrisynth.wishes import wish_of

COLUMNS = ["sex", "age", "site", "ventricles_ml"]
SCANS = pd.DataFrame(
    {
        "scan": ["a", "b", "c", "d", "e"] + [f"more-{number}" for number in range(40)],
        "split": ["train", "train", "train", "train", "test"] + ["train"] * 40,
        "sex": ["f", "m", "f", None, "m"] + ["f", "m"] * 20,
        "age": [62.6, 30.2, 62.9, 41.0, 88.0] + [float(age) for age in range(25, 65)],
        "site": ["north", "south", "north", "south", "east"] + ["north", "south"] * 20,
        "ventricles_ml": [20.04, 10.0, 20.01, float("nan"), 55.5] + [8.0 + 0.2 * age for age in range(40)],
    }
)
TEMPLATE = {"contrast": None, "region": None}
PLACES = {"north": "T1w", "south": "T2w", "east": "T1w"}
SCANS["participant_id"] = SCANS["scan"]


@pytest.fixture
def condition():
    return build_text_condition("words", SCANS, columns=COLUMNS, template=TEMPLATE, text={"length": 20}, seed=1)


def _facts(condition) -> dict:
    return {"model": {"name": "model"}, "classes": [], "columns": [], "text": condition.text.to_dict()}


def _wish(condition, wanted):
    return wish_of(wanted, facts=_facts(condition), condition_input="embedding_per_column")


def test_a_prompt_says_what_the_tables_know_of_a_scan(condition):
    assert condition.prompts(["a", "b", "c", "d", "e"]) == [
        "woman, 63 years, site north, ventricles ml 20.0", "man, 30 years, site south, ventricles ml 10",
        "woman, 63 years, site north, ventricles ml 20.0", "41 years, site south",
        "man, 88 years, site east, ventricles ml 55.5",
    ]  # fmt: skip
    assert condition.classes == [] and condition.columns == {} and condition.labels(["a", "e"]).tolist() == [0, 0]
    assert "east" not in condition.text.tokenizer.words and "north" in condition.text.tokenizer.words


def test_the_contrast_of_a_scan_may_stand_in_a_column():
    scans = SCANS.assign(contrast=SCANS["site"].map(PLACES))
    given = {"contrast_column": "contrast", "modalities": {"T2w": "bright water"}, "attributes": {"T2w": ""}}
    prompts = build_text_condition("words", scans, template=given, seed=1).table["prompt"].tolist()
    assert prompts[0] == "T1-weighted brain MRI, grey matter darker than white matter, whole brain"
    assert prompts[1] == "bright water, whole brain"
    twice = build_text_condition("words", scans, columns=["contrast"], template=given, seed=1)
    assert list(twice.table) == ["scan", "contrast", "prompt", "label", "label_name"]
    assert twice.table["prompt"][1] == "bright water, whole brain, contrast T2w"


def test_what_was_written_is_read_again_without_pickle(condition, tmp_path):
    path = tmp_path / "words.tsv"
    write_condition(condition, path)
    found = read_condition(path)
    assert found.text.to_dict() == condition.text.to_dict()
    assert found.prompts(["e", "a"]) == condition.prompts(["e", "a"])
    kept = json.loads(path.with_suffix(".json").read_text())["text"]
    assert sorted(kept) == ["covariates", "settings", "template", "tokenizer"]  # nothing of a single scan
    kept["tokenizer"]["words"].pop()
    path.with_suffix(".json").write_text(json.dumps({"name": "words", "text": kept}))
    with pytest.raises(MrisynthError, match="its hash differs"):
        type(condition.text).from_dict(kept)


def test_samples_are_told_what_training_scans_say_as_often_and_together(condition):
    drawn = [_wish(condition, None).draw(seed) for seed in range(200)]
    assert Counter(one.values["site"] for one in drawn)["north"] == pytest.approx(100, abs=30)
    assert np.mean([(one.values["sex"] == "f") == (one.values["site"] == "north") for one in drawn]) > 0.8
    ages, volumes = (np.array([float(one.values[name]) for one in drawn]) for name in ("age", "ventricles_ml"))
    assert np.corrcoef(ages, volumes)[0, 1] > 0.8 and 20 < ages.mean() < 70
    assert all(one.words == condition.text.prompt(one.values).words for one in drawn)


def test_columns_that_are_not_asked_for_are_drawn_beside_those_that_are(condition):
    drawn = [_wish(condition, {"site": "south", "age": "50.4", "ventricles_ml": "n/a"}).draw(seed) for seed in range(8)]
    assert {one.words for one in drawn} == {"man, 50 years, site south"}
    assert _wish(condition, "a bright ventricle").draw(1).words == "a bright ventricle"


def test_a_sample_tells_its_prompt_and_the_columns_of_it(condition):
    told = told_of(_facts(condition))
    assert isinstance(told, ToldText) and told.number(told.nothing) == -1
    label = _wish(condition, {"site": "south", "sex": "n/a", "age": 41, "ventricles_ml": 9}).draw(3)
    assert told.values(label) == {
        "prompt": "41 years, site south, ventricles ml 9", "sex": "n/a", "age": "41", "site": "south",
        "ventricles_ml": "9",
    }  # fmt: skip
    assert told.values(_wish(condition, "mist").draw(1)) == {"prompt": "mist", **dict.fromkeys(COLUMNS, "n/a")}
    rows = told.encoded([told.nothing, label])
    assert len(rows) == 2 and len(rows[0]) == 21 == 1 + len(told.columns)
    assert rows[0][:4] == [0, 1, 2, 0] and rows[1][0] == 0


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"color": "red"}, "no column 'color'; its prompts are written of sex, age, site, ventricles_ml"),
        ({"age": "old"}, "age is 'old'; expected a number"),
        ({"site": "east"}, "site is 'east'; expected one of north, south"),
        (3, "no class 3; it is told prompts"),
    ],
)
def test_wishes_that_no_prompt_can_say_are_refused(condition, wanted, sentence):
    with pytest.raises(MrisynthError, match=sentence):
        _wish(condition, wanted)


@pytest.mark.parametrize(
    ("columns", "text", "sentence"),
    [
        (["sex", "tiv"], {}, "conditions.words: The prompts need the column 'tiv', but the table has scan, split, sex"),
        (["label"], {}, "columns names label, which no prompt can be made of"),
        (["split"], {}, r"the covariate 'split' is categorical with categories \('train',\)"),
        (["flat"], {}, "all 44 training scans have the prompt 'flat 1.00'"),
        (COLUMNS, {"length": 8}, "prompts are longer than 8 tokens, such as 'man, 26 years, site south"),
        (COLUMNS, {"encoder": "biomedclip", "folder": "nowhere"}, "nowhere has no open_clip_model.safetensors or"),
    ],
)
def test_conditions_that_cannot_be_are_refused(columns, text, sentence):
    scans = SCANS.assign(label="x", flat=np.linspace(1.0001, 1.001, len(SCANS)))
    with pytest.raises(MrisynthError, match=sentence):
        build_text_condition("words", scans, columns=columns, template=TEMPLATE, text=text, seed=1)


def test_the_configuration_is_checked_before_any_work(tmp_path):
    text = {"kind": "text", "columns": ["sex"], "template": {"contrast_column": None, "region_column": None}}
    own, published = {"encoder": "own", "folder": None}, {"encoder": "biomedclip", "folder": str(tmp_path)}
    check_text_condition("words", text | {"text": own}, source="x.yaml")
    check_text_condition("words", text | {"text": published}, source="x.yaml")
    for wrong, sentence in (
        (text | {"text": published | {"folder": "nowhere"}}, "folder is nowhere; expected a folder with the published"),
        (text | {"text": published | {"folder": None}}, "folder is None; expected a folder"),
        (text | {"text": own | {"folder": "here"}}, "text.encoder is own, which reads no folder"),
        (text | {"columns": [], "text": own}, "conditions.words.columns is missing"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            check_text_condition("words", wrong, source="x.yaml")
    model = {"family": "mrgen", "condition": "words", "only": None}
    check_text_model("model", model, text, source="x.yaml")
    with pytest.raises(
        ConfigError, match=r"models\.model is of family hagan, and its condition words is of text, which"
    ):
        check_text_model("model", model | {"family": "hagan"}, text, source="x.yaml")
    with pytest.raises(ConfigError, match="is of text, which has no classes"):
        check_text_model("model", model | {"only": "f"}, text, source="x.yaml")
    assert not may_tell_regions(text) and may_tell_regions(text | {"columns": ["ventricles_ml"]})
