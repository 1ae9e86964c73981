"""The simulated cohort: known effects, independent knobs, exact volumes, heads that look like T1 heads."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from mrisynth.cohorts.simulated import (
    KNOB_RANGES,
    Atrophy,
    SimulatedHead,
    Variation,
    simulate_head,
    simulate_participants,
    write_heads,
)
from mrisynth.cohorts.simulated_anatomy import (
    LABELS,
    REFERENCE_INTRACRANIAL_ML,
    REFERENCE_SHARES,
    Knobs,
    TemplateWarp,
    label_brain,
    structure_volumes_ml,
)
from mrisynth.cohorts.simulated_fields import head_grid, smooth_field
from mrisynth.cohorts.simulated_template import load_anatomy
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.files import read_table, sha256_of
from mrisynth.seeds import numpy_generator

VOXEL_MM = 4.0
REFERENCE = {
    "scan": "sub-0001",
    "site": "north",
    "ventricles": 1.0,
    "grey_matter": 1.0,
    "hippocampus_left": 1.0,
    "hippocampus_right": 1.0,
    "head_size": 1.0,
    "site_contrast": 1.0,
}
CHANGES = {
    "ventricles": (0.6, 3.0),
    "grey_matter": (0.85, 1.1),
    "hippocampus_left": (0.6, 1.2),
    "hippocampus_right": (0.6, 1.2),
    "head_size": (0.85, 1.15),
}


@lru_cache(maxsize=32)
def head_with(voxel_mm: float = VOXEL_MM, **knobs: float | str) -> SimulatedHead:
    return simulate_head(REFERENCE | knobs, seed=5, voxel_mm=voxel_mm)


def labels_of(head: SimulatedHead) -> np.ndarray:
    return np.asarray(head.labels.dataobj)


def measured(head: SimulatedHead) -> dict[str, float]:
    """Measure the knobs from the head: size over the reference, shares of the intracranial volume."""
    voxel_ml = abs(np.linalg.det(head.labels.affine)) / 1000.0
    volumes = structure_volumes_ml(labels_of(head), voxel_ml=voxel_ml)
    shares = {name: volumes[name] / volumes["intracranial"] / share for name, share in REFERENCE_SHARES.items()}
    return shares | {"head_size": volumes["intracranial"] / REFERENCE_INTRACRANIAL_ML}


def grey_white_contrast(head: SimulatedHead) -> float:
    image, labels = np.asarray(head.image.dataobj), labels_of(head)
    inner = {name: ndimage.binary_erosion(labels == LABELS[name]) for name in ("white_matter", "deep_grey_matter")}
    white, grey = image[inner["white_matter"]].mean(), image[inner["deep_grey_matter"]].mean()
    return float((white - grey) / white)


def test_participant_depends_only_on_seed_and_number() -> None:
    few, many = simulate_participants(5, seed=3), simulate_participants(40, seed=3)
    pd.testing.assert_frame_equal(few, many.head(5))
    assert not few.drop(columns=["participant_id", "scan"]).equals(
        simulate_participants(5, seed=4).drop(columns=["participant_id", "scan"])
    )


def test_every_block_of_twelve_is_balanced() -> None:
    table = simulate_participants(24, seed=1)
    assert table["participant_id"].is_unique
    assert table["participant_id"].iloc[0] == "sub-0001"
    for block in (table.iloc[:12], table.iloc[12:]):
        third = pd.cut(block["age"], [20, 40, 60, 80], include_lowest=True)
        assert block.groupby([block["sex"], block["site"], third], observed=True).size().tolist() == [1] * 12
        assert (block["diagnosis"] == "atrophy").sum() == 4


def test_known_effects_are_present_and_others_absent() -> None:
    table = simulate_participants(600, seed=2)
    effects = pd.DataFrame(
        {
            "age": table["age"] - 50.0,
            "male": (table["sex"] == "m").astype(float),
            "atrophy": (table["diagnosis"] == "atrophy").astype(float),
            "north": (table["site"] == "north").astype(float),
        }
    ).assign(one=1.0)
    outcomes = table[list(KNOB_RANGES)].assign(ventricles=np.log(table["ventricles"]))
    solution, *_ = np.linalg.lstsq(effects.to_numpy(), outcomes.to_numpy(), rcond=None)
    found = pd.DataFrame(solution, index=effects.columns, columns=outcomes.columns)
    expected = pd.DataFrame(0.0, index=effects.columns, columns=outcomes.columns).drop(index="one")
    expected.loc["age", ["ventricles", "grey_matter"]] = [0.015, -0.003]
    expected.loc["male", "head_size"] = 0.12
    expected.loc["atrophy", ["hippocampus_left", "hippocampus_right"]] = -0.25
    expected.loc["north", "site_contrast"] = 0.24
    tolerance = pd.DataFrame({"age": 0.002, "male": 0.06, "atrophy": 0.06, "north": 0.06}, index=["all"]).T
    difference = (found.drop(index="one") - expected).abs()
    assert (difference.to_numpy() < tolerance.to_numpy()).all(), difference


def test_atrophy_does_what_the_study_says_to_the_ill_alone() -> None:
    usual, told = simulate_participants(60, seed=2), simulate_participants(60, seed=2, atrophy=Atrophy(ventricles=1.5))
    ill = usual["diagnosis"] == "atrophy"
    pd.testing.assert_frame_equal(usual[~ill], told[~ill])
    pd.testing.assert_frame_equal(usual.drop(columns="ventricles"), told.drop(columns="ventricles"))
    np.testing.assert_allclose(told["ventricles"][ill], 1.5 * usual["ventricles"][ill], rtol=1e-3)


def test_people_differ_as_much_as_the_study_says() -> None:
    def drawn(**spread: float) -> pd.DataFrame:
        table = simulate_participants(600, seed=3, variation=Variation(**spread))
        return table[table["diagnosis"] == "control"]

    pd.testing.assert_frame_equal(drawn(), simulate_participants(600, seed=3).loc[drawn().index])
    apart = drawn(hippocampi=0.0, each_hippocampus=0.1)
    assert apart[["hippocampus_left", "hippocampus_right"]].std().to_numpy() == pytest.approx(0.1, rel=0.1)
    assert abs(apart["hippocampus_left"].corr(apart["hippocampus_right"])) < 0.15
    still = drawn(ventricles=0.0, grey_matter=0.0, hippocampi=0.0, each_hippocampus=0.0)
    np.testing.assert_allclose(still["ventricles"], np.exp(0.015 * (still["age"] - 50.0)).clip(0.4, 4.0), atol=1e-4)
    assert set(still["hippocampus_left"]) == {1.0}


@pytest.mark.parametrize(("knob", "values"), CHANGES.items())
def test_a_knob_moves_its_own_volume_and_no_other(knob: str, values: tuple[float, ...]) -> None:
    before = measured(head_with())
    for value in values:
        after = measured(head_with(**{knob: value}))
        assert after[knob] == pytest.approx(value, rel=0.015)
        for other in set(before) - {knob}:
            assert after[other] == pytest.approx(before[other], rel=0.015), other


def test_a_changed_hippocampus_leaves_the_rest_of_the_brain_in_place() -> None:
    before, after = labels_of(head_with()), labels_of(head_with(hippocampus_left=0.6))
    for name in ("grey_matter", "white_matter", "ventricles", "hippocampus_right"):
        assert dice(before == LABELS[name], after == LABELS[name]) > 0.99, name
    shrunk = (before == LABELS["hippocampus_left"]) & (after != LABELS["hippocampus_left"])
    assert (after[shrunk] == LABELS["cerebrospinal_fluid"]).all()


def test_site_contrast_moves_the_contrast_and_no_anatomy() -> None:
    low, high = head_with(site_contrast=0.7), head_with(site_contrast=1.3)
    assert np.array_equal(labels_of(low), labels_of(high))
    assert grey_white_contrast(high) - grey_white_contrast(low) == pytest.approx(0.6 * 0.20, abs=0.04)


def test_sites_differ_in_noise_and_scale() -> None:
    def noise_and_white(site: str) -> tuple[float, float]:
        head = head_with(site=site)
        image = np.asarray(head.image.dataobj, dtype=float)
        white = float(np.median(image[labels_of(head) == LABELS["white_matter"]]))
        return float(np.median(image[:4, :4, -8:])) / white, white

    (north_noise, north_white), (south_noise, south_white) = noise_and_white("north"), noise_and_white("south")
    assert south_noise > 1.3 * north_noise
    assert north_white > 1.3 * south_white


def test_head_looks_like_a_t1_head() -> None:
    head = head_with()
    image, labels = np.asarray(head.image.dataobj, dtype=float), labels_of(head)
    assert nib.aff2axcodes(head.image.affine) == ("R", "A", "S")
    assert np.array_equal(np.asarray(head.brain_mask.dataobj) > 0, labels > 0)
    middle = {name: float(np.median(image[labels == value])) for name, value in LABELS.items()}
    white = middle["white_matter"]
    assert white > middle["deep_grey_matter"] > middle["grey_matter"] > 2 * middle["ventricles"]
    outside = ndimage.distance_transform_edt(labels == 0, sampling=VOXEL_MM)
    upper = np.zeros(labels.shape, dtype=bool)
    upper[:, :, labels.shape[2] // 2 + 14 :] = True
    skull = image[upper & (outside > 3.0) & (outside < 7.0)]
    scalp = image[upper & (outside > 8.0) & (outside < 12.0)]
    assert np.median(skull) < 0.45 * white
    assert np.percentile(scalp, 75) > 0.6 * white
    assert np.median(image[upper & (outside > 30.0)]) < 0.1 * white


def test_left_is_on_the_left() -> None:
    head = head_with()
    for name, sign in (("hippocampus_left", -1), ("hippocampus_right", 1)):
        centre = np.argwhere(labels_of(head) == LABELS[name]).mean(axis=0)
        assert sign * nib.affines.apply_affine(head.labels.affine, centre)[0] > 15.0


def test_the_same_participant_is_the_same_anatomy_at_every_voxel_size() -> None:
    fine, coarse = head_with(voxel_mm=2.0), head_with()
    centres = np.argwhere(labels_of(coarse) > 0)
    world = nib.affines.apply_affine(coarse.labels.affine, centres)
    at = np.rint(nib.affines.apply_affine(np.linalg.inv(fine.labels.affine), world)).astype(int)
    there = labels_of(fine)[tuple(at.T)]
    here = labels_of(coarse)[tuple(centres.T)]
    assert dice(here == LABELS["ventricles"], there == LABELS["ventricles"]) > 0.75
    assert dice(here == LABELS["white_matter"], there == LABELS["white_matter"]) > 0.75
    assert measured(coarse)["grey_matter"] == pytest.approx(measured(fine)["grey_matter"], rel=0.015)


def test_anatomy_is_more_than_one_template_warped() -> None:
    anatomy, grid = load_anatomy(2), head_grid(4.0)

    def draw(part: str, other: bool = False) -> np.random.Generator:
        return numpy_generator(9, "other" if other and part in ("folds", "thickness") else "one", part)

    warp = TemplateWarp(draw, head_size=1.0, template_ml=anatomy.volumes_ml["intracranial"])
    points, knobs = warp.points_mm(grid), Knobs(1.0, 1.0, 1.0, 1.0, 1.0)
    one = label_brain(draw, grid, points, knobs=knobs, anatomy=anatomy)
    two = label_brain(lambda part: draw(part, other=True), grid, points, knobs=knobs, anatomy=anatomy)
    assert dice(one == LABELS["grey_matter"], two == LABELS["grey_matter"]) < 0.93
    assert np.array_equal(one > 0, two > 0)


def test_two_people_with_equal_knobs_differ() -> None:
    one, two = labels_of(head_with()), labels_of(head_with(scan="sub-0002"))
    assert dice(one == LABELS["grey_matter"], two == LABELS["grey_matter"]) < 0.8


def test_warp_is_one_to_one() -> None:
    grid = head_grid(4.0)
    for number in range(4):
        warp = TemplateWarp(lambda part, n=number: numpy_generator(n, part), head_size=1.0, template_ml=1880.0)
        gradients = np.array([np.gradient(part.astype(float), grid.voxel_mm) for part in warp.points_mm(grid)])
        assert np.linalg.det(np.moveaxis(gradients, (0, 1), (-2, -1))).min() > 0.1


def test_smooth_field_is_a_function_of_place() -> None:
    fine, coarse = head_grid(2.0), head_grid(4.0)
    one = smooth_field(np.random.default_rng(0), fine, spacing_mm=20.0)
    two = smooth_field(np.random.default_rng(0), coarse, spacing_mm=20.0)
    averaged = one.reshape(coarse.shape[0], 2, coarse.shape[1], 2, coarse.shape[2], 2).mean(axis=(1, 3, 5))
    assert np.abs(averaged - two).max() < 0.1
    assert one.std() == pytest.approx(1.0, abs=0.15)


def test_written_files_repeat_and_hold_the_truth(tmp_path: Path) -> None:
    people = simulate_participants(2, seed=6)
    for folder in ("one", "two"):
        write_heads(people, tmp_path / folder, seed=6, voxel_mm=4.0)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    expected = [f"{scan}_{kind}.nii.gz" for scan in people["scan"] for kind in ("T1w", "labels", "mask")]
    assert names == sorted([*expected, "truth.tsv"])
    assert all(sha256_of(tmp_path / "one" / name) == sha256_of(tmp_path / "two" / name) for name in names)
    truth = read_table(tmp_path / "one" / "truth.tsv")
    assert truth["ventricles"].tolist() == people["ventricles"].tolist()
    labels = np.asarray(nib.load(tmp_path / "one" / "sub-0002_labels.nii.gz").dataobj)
    assert truth["ventricles_ml"][1] == pytest.approx((labels == LABELS["ventricles"]).sum() * 0.064, abs=0.01)
    assert truth["intracranial_ml"][1] == pytest.approx(people["head_size"][1] * REFERENCE_INTRACRANIAL_ML, rel=0.001)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"ventricles": 9.0}, "ventricles of sub-0001"), ({"site": "moon"}, "moon"), ({"head_size": np.nan}, "head_size")],
)
def test_a_wrong_knob_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(MrisynthError, match=words):
        simulate_head(REFERENCE | change, seed=1, voxel_mm=VOXEL_MM)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"cohort\.simulated_voxel_mm"):
        simulate_head(REFERENCE, seed=1, voxel_mm=0.1)
    with pytest.raises(ConfigError, match=r"cohort\.participants"):
        simulate_participants(0, seed=1)
    with pytest.raises(MrisynthError, match="grey_matter"):
        simulate_head({k: v for k, v in REFERENCE.items() if k != "grey_matter"}, seed=1, voxel_mm=VOXEL_MM)


def test_deepbet_finds_the_brain_of_an_extreme_head() -> None:
    extraction = pytest.importorskip("deepbet.bet")
    head = head_with(voxel_mm=2.0, ventricles=2.5, grey_matter=0.85, hippocampus_left=0.6, head_size=0.88, site="south")
    _, mask, _ = extraction.BrainExtraction(no_gpu=True).run(head.image)
    assert dice(np.asarray(mask.dataobj) > 0, np.asarray(head.brain_mask.dataobj) > 0) >= 0.9


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_contrasts_of_sites_can_be_set_and_change_nothing_else() -> None:
    usual = simulate_participants(240, seed=3)
    other = simulate_participants(240, seed=3, contrasts={"south": 0.5})
    means = other.groupby("site")["site_contrast"].mean()
    assert means["south"] == pytest.approx(0.5, abs=0.02) and means["north"] == pytest.approx(1.08, abs=0.02)
    pd.testing.assert_frame_equal(usual.drop(columns="site_contrast"), other.drop(columns="site_contrast"))
