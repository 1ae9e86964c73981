"""Region volumes of one brain: planted tissues are found, and what is no brain gets a reason."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.cohorts.simulated_template import load_anatomy, world_points
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.tissue import Contrast, fit_contrast, region_volumes_mm3, tissue_fractions
from mrisynth.region_atlas import load_atlas
from mrisynth.region_stage import cohort_contrast, measure_regions, parts_of
from mrisynth.store import Pyramid

SIZE, PARTS = 32, 4
TOTALS = ["total_csf", "total_grey", "total_white"]


@pytest.fixture(scope="module")
def atlas():
    return load_atlas(SIZE)


@pytest.fixture(scope="module")
def phantom():
    """Makes a brain of pure tissues on a grid four times finer, averages it, and says what is in it."""
    fine = SIZE * PARTS
    anatomy = load_anatomy(2)
    points = world_points((fine,) * 3, 224 / fine, grid_affine(fine)[:3, 3].astype(np.float32))
    brain = anatomy.envelope.at(points) < 0
    tissue, white = anatomy.tissue.at(points), anatomy.white.at(points)
    ventricles = anatomy.ventricles.at(points)

    def make(*, widened_mm=0.0, brightness=200.0, grey=0.75, noise=2.0, seed=0, white_from=0.5):
        is_white = brain & (white > white_from)
        fluid = brain & (tissue < 0.5) | (ventricles < widened_mm) & brain & (widened_mm > 0)
        is_white &= ~fluid
        values = np.where(is_white, 1.0, np.where(fluid, 0.15, grey)) * brain * brightness
        values += np.random.default_rng(seed).normal(0, noise, values.shape) * brain
        blocks = values.reshape(SIZE, PARTS, SIZE, PARTS, SIZE, PARTS).mean(axis=(1, 3, 5))
        masks = (fluid, brain & ~fluid & ~is_white, is_white)
        volumes = {name: float(mask.sum() * (224 / fine) ** 3) for name, mask in zip(TOTALS, masks, strict=True)}
        return np.clip(np.rint(blocks), 0, 255).astype(np.uint8), volumes

    return make


def test_planted_tissues_are_found(atlas, phantom):
    volume, truth = phantom()
    found = region_volumes_mm3(volume, atlas, contrast=Contrast())
    for name in ("total_grey", "total_white"):
        assert found[name] == pytest.approx(truth[name], rel=0.15)
    assert found["total_csf"] == pytest.approx(
        truth["total_csf"], abs=0.05 * sum(truth.values())
    )  # its rim is 7 mm wide
    assert sum(found[name] for name in TOTALS) == pytest.approx(sum(truth.values()), rel=0.05)


def test_a_thinner_cortex_has_less_grey_and_more_white_matter(atlas, phantom):
    (thick, before), (thin, after) = phantom(), phantom(white_from=0.35)
    one, other = (region_volumes_mm3(volume, atlas, contrast=Contrast()) for volume in (thick, thin))
    for name, sign in (("total_grey", -1), ("total_white", 1)):
        planted = after[name] - before[name]
        assert sign * planted > 50_000
        assert 0.4 < (other[name] - one[name]) / planted < 1.1


def test_wider_ventricles_are_seen_where_they_are(atlas, phantom):
    (narrow, before), (wide, after) = phantom(), phantom(widened_mm=4.0)
    one, other = (region_volumes_mm3(volume, atlas, contrast=Contrast()) for volume in (narrow, wide))
    planted = after["total_csf"] - before["total_csf"]
    assert planted > 20_000
    assert other["ventricles"] - one["ventricles"] == pytest.approx(planted, rel=0.25)
    for name in ("front_grey_left", "back_grey_right", "cerebellum", "outer_csf"):
        assert abs(other[name] - one[name]) < 0.1 * planted


def test_volumes_do_not_depend_on_brightness_or_noise(atlas, phantom):
    one, other = (
        region_volumes_mm3(phantom(brightness=top, seed=top)[0], atlas, contrast=Contrast()) for top in (220, 150)
    )
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=0.06, abs=500)


def test_regions_divide_the_tissues_and_the_hemispheres_are_alike(atlas, phantom):
    found = region_volumes_mm3(phantom()[0], atlas, contrast=Contrast())
    parts = [name for name in found if name not in TOTALS]
    assert sum(found[name] for name in parts) == pytest.approx(sum(found[name] for name in TOTALS), rel=1e-5)
    for tissue in range(3):
        shares = [region.share for name, region in atlas.regions.items() if name in parts and tissue in region.tissues]
        np.testing.assert_allclose(np.sum(shares, axis=0), 1.0, atol=1e-5)
    for name in ("front_grey", "back_grey", "white"):
        assert found[f"{name}_left"] == pytest.approx(found[f"{name}_right"], rel=0.06)


def test_a_lesion_on_the_left_is_missed_on_the_left(atlas, phantom):
    volume, _ = phantom()
    damaged = volume.copy()
    damaged[: SIZE // 2 - 1, SIZE // 2 :] //= 4  # RAS+: low x is left, high y is front
    one, other = (region_volumes_mm3(each, atlas, contrast=Contrast()) for each in (volume, damaged))
    assert other["front_grey_left"] < 0.85 * one["front_grey_left"]
    assert other["front_grey_right"] == pytest.approx(one["front_grey_right"], rel=0.1)


def test_fractions_are_shares(atlas, phantom):
    found = tissue_fractions(phantom()[0], atlas, contrast=Contrast())
    assert found.shape == (3, int(atlas.inside.sum()))
    assert found.min() >= 0 and found.sum(axis=0).max() <= 1 + 1e-9


def test_the_atlas_covers_the_same_brain_at_every_size(atlas):
    other = load_atlas(16)
    volumes = [each.priors.sum(axis=1) * each.voxel_mm**3 for each in (atlas, other)]
    np.testing.assert_allclose(*volumes, rtol=0.03)


def no_brains():
    ball = np.zeros((SIZE,) * 3, dtype=np.uint8)
    ball[2:10, 2:10, 2:10] = 100
    return {
        "empty": np.zeros((SIZE,) * 3, dtype=np.uint8),
        "off_template": np.random.default_rng(0).integers(0, 256, (SIZE,) * 3, dtype=np.uint8),
        "off_template ball": ball,
        "other_grid": np.zeros((16,) * 3, dtype=np.uint8),
    }


@pytest.mark.parametrize("name", list(no_brains()))
def test_what_is_no_brain_has_a_reason(atlas, name):
    with pytest.raises(ScanError) as caught:
        tissue_fractions(no_brains()[name], atlas, contrast=Contrast())
    assert caught.value.reason == name.split()[0]


def test_brains_without_tissues_have_a_reason(atlas, phantom):
    brain = atlas.brain
    flat = np.where(brain, 120, 0).astype(np.uint8)
    noise = np.where(brain, np.random.default_rng(0).integers(9, 256, brain.shape), 0).astype(np.uint8)
    inverted = np.where(phantom()[0] > 8, 255 - phantom()[0], 0).astype(np.uint8)
    table = measure_regions(
        np.stack([flat, noise, phantom()[0], inverted]), ["flat", "noise", "brain", "inverted"], atlas=atlas,
        contrast=Contrast(), what="regions",
    )  # fmt: skip
    assert table["reason"].tolist() == ["flat", "unlike_brain", "", "unlike_brain"]
    assert table["id"].tolist() == ["flat", "noise", "brain", "inverted"]
    assert table.drop(columns=["id", "reason"]).notna().all(axis=1).tolist() == [False, False, True, False]
    assert "total_csf" in table and not {"id", "reason", "total_csf"} & set(parts_of(table.columns))


def test_contrast_is_that_of_the_cohort(atlas, phantom):
    brains = [phantom(grey=grey, seed=row)[0] for row, grey in enumerate((0.64, 0.65, 0.66))]
    noise = np.random.default_rng(0).integers(0, 256, brains[0].shape, dtype=np.uint8)
    assert fit_contrast([*brains, noise], atlas).grey == pytest.approx(0.65, abs=0.05)
    assert fit_contrast([phantom(grey=0.8)[0]], atlas).grey == pytest.approx(0.8, abs=0.05)
    assert fit_contrast([noise], atlas) == Contrast() == fit_contrast([], atlas)


def test_contrast_is_taken_of_training_scans_alone(atlas, phantom, tmp_path):
    images = np.stack([phantom(grey=0.65)[0], phantom(grey=0.85)[0]])
    packed = Pyramid(images=images, scans=["train", "test"], path=tmp_path / "32.npy")
    found = cohort_contrast(packed, ["train", "excluded"], atlas=atlas, seed=1)
    assert found == fit_contrast(images[:1], atlas) != fit_contrast(images, atlas)


def test_a_table_without_regions_is_refused():
    with pytest.raises(MrisynthError, match="no regions"):
        parts_of(["id", "reason", "total_csf"])
