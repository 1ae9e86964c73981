"""Tables of predictions: written, read back to the last digit, and refused when they are none."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.slices.predictions import (
    PREDICTIONS,
    read_predictions,
    write_predictions,
    write_published_predictions,
)

CLASSES = ["CN", "AD, late"]
CHANCES = np.array([[0.9, 0.1], [1 / 3, 2 / 3], [0.5, 0.5]])


def slices():
    return pd.DataFrame(
        {
            "row": [4, 5, 9], "image": ["0012_axial-3", "b", "c"], "scan": ["0012", "b", None],
            "participant_id": ["0012", "p2", None], "label": ["CN", None, "None"], "split": ["test", "test", None],
        }
    )  # fmt: skip


def test_a_table_comes_back_as_it_was(tmp_path: Path):
    path = tmp_path / "deep" / PREDICTIONS
    write_predictions(path, slices(), CHANCES, classes=CLASSES)
    with path.open(newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == [
        "image", "scan", "participant_id", "split", "label", "predicted", "probability_CN", "probability_AD, late",
    ]  # fmt: skip
    assert lines[1][:6] == ["0012_axial-3", "0012", "0012", "test", "CN", "CN"]
    assert lines[2][4:6] == ["n/a", "AD, late"] and lines[3][1:6] == ["n/a", "n/a", "n/a", "None", "CN"]
    found = read_predictions(path)
    assert found.classes == CLASSES and (found.probabilities == CHANCES).all()
    assert found.labels.tolist() == [0, -1, -1]
    assert found.table["participant_id"].iloc[0] == "0012" and found.table["label"].isna().tolist() == [
        False,
        True,
        False,
    ]
    assert found.participants == ["0012", "p2", "image c"]


def test_numbers_of_networks_in_single_precision_are_taken(tmp_path: Path):
    logits = np.random.default_rng(0).normal(0, 4, (3, 2)).astype(np.float32)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    write_predictions(tmp_path / PREDICTIONS, slices(), chances, classes=CLASSES)
    np.testing.assert_array_equal(read_predictions(tmp_path / PREDICTIONS).probabilities, chances.astype(np.float64))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slices": slices().drop(columns="split")}, "no column split"),
        ({"slices": slices().assign(image="a")}, "two have the same"),
        ({"probabilities": CHANCES[:2]}, "a row a slice"),
        ({"probabilities": CHANCES * 2}, r"line 2 \(image 0012_axial-3\) holds no"),
        ({"probabilities": np.where([[0], [1], [0]], np.nan, CHANCES)}, "line 3"),
        ({"classes": ["CN", "CN"]}, "no class twice"),
    ],
)
def test_what_is_no_prediction_is_not_written(tmp_path: Path, change: dict, words: str):
    settings = {"slices": slices(), "probabilities": CHANCES, "classes": CLASSES} | change
    with pytest.raises(MrisynthError, match=words):
        write_predictions(tmp_path / PREDICTIONS, **settings)
    assert not (tmp_path / PREDICTIONS).exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("predicted", "guess", "expected image, scan"),
        ("probability_CN", "CN", "expected image, scan"),
        ("0.9", "nine", "no number"),
        ("0.9", "n/a", "line 2"),
        (",CN,0.9", ",MCI,0.9", "another class"),
        ("b,b", "c,b", "two have the same"),
    ],
)
def test_a_table_that_was_changed_is_refused(tmp_path: Path, old: str, new: str, words: str):
    path = tmp_path / PREDICTIONS
    write_predictions(path, slices(), CHANCES, classes=CLASSES)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(MrisynthError, match=words):
        read_predictions(path)


def test_a_missing_table_is_refused(tmp_path: Path):
    with pytest.raises(MrisynthError, match="classify the slices first"):
        read_predictions(tmp_path / PREDICTIONS)


def test_no_slices_make_a_table_without_lines(tmp_path: Path):
    write_predictions(tmp_path / PREDICTIONS, slices()[:0], CHANCES[:0], classes=CLASSES)
    found = read_predictions(tmp_path / PREDICTIONS)
    assert found.classes == CLASSES and found.probabilities.shape == (0, 2) and found.labels.shape == (0,)


def test_the_published_form_has_its_columns(tmp_path: Path):
    path = tmp_path / "predictions.csv"
    write_published_predictions(path, CHANCES, images="data/Real64x64.nii.gz")
    lines = path.read_text().splitlines()
    assert lines[0] == ",Predictions for data/Real64x64.nii.gz,Class 0,Class 1"
    assert [line.split(",")[:2] for line in lines[1:]] == [["0", "0"], ["1", "1"], ["2", "0"]]
    table = pd.read_csv(path, index_col=0)
    np.testing.assert_array_equal(table[["Class 0", "Class 1"]].to_numpy(), CHANCES)
