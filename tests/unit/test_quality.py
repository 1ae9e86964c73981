from __future__ import annotations

import numpy as np
import pytest

from mrisynth.imaging.quality import (
    border_fraction,
    dice,
    measure_bias,
    measure_extraction,
    measure_intensity,
    measure_registration,
    orientation_margin,
    rotation_deg,
)


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
    assert border_fraction(ball(shift=10.0)) > 0.05


def test_intensity_measures():
    values = np.zeros((32,) * 3)
    values[ball()] = np.linspace(100, 300, ball().sum())
    found = measure_intensity(values, ball())
    assert found["intensity_range"] == pytest.approx(0.96, rel=0.01)
    assert found["clipped_fraction"] == pytest.approx(1 / ball().sum())
    assert measure_intensity(np.minimum(values, 200), ball())["clipped_fraction"] == pytest.approx(0.5, abs=0.01)
    assert measure_intensity(np.full_like(values, 7.0), ball())["intensity_range"] == 0.0
    assert measure_intensity(-values, ball())["intensity_range"] == 0.0
    assert measure_intensity(values, np.zeros_like(ball())) == {"intensity_range": 0.0, "clipped_fraction": 0.0}


def test_bias_is_the_spread_of_the_log_field_inside_the_brain():
    field = np.exp(np.random.default_rng(1).normal(0.4, 0.2, size=(32,) * 3))
    assert measure_bias(100 * field, np.full_like(field, 100.0), ball())["bias"] == pytest.approx(0.2, rel=0.05)
    assert measure_bias(field, field, ball())["bias"] == 0.0


def test_registration_measures():
    template = np.where(ball(), np.random.default_rng(0).uniform(0.2, 1, (32,) * 3), 0)
    same = measure_registration(template, ball(), template, ball(), matrix=np.diag([2.0, 1.0, 1.0, 1.0]))
    assert same["overlap"] == 1.0 and same["correlation"] == pytest.approx(1.0)
    assert same["volume_ratio"] == 2.0 and same["outside_fraction"] == 0.0 and same["rotation_deg"] == 0.0
    inverted = np.where(ball(), 1.2 - template, 0)
    assert measure_registration(inverted, ball(), template, ball(), matrix=np.eye(4))["correlation"] < -0.9
    flat = measure_registration(np.zeros((32,) * 3), ball(), template, ball(), matrix=np.eye(4))
    assert flat["correlation"] == 0.0 and flat["orientation_margin"] == 0.0


def turn(degrees: float, *, axis: int) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = np.eye(4)
    others = [index for index in range(3) if index != axis]
    matrix[np.ix_(others, others)] = [[c, -s], [s, c]]
    return matrix


@pytest.mark.parametrize("degrees", [0.0, 17.0, 90.0, 180.0])
def test_rotation_is_found_under_scales_and_shear(degrees: float):
    stretch = np.diag([0.8, 1.1, 0.9, 1.0])
    assert rotation_deg(turn(degrees, axis=0)) == pytest.approx(degrees, abs=1e-4)
    assert rotation_deg(turn(degrees, axis=2) @ stretch) == pytest.approx(degrees, abs=1e-4)


def head_like() -> tuple[np.ndarray, np.ndarray]:
    """A symmetric volume that differs along every axis, and its mask."""
    x, y, z = np.indices((48,) * 3) - 23.5
    mask = (x / 14) ** 2 + (y / 19) ** 2 + (z / 16) ** 2 < 1
    return np.where(mask, 1 + 0.03 * y - 0.02 * z + 0.002 * x**2, 0), mask


@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
def test_only_the_right_orientation_and_its_mirror_image_lead(axes: tuple[int, ...], signs: tuple[int, ...]):
    volume, mask = head_like()
    turned = volume.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    margin = orientation_margin(turned, volume, mask)
    right = axes == (0, 1, 2) and signs[1:] == (1, 1)
    assert (margin > 0.02) if right else (margin < -0.02)
