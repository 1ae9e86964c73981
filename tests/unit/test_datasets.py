"""Training sets: scans, labels and weights joined by name, and weights that reach the training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mrisynth.conditions import build_condition, write_condition
from mrisynth.datasets import load_training_set
from mrisynth.errors import MrisynthError
from mrisynth.files import write_table

NAMES = [f"sub-{row}" for row in range(6)]
SPLITS = ["train", "test", "train", "train", "validation", "train"]


@pytest.fixture
def study(tmp_path):
    np.save(tmp_path / "4.npy", np.zeros((6, 4, 4, 4), dtype=np.uint8))
    write_table(pd.DataFrame({"row": range(6), "scan": NAMES, "sha256": "x", "sha256_4": "x"}), tmp_path / "index.tsv")
    scans = pd.DataFrame({"scan": NAMES, "split": SPLITS})
    write_table(scans, tmp_path / "scans.tsv")

    def load(**clusters):
        table = pd.DataFrame({"scan": NAMES, "cluster": [0, 1, 1, 0, 1, 0]}).assign(**clusters)
        condition = build_condition("umap", scans, kind="clusters", clusters=table)
        write_condition(replace(condition, warnings=["unstable"]), tmp_path / "umap.tsv")
        return load_training_set(tmp_path, size=4, scans=tmp_path / "scans.tsv", condition=tmp_path / "umap.tsv")

    return load


def test_weights_are_those_of_the_training_scans_in_their_order(study):
    found = study(weight=[0.5, 9, 2.0, 0.5, 9, 0.25])
    assert found.rows.tolist() == [0, 2, 3, 5] and found.labels.tolist() == [0, 1, 0, 0]
    assert found.weights.tolist() == [0.5, 2.0, 0.5, 0.25]
    assert found.condition.warnings == ["unstable"]


def test_scans_that_weigh_alike_have_no_weights(study):
    assert study(weight=[1.0, 9, 1, 1, 9, 1]).weights is None
    assert study().weights is None


def test_weights_change_what_a_training_shows(small_recipe, train, tmp_path, digest):
    recipe = small_recipe(images_total=2, images_per_chunk=2, balance_classes=False)
    ends = []
    for name, weights in (("none", None), ("last", np.array([1e-9, 1e-9, 1e-9, 1.0]))):
        train(tmp_path / name, recipe, weights=weights)
        ends.append(digest(tmp_path / name / "state-0.pt"))
    assert ends[0] != ends[1]
    with pytest.raises(MrisynthError, match=r"\(3,\) weights for 4 images"):
        train(tmp_path / "few", recipe, weights=np.ones(3))
