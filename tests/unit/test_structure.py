"""Structure: similarity against independent implementations, and sets whose variety is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity
from torch.nn import functional

from mrisynth.embedding.low_resolution import low_resolution as by_torch
from mrisynth.errors import MrisynthError
from mrisynth.metrics import ssim
from mrisynth.metrics.ssim import SsimScales, ms_ssim, ssim_scales
from mrisynth.metrics.structure import RealVolumes, VolumeSource, draw_pairs, score_structure
from mrisynth.store import Pyramid
from mrisynth.structure_study import low_resolution, structure_of_controls, structure_of_model

SIZE = 24
RING = np.linalg.norm(np.indices((SIZE,) * 3) - SIZE / 2, axis=0) < SIZE / 3


def brains(count, *, seed, spread=30.0, size=SIZE, ring=RING):
    """Smooth random volumes inside one outline; ``spread`` is how different they are."""
    generator = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(generator.normal(0, 1, (count, size, size, size)), (0, 2, 2, 2))
    values = 120 + spread * fields / fields.std()
    return np.where(ring, np.clip(values, 1, 255), 0).astype(np.uint8)


@pytest.fixture(scope="module")
def real():
    images = brains(36, seed=0)
    scans = [f"s{row}" for row in range(36)]
    splits = {scan: "test" if row < 12 else "train" for row, scan in enumerate(scans)}
    return RealVolumes(images, scans, splits, {scan: scan for scan in scans})


def scored(real, *sources, **changes):
    settings = {"view": str(SIZE), "seed": 3, "pairs": 60, "replicates": 40} | changes
    table = score_structure(real, [VolumeSource(*source) for source in sources], **settings).table
    return table.set_index(["model", "reference", "metric"])


@pytest.mark.parametrize(("size", "scales"), [(24, 2), (30, 2)])
def test_similarity_is_that_of_other_implementations(size, scales):
    """Each scale by scikit-image, the whole by the formula written with torch as pytorch-msssim does."""
    generator = np.random.default_rng(size)
    one = ndimage.gaussian_filter(generator.uniform(0, 255, (size,) * 3), 1.0)
    other = np.clip(one + generator.normal(0, 9, one.shape), 0, 255)
    first, second = np.zeros_like(one), np.zeros_like(one)  # with background, so that the box is used
    inner = (slice(3, -2),) * 3
    first[inner], second[inner] = one[inner], other[inner]
    expected, a, b = 1.0, first, second
    assert ssim_scales(size).count == scales
    for scale, weight in enumerate(ssim_scales(size).weights, start=1):
        _, similarity = structural_similarity(
            a, b, data_range=255, gaussian_weights=True, sigma=1.5, win_size=11, use_sample_covariance=False, full=True
        )
        assert ssim._similarity(a, b, window=11)[0] == pytest.approx(similarity[5:-5, 5:-5, 5:-5].mean(), abs=1e-6)
        both = by_convolution(a, b)
        expected *= both[0 if scale == scales else 1] ** weight
        a, b = (functional.avg_pool3d(torch.tensor(values)[None, None], 2)[0, 0].numpy() for values in (a, b))
    assert ms_ssim(first, second) == pytest.approx(expected, abs=1e-6)  # the torch kernel is in single precision
    assert ms_ssim(first, second) == pytest.approx(ms_ssim(second, first), abs=1e-12)


def by_convolution(one, other):
    line = torch.exp(-0.5 * ((torch.arange(11.0) - 5) / 1.5) ** 2).double()
    kernel = torch.einsum("i,j,k->ijk", line, line, line) / line.sum() ** 3

    def mean(values):
        return functional.conv3d(values[None, None], kernel[None, None])[0, 0]

    x, y = torch.tensor(one), torch.tensor(other)
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    structure = (2 * cov + 58.5225) / (vx + vy + 58.5225)
    return float((structure * (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)).mean()), float(structure.mean())


def test_similarity_of_equal_constant_and_opposite_volumes():
    brain = brains(1, seed=1)[0]
    grey, black, white = (np.full((SIZE,) * 3, value, dtype=np.uint8) for value in (90, 0, 255))
    assert ms_ssim(brain, brain) == ms_ssim(grey, grey) == ms_ssim(black, black) == pytest.approx(1.0, abs=1e-6)
    assert 0 <= ms_ssim(black, white) < 0.1
    assert ms_ssim(brain, 255 - brain) == 0.0  # negative structure counts as none
    assert ms_ssim(brain[:8, :8, :8], brain[:8, :8, :8]) == pytest.approx(1.0)


def test_scales_are_the_published_ones_as_far_as_they_fit():
    assert ssim_scales(256) == ssim_scales(176) == SsimScales(5, 11)
    assert ssim_scales(256).weights == pytest.approx(ssim.WEIGHTS, abs=1e-4)
    assert [ssim_scales(size).count for size in (175, 128, 87, 64, 43, 32, 21, 11)] == [4, 4, 3, 3, 2, 2, 1, 1]
    assert ssim_scales(8) == SsimScales(1, 7) and ssim_scales(1) == SsimScales(1, 1)
    assert sum(ssim_scales(32).weights) == pytest.approx(1.0)


def test_other_shapes_are_refused():
    with pytest.raises(MrisynthError, match="two cubes"):
        ms_ssim(np.zeros((12, 12, 12)), np.zeros((12, 12, 11)))


def test_pairs_are_distinct_and_all_where_few():
    generator = np.random.default_rng(0)
    assert len(draw_pairs(1, pairs=5, generator=generator)) == len(draw_pairs(0, pairs=5, generator=generator)) == 0
    assert {tuple(pair) for pair in draw_pairs(4, pairs=99, generator=generator)} == {
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3),
    }  # fmt: skip
    pairs = draw_pairs(30, pairs=50, generator=generator)
    assert len({tuple(pair) for pair in pairs}) == 50 and (pairs[:, 0] < pairs[:, 1]).all()


def test_sets_of_known_variety_rank(real):
    rows = scored(
        real,
        ("as_real", "model", brains(20, seed=5)),
        ("alike", "model", brains(20, seed=6, spread=8.0)),
        ("noise", "control", np.random.default_rng(0).integers(0, 256, (12, SIZE, SIZE, SIZE), dtype=np.uint8)),
    )
    value, floor = rows["value"].xs("test", level=1).unstack(), rows["floor"].xs("test", level=1).unstack()
    assert value["ms_ssim"]["alike"] > floor["ms_ssim"]["alike"] > value["ms_ssim"]["noise"]
    assert value["mean_map_mse"]["alike"] < floor["mean_map_mse"]["alike"] < value["mean_map_mse"]["noise"]
    for gap in ("ms_ssim_gap", "mean_map_mse_gap"):
        assert value[gap]["as_real"] < 0.3 * value[gap]["alike"] < value[gap]["noise"]
        np.testing.assert_allclose(
            value[gap], np.abs(value[gap.removesuffix("_gap")] - floor[gap.removesuffix("_gap")]), atol=1e-9
        )
    assert (rows["low"] <= rows["value"]).all() and (rows["value"] <= rows["high"]).all()
    assert set(rows.xs("ms_ssim", level=2)["better"]) == {"neither"}
    assert rows["warning"].str.contains("2 of 5 scales").all() and rows["n"].xs("test", level=1).eq(12).all()


def test_mean_map_leaves_a_training_scan_out_of_its_own_mean(real):
    floor = scored(real, ("alike", "model", brains(4, seed=6)))["floor"]["alike"]["train"]["mean_map_mse"]
    train = np.stack([real.images[row] for row in range(36) if row >= 12]) / 255.0
    by_hand = [((train[row] - np.delete(train, row, axis=0).mean(axis=0)) ** 2).mean() for row in range(len(train))]
    assert floor == pytest.approx(np.mean(by_hand), rel=1e-4)


def test_two_scans_of_a_person_are_no_pair(real):
    people = {scan: f"p{int(scan[1:]) // 2}" for scan in real.scans}
    twins = RealVolumes(np.repeat(real.images[::2], 2, axis=0), real.scans, real.splits, people)
    rows = twins.rows("test", seed=1)
    assert len(rows) == 6 and len({people[twins.scans[row]] for row in rows}) == 6
    floor = scored(twins, ("model", "model", brains(4, seed=5)))["floor"]["model"]["test"]["ms_ssim"]
    assert floor < 0.99  # a pair of twins would be 1
    assert (twins.rows("test", seed=1) == rows).all()


@pytest.mark.parametrize(("count", "test_scans"), [(1, 12), (0, 12), (8, 1), (8, 0)])
def test_too_few_volumes_give_missing_values_and_say_so(real, count, test_scans):
    splits = {scan: "test" if row < test_scans else "train" for row, scan in enumerate(real.scans)}
    few = RealVolumes(real.images, real.scans, splits, real.participants)
    rows = scored(few, ("model", "model", brains(8, seed=5)[:count])).loc["model", "test"]
    assert np.isnan(rows["value"]["ms_ssim_gap"]) and np.isnan(rows["low"]["ms_ssim_gap"])
    assert rows["warning"].str.contains("No pairs").all()
    assert np.isnan(rows["value"]["ms_ssim"]) == (count < 2)


def test_a_value_without_an_interval_says_so(real):
    splits = {scan: "test" if row < 5 else "train" for row, scan in enumerate(real.scans)}
    few = RealVolumes(real.images, real.scans, splits, real.participants)
    rows = scored(few, ("model", "model", brains(8, seed=5))).loc["model", "test"]
    assert rows["value"].notna().all() and rows["low"].isna().all()
    assert rows["warning"].str.startswith("No interval").all()


def test_constant_samples_are_defined(real):
    rows = scored(real, ("grey", "control", np.full((6, SIZE, SIZE, SIZE), 90, dtype=np.uint8)))["value"]
    assert rows["grey"]["test"]["ms_ssim"] == pytest.approx(1.0, abs=1e-6)
    assert np.isfinite(rows).all()


def test_other_grids_and_no_training_scans_are_refused(real):
    with pytest.raises(MrisynthError, match="one size"):
        scored(real, ("model", "model", np.zeros((3, 12, 12, 12), dtype=np.uint8)))
    alone = RealVolumes(real.images, real.scans, dict.fromkeys(real.scans, "test"), real.participants)
    with pytest.raises(MrisynthError, match="training split is empty"):
        scored(alone, ("model", "model", real.images[:3]))


def test_model_and_low_resolution_are_scored_the_same_in_every_run(real, tmp_path):
    images = brains(24, seed=0, size=32, ring=np.pad(RING, 4))
    scans = pd.DataFrame({"scan": real.scans[:24], "participant_id": real.scans[:24]})
    scans["split"] = ["test" if row < 8 else "train" for row in range(24)]
    packed = Pyramid(images=images, scans=real.scans[:24], path=tmp_path / "32.npy")
    samples = brains(8, seed=2, size=32, ring=np.pad(RING, 4))
    settings = {"model": "m", "untrained": samples, "seed": 1, "pairs": 10, "replicates": 20}
    one, other = (
        structure_of_model(packed, scans, samples=samples, low=low_resolution(samples), **settings) for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.table, other.table)
    assert one.table.groupby(["view", "source"], sort=False).size().to_dict() == {
        ("32", "model"): 8, ("32", "untrained"): 8, ("32 low", "model"): 8,
    }  # fmt: skip
    assert ("m", "model", "voxels", "32 low", "test", "ms_ssim_gap") in one.replicates
    assert (low_resolution(samples) == by_torch(samples)).all()
    alone = structure_of_model(packed, scans, samples=samples, low=None, **settings)
    assert set(alone.table["view"]) == {"32"}
    with pytest.raises(MrisynthError, match="knows no scan s23"):
        structure_of_controls(packed, scans[:23], {"noise": samples}, seed=1, pairs=10, replicates=20)
    controls = structure_of_controls(packed, scans, {"noise": samples}, seed=1, pairs=10, replicates=20)
    assert set(controls["source"]) == {"control"}
