"""Prompts: the order of their parts, what is left out, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.text.prompts import ATTRIBUTES, MODALITIES, PromptTemplate, present_structures, prompts_of

SCANS = pd.DataFrame(
    {
        "sex": ["f", "M", "n/a"],
        "age": [62.6, np.nan, 70.5],
        "site": ["Guy's, London", "HH", None],
        "gm_ml": [712.345, 9, np.nan],
    }
)


def test_parts_come_in_their_order_and_what_is_missing_is_left_out():
    shown = [["hippocampus", "ventricles"], [], ["ventricles"]]
    found = prompts_of(SCANS, PromptTemplate(columns=("site", "gm_ml")), structures=shown)
    start = "T1-weighted brain MRI, grey matter darker than white matter, whole brain"
    assert found == [
        f"{start}, woman, 63 years, hippocampus, ventricles, site Guy's London, gm ml 712",
        f"{start}, man, site HH, gm ml 9",
        f"{start}, 71 years, ventricles",
    ]
    assert prompts_of(SCANS, PromptTemplate(structures=False, sex_column="", region=""), structures=shown)[0] == (
        "T1-weighted brain MRI, grey matter darker than white matter, 63 years"
    )


def test_each_scan_has_the_words_of_its_contrast():
    table = pd.DataFrame({"contrast": ["T2w", "n/a", "b"], "region": ["brain stem", "", "whole brain"]})
    template = PromptTemplate(
        contrast_column="contrast", region_column="region", sex_column="", age_column="",
        modalities=MODALITIES | {"b": "inverted brain MRI"},
    )  # fmt: skip
    assert prompts_of(table, template) == [
        f"T2-weighted brain MRI, {ATTRIBUTES['T2w']}, brain stem", "", "inverted brain MRI, whole brain",
    ]  # fmt: skip
    assert set(ATTRIBUTES) == set(MODALITIES) == {"T1w", "T2w", "PD", "FLAIR"}
    assert not any("," in words for words in [*ATTRIBUTES.values(), *MODALITIES.values()])


def test_numbers_keep_three_digits():
    table = pd.DataFrame({"x": [0.123456, -0.00098765, 1.5, 1234.56, 0.0]})
    template = PromptTemplate(contrast="", region="", sex_column="", age_column="", columns=("x",))
    assert prompts_of(table, template) == ["x 0.123", "x -0.000988", "x 1.50", "x 1235", "x 0"]


def test_a_template_survives_json():
    template = PromptTemplate(columns=("site",), region="left half", attributes={})
    assert PromptTemplate.from_dict(json.loads(json.dumps(template.to_dict()))) == template
    assert PromptTemplate.from_dict({}) == PromptTemplate()
    with pytest.raises(MrisynthError, match="has no key 'colour'; expected contrast, "):
        PromptTemplate.from_dict({"colour": 1})


def test_structures_are_those_that_are_seen_each_once():
    labels = np.array([[0, 17, 17], [53, 4, 0]])
    names = {4: "ventricles", 17: "hippocampus", 53: "hippocampus", 10: "thalamus"}
    assert present_structures(labels, names) == ("ventricles", "hippocampus")
    assert present_structures(labels, names, least=3) == ("hippocampus",)
    assert present_structures(np.zeros((2, 2), int), names) == ()


@pytest.mark.parametrize(
    ("table", "template", "sentence"),
    [
        (SCANS, {"columns": ("weight",)}, r"need the column 'weight', but the table has sex, age, site, gm_ml"),
        (SCANS, {"contrast": "T3"}, r"no words for the contrast 'T3'; expected one of T1w"),
        (SCANS.assign(sex="x"), {}, r"found the sex 'x'; expected m, f or n/a"),
        (SCANS.assign(age="old"), {}, r"found the age 'old'; expected years"),
        (SCANS.assign(age=-1), {}, r"found the age -1"),
        (SCANS.assign(gm_ml=np.inf), {"columns": ("gm_ml",)}, r"is inf; expected finite"),
    ],
)
def test_what_has_no_words_is_refused(table, template, sentence):
    with pytest.raises(MrisynthError, match=sentence):
        prompts_of(table, PromptTemplate(**template))
    with pytest.raises(MrisynthError, match="structures of 1 images for 3 rows"):
        prompts_of(SCANS, PromptTemplate(), structures=[[]])
