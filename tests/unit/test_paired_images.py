"""Real images against the fakes of their own covariates: values by hand, intervals over participants, and a floor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mrisynth.errors import MrisynthError
from mrisynth.metrics.paired_images import (
    Perceptual,
    other_reals,
    perceptual_distances,
    psnr,
    score_paired_images,
)
from mrisynth.metrics.slice_ssim import slice_ssim

PEOPLE = [f"sub-{row // 2:02d}" for row in range(24)]
SOURCES = ["A" if row < 12 else "B" for row in range(24)]


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    smooth = generator.uniform(0, 200, (24, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
    noise = generator.normal(0, np.linspace(5, 40, 24)[:, None, None], smooth.shape)
    return smooth.astype(np.uint8), np.clip(smooth + noise, 0, 255).astype(np.uint8)


def test_means_are_those_of_single_pairs_and_intervals_those_of_participants(images):
    real, fake = images
    found = score_paired_images(real, fake, participants=PEOPLE, sources=SOURCES, model="mssg", seed=1, replicates=2000)
    single = np.array([slice_ssim(*pair) for pair in zip(real, fake, strict=True)])
    assert np.allclose(found.pairs["ssim"], single) and found.pairs["source"].tolist() == SOURCES
    summary = found.summary.set_index(["source", "measure"])
    assert summary.loc[("all", "ssim"), "mean"] == pytest.approx(single.mean())
    assert summary.loc[("B", "ssim"), "mean"] == pytest.approx(single[12:].mean())
    own = single[12:].reshape(6, 2).mean(axis=1)  # six participants: the textbook interval of their means
    reach = stats.t.ppf(0.975, 5) * own.std(ddof=1) / math.sqrt(6)
    assert summary.loc[("B", "ssim"), "high"] - own.mean() == pytest.approx(reach, rel=0.06)
    table = found.scored.table.set_index("metric")
    assert table.loc["paired_ssim_B", "value"] == pytest.approx(single[12:].mean())
    assert table.loc["paired_psnr", "better"] == "higher" and np.isnan(table.loc["paired_psnr", "floor"])


def test_signal_to_noise_is_that_of_its_definition():
    one, other = np.zeros((4, 4), np.uint8), np.full((4, 4), 51, np.uint8)
    assert psnr(one, other) == pytest.approx(20 * math.log10(255 / 51)) and psnr(one, one) == math.inf


def test_equal_pairs_have_no_finite_ratio_and_are_counted(images):
    real, fake = images
    fake = fake.copy()
    fake[0] = real[0]
    found = score_paired_images(real, fake, participants=PEOPLE, sources=["A"] * 24, model="mssg", seed=1)
    row = found.summary.set_index("measure").loc["psnr"]
    assert row["left_out"] == 1 and row["n"] == 23 and np.isfinite(row["mean"])
    assert found.scored.table.set_index("metric").loc["paired_psnr", "warning"].startswith("Left out: 1 pairs")


def test_the_floor_is_that_of_real_images_of_other_people(images):
    real, fake = images
    others = other_reals(PEOPLE, SOURCES, seed=2)
    assert all(PEOPLE[row] != PEOPLE[other] for row, other in enumerate(others))
    assert all(SOURCES[row] == SOURCES[other] for row, other in enumerate(others))
    distance = Perceptual(
        name="lpips_random", fake=np.full(24, 0.1), others=np.full(24, 0.4), sha256="none", trained=False
    )
    found = score_paired_images(
        real, fake, participants=PEOPLE, sources=SOURCES, model="mssg", perceptual=[distance], others=others, seed=1
    )
    table = found.scored.table.set_index("metric")
    floor = np.mean([slice_ssim(real[row], real[other]) for row, other in enumerate(others)])
    assert table.loc["paired_ssim", "floor"] == pytest.approx(floor)
    mine = table.loc["paired_lpips_random"]
    assert (mine["value"], mine["floor"]) == pytest.approx((0.1, 0.4))
    assert mine["better"] == "lower" and mine["features"] == "lpips_random" and not mine["features_trained"]


def test_volumes_are_compared_at_several_scales():
    real = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 16), dtype=np.uint8)
    found = score_paired_images(real, real, participants=list("abcd"), sources=["A"] * 4, model="hagan", seed=1)
    assert found.summary.set_index("measure").loc["ms_ssim", "mean"] == pytest.approx(1.0)
    assert found.scored.table["view"].tolist() == ["16", "16"]


def test_a_perceptual_distance_by_hand():
    one = [np.array([[[[3.0, 0.0]], [[4.0, 1.0]]]])]  # one image, two channels, two places: (3, 4) and (0, 1)
    other = [np.array([[[[0.0, 0.0]], [[2.0, 5.0]]]])]  # (0, 2) and (0, 5)
    weights = [np.array([1.0, 10.0])]
    first = 1.0 * 0.6**2 + 10.0 * (0.8 - 1.0) ** 2  # of unit vectors; the second place is alike
    assert perceptual_distances(one, other, weights) == pytest.approx([first / 2])
    assert perceptual_distances(one * 2, other * 2, weights * 2) == pytest.approx([first])


def test_sets_that_do_not_belong_together_are_refused(images):
    real, fake = images
    with pytest.raises(MrisynthError, match="one fake"):
        score_paired_images(real, fake[:-1], participants=PEOPLE, sources=SOURCES, model="mssg", seed=1)
    with pytest.raises(MrisynthError, match="one participant"):
        other_reals(["a", "a"], ["A", "A"], seed=0)
