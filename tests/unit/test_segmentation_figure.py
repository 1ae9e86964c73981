"""The figures of arms: drawn of tables and of contours, from the worst volume to the best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mrisynth.metrics.segmentation import segmentation_tables, volume_scores
from mrisynth.reporting.segmentation_figure import predictions_figure, segmentation_figure
from mrisynth.reporting.slice_section import slice_figures
from mrisynth.segmentation.arms import structures_of
from mrisynth.segmentation.cases import Case, slice_affine
from mrisynth.segmentation.nnunet_dataset import write_test_set
from mrisynth.segmentation.results import score_arms
from mrisynth.segmentation.shown import shown_predictions

SHAPES = structures_of({"ball": 1, "box": 2}, classes=2)


def disc(radius: float, column: int) -> np.ndarray:
    rows, columns = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    labels = np.where((rows - 16) ** 2 + (columns - column) ** 2 < radius**2, 1, 0)
    labels[2:6, 2:6] = 2
    return labels.astype(np.uint8)


def cases(shift):
    return [
        Case(
            name=f"c{volume}x{position}", participant_id=f"p{volume}", image=disc(8, 16) / 2.0,
            labels=disc(6 + position, 16 + shift * volume), affine=slice_affine(pixel_mm=2.0), volume=f"v{volume}",
            position=position,
        )
        for volume in range(5)
        for position in range(2)
    ]  # fmt: skip


@pytest.fixture
def arms(tmp_path):
    """What is true, one arm that says it, and one that is the more beside it the higher the number of the volume."""
    for name, shift in (("test", 0), ("right", 0), ("beside", 2)):
        write_test_set(tmp_path / name, cases(shift), structures=SHAPES)
    return {name: tmp_path / name / "labelsTs" for name in ("beside", "right")}, tmp_path / "test"


def test_volumes_are_shown_from_the_worst_to_the_best_in_their_fullest_slice(arms, tmp_path):
    predictions, truth = arms
    tables = score_arms(predictions, truth, tolerance_mm=2.0, seed=1, replicates=50)
    shown, structures = shown_predictions(tables.volumes, predictions, truth, count=3)
    assert structures == ["ball", "box"]
    assert [one.dice["right"] for one in shown] == [1.0, 1.0, 1.0]
    beside = [one.dice["beside"] for one in shown]
    assert beside == sorted(beside) and beside[-1] == 1.0
    np.testing.assert_array_equal(shown[0].maps["truth"], disc(7, 16))
    np.testing.assert_array_equal(shown[0].maps["beside"], disc(7, 24))
    predictions_figure(shown, structures, tmp_path / "shown.png", title="t")
    segmentation_figure(tables.arms, tmp_path / "dice.png", words=dict.fromkeys(predictions, "w"), title="t")
    assert min((tmp_path / name).stat().st_size for name in ("shown.png", "dice.png")) > 10_000


def test_the_report_takes_the_figure_of_the_scores():
    (figure,) = slice_figures([Path("segmentation/segmentation.png")])
    assert figure.section == "Synthesis and segmentation" and "different images" in figure.title


def test_means_without_an_interval_are_drawn(tmp_path):
    """One participant has no interval, and a structure that is nowhere no value."""
    labels = disc(5, 16)
    scores = volume_scores(labels, labels, {"ball": 1, "none": 3}, spacing_mm=(1, 1), tolerance_mm=1,
                           both_empty="missing").assign(arm="source", volume="v", participant_id="p")  # fmt: skip
    tables = segmentation_tables(pd.DataFrame(scores), seed=1, replicates=20)
    segmentation_figure(tables.arms, tmp_path / "dice.svg", words={"source": "annotated"}, title="t")
    assert (tmp_path / "dice.svg").stat().st_size > 5000
