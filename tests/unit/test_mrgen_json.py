"""MRGen's lists: every form read and written again, bad entries as rows, and what is refused of a stranger's folder."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.slices.mrgen_items import ConditionalItem, RadiopaediaItem, SyntheticItem
from mrisynth.slices.mrgen_json import FORMS, list_name, read_list, read_synthetic, write_list, write_synthetic

RADIOPAEDIA = {
    "image_path": "a.png", "aux_modality": "T1", "image_modality": "MRI", "region": "whole brain",
    "organs": "ventricles, thalamus", "link": "https://example.org/1", "age": 61,
}  # fmt: skip
CONDITIONAL = {
    "volume_nii_path": "/elsewhere/v.nii.gz", "mask_nii_path": "/elsewhere/m.nii.gz", "image_path": "./a.png",
    "mask0_path": "a_0.png", "mask1_path": "a_1.png", "modality": "T1 brain MRI", "modality_attributes": "fluid dark",
    "region": "whole brain", "label": ["ventricles", "thalamus"], "organs": ["thalamus"], "shape": [20, 16],
    "dataset": "IXI", "patient_id": "p1",
}  # fmt: skip
SYNTHETIC = {
    "index": 3, "prompt": ["T2 brain MRI, whole brain"], "original_path": "/elsewhere/o.png", "region": "whole brain",
    "organs": "thalamus", "label": "ventricles, thalamus", "mask_path": "../a_0.png", "mask_0_path": "../a_0.png",
    "mask_1_path": "../a_1.png", "image_path": "../a.png", "combined_path": "../gone.png", "sam2_avg_iou": 0.875,
    "sam2_avg_confidence": 0.75, "sam2_organs_iou": [0.0, 0.875], "sam2_organs_confidence": [0.0, 0.75], "seed": 7,
}  # fmt: skip
ENTRIES = {"radiopaedia": RADIOPAEDIA, "conditional": CONDITIONAL, "synthetic": SYNTHETIC}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image and two masks; beside it a picture that no list may reach."""
    home = tmp_path / "set"
    (home / "json_files").mkdir(parents=True)
    values = np.arange(320, dtype=np.uint8).reshape(20, 16)
    for name in ("a.png", "b.png", "a_0.png", "a_1.png", "../secret.png"):
        Image.fromarray(values).save(home / name)
    (home / "link.png").symlink_to(tmp_path / "secret.png")
    return home


def by_hand(folder: Path, entries: Any, *, form: str = "conditional") -> Path:
    path = folder / ("json_files/synthetic_T2.json" if form == "synthetic" else "list.json")
    path.write_text(json.dumps(entries))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_what_mrgen_writes_is_read_and_written_again_with_unknown_keys(folder, form):
    listed = read_list(by_hand(folder, [ENTRIES[form]], form=form), form=form)
    assert listed.entries["status"].tolist() == ["passed"] and listed.passed() == [0]
    (item,) = listed.items
    write_list(listed.items, listed.source)
    (written,) = json.loads(listed.source.read_text())
    assert written == ENTRIES[form]
    assert read_list(listed.source, form=form).items == (item,)
    assert listed.path(item.image_path).samefile(folder / "a.png")


def test_items_say_what_an_entry_says():
    real, pictured, made = (kind.read(ENTRIES[form]) for form, kind in FORMS.items())
    assert isinstance(real, RadiopaediaItem) and real.more == {"age": 61} and real.link.endswith("1")
    assert isinstance(pictured, ConditionalItem) and pictured.mask_paths == ("a_0.png", "a_1.png")
    assert pictured.shape == (20, 16) and pictured.organs == ("thalamus",) and pictured.more == {"patient_id": "p1"}
    assert isinstance(made, SyntheticItem) and made.prompt == "T2 brain MRI, whole brain" and made.index == 3
    assert made.label == ("ventricles", "thalamus") and made.organs_iou == (0.0, 0.875)
    assert made.files == ["../a.png", "../a_0.png", "../a_0.png", "../a_1.png"], "its origin is never opened"


