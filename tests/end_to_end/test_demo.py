"""What the demo must show, on the study that `make demo` left in studies/demo."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.files import read_table
from mrisynth.metrics.verdicts import untrusted_sentences
from mrisynth.score_files import read_scores

pytestmark = pytest.mark.end_to_end
MODELS = ("hagan", "wgp_hagan", "wgp_hagan_demographics", "wgp_hagan_random", "wgp_hagan_umap_cluster")


@pytest.fixture(scope="module")
def demo(repository: Path) -> Path:
    folder = repository / "studies" / "demo"
    if not (folder / "metrics.tsv").exists():
        if os.environ.get("CI"):
            pytest.fail("studies/demo is not there: continuous integration runs `make demo` before the tests")
        pytest.skip("studies/demo is not there; `make demo` makes it")
    return folder


@pytest.mark.parametrize("reference", ["test", "train"])
@pytest.mark.parametrize("model", MODELS)
def test_training_beats_both_controls_by_more_than_the_floor(demo, model, reference):
    tables = pd.concat([read_scores(demo / "fid" / name) for name in (f"{model}.tsv", "controls.32.tsv")])
    rows = tables[(tables["reference"] == reference) & (tables["view"] == "32")]
    trained = rows[rows["source"] == "model"].iloc[0]
    for control in (rows["source"] == "untrained", rows["model"] == "noise"):
        assert rows[control]["value"].item() - trained["value"] > trained["floor"]
        assert rows[control]["low"].item() > trained["high"]
    assert not rows["features_trained"].any()


def test_every_control_is_noticed(demo):
    """Noise, blurred and shuffled scans look worse than real ones, and five scans repeated less various."""
    verdicts = read_table(demo / "controls" / "verdicts.tsv")
    assert set(verdicts["control"]) == {"noise", "blurred", "shuffled", "duplicated"}
    assert untrusted_sentences(verdicts) == [], verdicts.to_string()


def test_samples_of_wgp_hagan_look_like_brains_from_afar(demo):
    """A dark border, a bright middle, and a mean volume that follows that of the scans."""
    real = np.load(demo / "pyramid" / "32.npy", allow_pickle=False) / 255
    drawn = np.load(demo / "samples" / "wgp_hagan" / "shards" / "000.npy", allow_pickle=False) / 255
    outside = real.max(axis=0) == 0
    assert drawn[:, outside].mean() < 0.02
    assert np.corrcoef(real.mean(axis=0).ravel(), drawn.mean(axis=0).ravel())[0, 1] > 0.95
    assert drawn.std(axis=0).mean() > 0.2 * real.std(axis=0).mean(), "all samples are the same"


def test_every_simulated_head_is_a_row(demo):
    quality = read_table(demo / "quality" / "scans.tsv")
    assert len(quality) == 30
    assert (quality["status"] == "passed").mean() >= 0.9
