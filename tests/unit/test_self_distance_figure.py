"""The figure of distances between halves: marks at the means, bars over the ranges, and what is missing in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from mrisynth.metrics.halves import KINDS
from mrisynth.reporting.self_distance_figure import WORDS, self_distance_figure, self_distance_panels
from mrisynth.reporting.slice_section import slice_figures
from mrisynth.reporting.style import ALARM, INK, PALETTE, REAL


def summary(labels=("all", "f"), features=("random",), *, far=1.0, missing=()):
    rows = [
        {"features": space, "view": "32", "reference": reference, "distance": distance, "label": label, "kind": kind}
        | {"n": 10, "halvings": 20, "mean": value, "low": 0.9 * value, "high": 1.1 * value, "sd": 0.1}
        for space in features
        for reference, shift in (("test", 0.0), ("train", 100.0))
        for distance in ("fid", "kid")
        for number, label in enumerate(labels)
        for kind, value in zip(KINDS, np.array([1.0, far, 2.0]) + number + shift, strict=True)
    ]
    found = pd.DataFrame(rows)
    for column, words in missing:
        found.loc[found[column] == words, ["mean", "low", "high"]] = np.nan
    return found


def marks(axes):
    return [line for line in axes.get_lines() if line.get_marker() in "sDo"]


def test_every_kind_of_every_class_has_its_mark_and_its_bar(tmp_path: Path):
    figure = self_distance_panels(summary(features=("random", "own")), title="", untrained=["random"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "FID, test scans, UNTRAINED random features",
        "KID, test scans, UNTRAINED random features",
        "FID, test scans, own features",
        "KID, test scans, own features",
    ]
    assert [to_hex(axes._left_title.get_color()) for axes in figure.axes] == [ALARM, ALARM, INK, INK]
    for axes in figure.axes:
        assert [line.get_xdata()[0] for line in marks(axes)] == [1.0, 1.0, 2.0, 2.0, 2.0, 3.0]
        assert [to_hex(line.get_color()) for line in marks(axes)] == 2 * [REAL, PALETTE[4], PALETTE[0]]
        bars = [line.get_xdata() for line in axes.get_lines() if line.get_linewidth() == 2.2]
        np.testing.assert_allclose(bars, [[0.9 * x, 1.1 * x] for x in (1.0, 1.0, 2.0, 2.0, 2.0, 3.0)])
        assert [line.get_ydata()[0] for line in marks(axes)] == pytest.approx([-0.2, 0, 0.2, 0.8, 1, 1.2])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["all\n10 in a half", "f\n10 in a half"]
    assert [text.get_text() for text in figure.legends[0].get_texts()][:3] == list(WORDS.values())
    self_distance_figure(summary(), tmp_path / "a.svg", title="A $ title")
    assert "<!-- A $ title -->" in (tmp_path / "a.svg").read_text()


def test_far_samples_do_not_press_the_halves_of_one_set_together():
    near, far = (self_distance_panels(summary(far=far), title="").axes[0] for far in (5.0, 500.0))
    assert (near.get_xscale(), far.get_xscale()) == ("linear", "asinh")
    assert near.get_xlim()[0] == far.get_xlim()[0] == 0
    shares = [
        np.diff(axes.transAxes.inverted().transform(axes.transData.transform([[1, 0], [2, 0]]))[:, 0])[0]
        for axes in (near, far)
    ]
    assert shares[1] > 0.04, "one and two stand apart beside 500"
    far.figure.canvas.draw()
    assert [text.get_text() for text in far.get_xticklabels()] == ["0", "10", "100"]


def test_what_is_missing_is_said_and_training_scans_stand_in_for_test_scans():
    one = self_distance_panels(summary(missing=[("label", "f")]), title="").axes[0]
    assert [text.get_text() for text in one.texts] == ["too few"] and len(marks(one)) == 3
    train = self_distance_panels(summary(missing=[("reference", "test")]), title="").axes[0]
    assert train.get_title(loc="left").startswith("FID, training scans") and marks(train)[0].get_xdata()[0] == 101.0
    none = self_distance_panels(summary(missing=[("features", "random")]), title="").axes
    assert all(not axes.axison and "too few" in axes.texts[0].get_text() for axes in none)


def test_the_report_has_it_among_the_scores_for_models_of_volumes_and_of_slices():
    figure, other = slice_figures([Path("separability/flat.png"), Path("self_distance/deep.png")])
    assert (figure.section, other.section) == ("Scores", "Slices")
    assert figure.title == "How far two halves of the samples of deep are apart"