def test_gaps_are_gaps():
    gappy = {name: value for name, value in CONDITIONAL.items() if name not in ("mask0_path", "shape", "dataset")}
    item = ConditionalItem.read(gappy | {"organs": []})
    assert item.mask_paths == ("", "a_1.png") and item.shape is None and item.organs == ()
    assert ConditionalItem.read(item.entry()) == item
    nothing = SyntheticItem.read({"index": 0, "prompt": "", "image_path": "x.png", "sam2_avg_iou": float("nan")})
    assert nothing.average_iou is None and nothing.mask_paths == () and nothing.organs == ()
    assert json.loads(json.dumps(nothing.entry()))["sam2_avg_iou"] is None
    assert RadiopaediaItem.read({**RADIOPAEDIA, "organs": "x", "aux_modality": None}).aux_modality == ""


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("change", "reason", "sentence"),
    [
        (7, "no_object", r"it is '7'; expected keys"),
        ({"region": None}, "wrong_value", r"region is 'None'"),
        ({"label": "a, b", "organs": 3}, "wrong_value", r"organs is '3'; expected a list of words"),
        ({"modality": ...}, "missing_key", r"it has no modality"),
        ({"shape": [20, "x"]}, "wrong_value", r"shape is "),
        ({"mask999_path": "a_0.png"}, "wrong_value", r"has a mask 999"),
        ({"image_path": "b.txt"}, "no_image", r"names 'b.txt'; expected a file"),
        ({"image_path": "gone.png"}, "missing", r"'gone.png' is not in"),
        ({"image_path": "../secret.png"}, "outside", r"'../secret.png' leads out of"),
        ({"image_path": "/etc/passwd.png"}, "outside", r"leads out of"),
        ({"mask1_path": "link.png"}, "outside", r"'link.png' leads out of"),
        ({"mask0_path": "a\\0.png"}, "outside", r"leads out of"),
        ({"mask0_path": "a\u0000.png"}, "outside", r"leads out of"),
        ({"image_path": "./a.png"}, "repeated", r"as an entry before"),
    ],
)
def test_a_bad_entry_is_a_row_with_a_reason_and_stops_nothing(folder, change, reason, sentence):
    bad = {**CONDITIONAL, "image_path": "b.png", **change} if isinstance(change, dict) else change
    if isinstance(bad, dict):
        bad = {name: value for name, value in bad.items() if value is not ...}
    path = by_hand(folder, [CONDITIONAL, bad, {**CONDITIONAL, "image_path": str(folder / "b.png")}])
    listed = read_list(path, form="conditional")
    assert listed.entries["status"].tolist() == ["passed", "excluded", "passed"] and len(listed.items) == 2
    row = listed.entries.loc[1]
    assert row["reason"] == reason and listed.entries["reason"].isna().tolist() == [True, False, True]
    assert re.search(sentence, row["message"])
    assert str(path) in row["message"] and "entry 1" in row["message"]


def test_synthetic_scores_are_shares_and_files_need_not_be_there(folder):
    entries = [SYNTHETIC, {**SYNTHETIC, "image_path": "../b.png", "sam2_organs_iou": [1.5]}, {**SYNTHETIC, "index": -1}]
    listed = read_list(by_hand(folder, entries, form="synthetic"), form="synthetic")
    assert listed.folder == folder and listed.entries["reason"].tolist()[1:] == ["wrong_value", "wrong_value"]
    path = by_hand(folder, [{**RADIOPAEDIA, "image_path": name} for name in ("gone.png", "../secret.png")])
    assert read_list(path, form="radiopaedia", files=False).entries["status"].tolist() == ["passed", "excluded"]
    with pytest.raises(ScanError, match=r"list.json: '../secret.png' leads out of") as caught:
        read_list(path, form="radiopaedia").path("../secret.png")
    assert caught.value.reason == "outside"


def test_a_synthesis_has_its_lists_and_settings(folder):
    items = [
        SyntheticItem(index=index, prompt="x", image_path=name, mask_paths=("a_0.png",), average_iou=0.5)
        for index, name in ((1, "b.png"), (0, "a.png"))
    ]
    write_synthetic(items, folder, modality="T2", kept=items[:1], arguments={"max_tries_per_mask": 20})
    found = read_synthetic(folder, modality="T2")
    assert found.candidates.items == (items[1], items[0]) and found.kept.items == (items[0],)
    assert found.arguments == {"max_tries_per_mask": 20}
    assert json.loads((folder / "args_config.json").read_text()) == {"max_tries_per_mask": 20}
    assert (folder / "json_files" / "synthetic_T2_filtered.json").is_file()
    with pytest.raises(MrisynthError, match=r"c.png is kept and no candidate"):
        write_synthetic(items, folder, modality="T2", kept=[replace(items[0], image_path="c.png")], arguments={})
    with pytest.raises(MrisynthError, match="is no part of a file's name"):
        read_synthetic(folder, modality="../T2")


def test_a_file_that_is_no_list_is_refused(folder):
    path = folder / "list.json"
    with pytest.raises(MrisynthError, match="is not there"):
        read_list(path, form="conditional")
    for content, sentence in (("{", "is no JSON file"), ('{"a": 1}', "holds no list"), ("[" * 100_000, "is no JSON")):
        path.write_text(content)
        with pytest.raises(MrisynthError, match=sentence):
            read_list(path, form="conditional")
    with pytest.raises(MrisynthError, match="The form 'coco' is unknown; expected one of: radiopaedia, conditional"):
        read_list(path, form="coco")
    path.write_text("[]")
    assert read_list(path, form="conditional").items == ()


def test_what_would_not_be_read_is_not_written(tmp_path):
    item = ConditionalItem.read(CONDITIONAL)
    with pytest.raises(MrisynthError, match="item 1 would be read as another one"):
        write_list([item, replace(item, organs=(" thalamus",))], tmp_path / "x.json")
    with pytest.raises(MrisynthError, match="item 0 cannot be written: shape is"):
        write_list([replace(item, shape=(0, 3))], tmp_path / "x.json")
    with pytest.raises(MrisynthError, match="a value cannot be written as JSON"):
        write_list([replace(item, more={"x": float("inf")})], tmp_path / "x.json")
    with pytest.raises(MrisynthError, match="items of several forms"):
        write_list([item, RadiopaediaItem.read(RADIOPAEDIA)], tmp_path / "x.json")
    assert not list(tmp_path.iterdir())
    assert list_name("IXI", "T1 w", "train") == "IXI_T1_w_train.json"
    with pytest.raises(MrisynthError, match="no part 'val'"):
        list_name("IXI", "T1w", "val")
