"""What is measured of reconstructions, and who they are of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mrisynth.errors import MrisynthError
from mrisynth.metrics.reconstruction import measure_reconstruction, score_reconstruction
from mrisynth.reconstruction_study import keep_shown
from mrisynth.reporting.reconstruction_figure import reconstruction_figure

RANDOM = np.random.default_rng(1)


def _pair(*shape):
    real = RANDOM.integers(0, 256, shape).astype(np.uint8)
    return real, np.clip(real + RANDOM.normal(0, 12, shape), 0, 255).astype(np.uint8)


def test_slices_are_measured_as_others_do():
    real, made = _pair(32, 32)
    found = measure_reconstruction(real, made)
    apart = real / 255 - made / 255
    assert found["l1"] == pytest.approx(np.abs(apart).mean())
    assert found["mse"] == pytest.approx((apart**2).mean())
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(real, made, data_range=255))
    similarity = structural_similarity(
        real, made, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, win_size=11
    )
    assert found["ssim"] == pytest.approx(similarity, abs=0.01)  # edges count differently


def test_volumes_and_equal_images():
    real, made = _pair(24, 24, 24)
    assert 0 < measure_reconstruction(real, made)["ssim"] < 1
    same = measure_reconstruction(real, real)
    assert same == {"l1": 0, "mse": 0, "psnr": float("inf"), "ssim": 1}
    with pytest.raises(MrisynthError, match="cannot be compared"):
        measure_reconstruction(real, made[:8])


def _measured(count=8):
    rows = [
        {"image": f"i{person}{visit}", "participant_id": f"p{person}", "split": "test" if person < count // 2 else "train",
         "l1": 0.1 + 0.01 * person + 0.001 * visit, "mse": 0.02, "psnr": 20.0 + person, "ssim": 0.9}
        for person in range(count) for visit in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_scores_are_means_over_people_of_each_split():
    found = score_reconstruction(_measured(), model="ours", view="slice 16", seed=1).set_index(["metric", "reference"])
    row = found.loc[("reconstruction_l1", "test")]
    people = np.array([0.1005 + 0.01 * person for person in range(4)])
    assert row["value"] == pytest.approx(people.mean()) and row["n"] == 4 and row["better"] == "lower"
    expected = stats.t.interval(0.95, 3, people.mean(), stats.sem(people))
    assert (row["low"], row["high"]) == pytest.approx(expected)
    assert found.loc[("reconstruction_psnr", "train"), "value"] == pytest.approx(25.5)
    assert found.loc[("reconstruction_psnr", "train"), "better"] == "higher"


def test_a_split_without_images_says_so():
    only = _measured().query("split == 'train'")
    found = score_reconstruction(only, model="ours", view="16", seed=1).set_index(["metric", "reference"])
    row = found.loc[("reconstruction_mse", "test")]
    assert np.isnan(row["value"]) and row["warning"] == "No image of the test split."


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 16), (16, 16, 3)])
def test_worst_and_best_are_kept_and_drawn(tmp_path, shape):
    measured = _measured()
    names = measured["image"].tolist()
    images = np.stack([np.full(shape, number, dtype=np.uint8) for number in range(len(names))])
    chosen = pd.DataFrame({"image": names, "row": range(len(names))})
    made = {name: images[number] + np.uint8(100) for number, name in enumerate(names)}
    keep_shown(measured, images, chosen, made, tmp_path / "shown.npz")
    with np.load(tmp_path / "shown.npz") as stored:
        assert stored["psnr"].tolist() == [20.0, 22.0, 23.0]
        assert [int(image.flat[0]) for image in stored["images"]] == [0, 4, 7]
        assert [int(image.flat[0]) for image in stored["made"]] == [100, 104, 107]
    reconstruction_figure(tmp_path / "shown.npz", tmp_path / "shown.png", model="ours")
    assert min(Image.open(tmp_path / "shown.png").size) > 300


@pytest.mark.parametrize(
    ("splits", "expected", "psnr"),
    [(["test", "train"], "Test images", [20.0, 22.0, 23.0]), (["train"], "Training images", [24.0, 26.0, 27.0])],
)
def test_training_images_stand_in_where_no_one_is_tested(tmp_path, splits, expected, psnr):
    measured = _measured()
    measured = measured[measured["split"].isin(splits)]
    images = np.zeros((len(measured), 16, 16), dtype=np.uint8)
    chosen = pd.DataFrame({"image": measured["image"], "row": range(len(measured))})
    made = dict(zip(measured["image"], images, strict=True))
    keep_shown(measured, images, chosen, made, tmp_path / "shown.npz")
    with np.load(tmp_path / "shown.npz") as stored:
        assert stored["psnr"].tolist() == psnr
    reconstruction_figure(tmp_path / "shown.npz", tmp_path / "shown.svg", model="ours")
    assert f"{expected} and what the autoencoder of ours gives back" in (tmp_path / "shown.svg").read_text()
