from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from mrisynth.imaging.pictures import write_picture
from mrisynth.imaging.quality import (
    Thresholds,
    border_fraction,
    dice,
    judge_extraction,
    judge_registration,
    measure_extraction,
    measure_registration,
)

GOOD = {"overlap": 0.96, "correlation": 0.65, "volume_ratio": 0.75, "outside_fraction": 0.0}


def ball(size: int = 32, radius: float = 12.0, shift: float = 0.0) -> np.ndarray:
    axes = np.indices((size,) * 3) - (size - 1) / 2
    return (axes[0] - shift) ** 2 + axes[1] ** 2 + axes[2] ** 2 < radius**2


def test_dice():
    assert dice(ball(), ball()) == 1.0
    assert dice(ball(), ~ball()) == 0.0
    assert dice(ball(radius=0), ball(radius=0)) == 0.0
    half = ball().copy()
    half[:16] = False
    assert dice(ball(), half) == pytest.approx(2 / 3)


def test_extraction_measures_volume_and_cut():
    mask = ball(radius=12.0)
    measures = measure_extraction(mask, voxel_mm=5.0)
    assert measures["brain_ml"] == pytest.approx(4 / 3 * np.pi * 60**3 / 1000, rel=0.02)
    assert measures["cut_fraction"] == 0.0
    assert judge_extraction(measures, Thresholds()).status == "passed"
    assert border_fraction(ball(shift=10.0)) > 0.05


@pytest.mark.parametrize(
    ("measures", "reason"),
    [
        ({"brain_ml": 465.0, "cut_fraction": 0.0}, "brain_volume"),  # a mask shrunk to 0.3 of its volume
        ({"brain_ml": 2500.0, "cut_fraction": 0.0}, "brain_volume"),
        ({"brain_ml": 1400.0, "cut_fraction": 0.1}, "brain_cut"),
    ],
)
def test_bad_extraction(measures: dict[str, float], reason: str):
    verdict = judge_extraction(measures, Thresholds())
    assert (verdict.status, verdict.reason) == ("excluded", reason)
    assert verdict.message.endswith(".")


def test_good_registration_passes():
    assert judge_registration(GOOD, Thresholds()).status == "passed"


@pytest.mark.parametrize(
    ("measure", "value", "reason"),
    [
        ("overlap", 0.89, "overlap"),
        ("correlation", 0.3, "correlation"),
        ("volume_ratio", 0.25, "volume_ratio"),
        ("volume_ratio", 2.0, "volume_ratio"),
        ("outside_fraction", 0.01, "outside_field"),
    ],
)
def test_bad_registration(measure: str, value: float, reason: str):
    verdict = judge_registration(GOOD | {measure: value}, Thresholds())
    assert verdict.reason == reason
    assert verdict.message.endswith(".")


def test_overlap_threshold_knows_the_transform_and_the_config():
    small_head = GOOD | {"overlap": 0.73}
    assert judge_registration(small_head, Thresholds(), transform="rigid").status == "passed"
    assert judge_registration(small_head, Thresholds(), transform="affine").reason == "overlap"
    assert judge_registration(small_head, Thresholds(overlap=0.7), transform="affine").status == "passed"
    unlike = GOOD | {"correlation": 0.4}
    assert judge_registration(unlike, Thresholds(), transform="rigid").status == "passed"
    assert judge_registration(unlike, Thresholds(), transform="affine").reason == "correlation"
    assert judge_registration(unlike, Thresholds(correlation=0.39), transform="affine").status == "passed"


def test_registration_measures():
    template = np.where(ball(), np.random.default_rng(0).uniform(0.2, 1, (32,) * 3), 0)
    same = measure_registration(template, ball(), template, ball(), volume_ratio=1.0)
    assert same["overlap"] == 1.0 and same["correlation"] == pytest.approx(1.0)
    assert same["volume_ratio"] == 1.0 and same["outside_fraction"] == 0.0
    inverted = np.where(ball(), 1.2 - template, 0)
    assert measure_registration(inverted, ball(), template, ball(), volume_ratio=1.0)["correlation"] < -0.9
    flat = measure_registration(np.zeros((32,) * 3), ball(), template, ball(), volume_ratio=1.0)
    assert flat["correlation"] == 0.0


def test_picture_shows_volume_and_both_outlines(tmp_path: Path):
    volume = np.where(ball(), 0.5, 0.0)
    write_picture(volume, ball(), ball(radius=10.0), tmp_path / "a" / "quality.png", title="sub-1")
    pixels = imread(tmp_path / "a" / "quality.png")[..., :3]
    red = (pixels[..., 0] > 0.8) & (pixels[..., 1] < 0.3)
    cyan = (pixels[..., 0] < 0.3) & (pixels[..., 1] > 0.8)
    grey = (np.ptp(pixels, axis=-1) < 0.02) & (pixels[..., 0] > 0.3)
    assert red.sum() > 200 and cyan.sum() > 200 and grey.sum() > 20_000
