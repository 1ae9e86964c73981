from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.cohorts.simulated import SimulatedHead, simulate_head, simulate_participants
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.imaging.atlas import Atlas
from mrisynth.imaging.head_fit import HeadTemplate
from mrisynth.imaging.volume import write_volume

VOXEL_MM = 3.0


@pytest.fixture(scope="module")
def heads() -> list[SimulatedHead]:
    people = simulate_participants(2, seed=3)
    return [simulate_head(people.iloc[k].to_dict(), seed=3, voxel_mm=VOXEL_MM) for k in range(2)]


@pytest.fixture(scope="module")
def template(heads: list[SimulatedHead], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "mni_icbm152_t1_tal_nlin_sym_09c.nii"
    write_volume(heads[0].image, path)
    write_volume(heads[0].brain_mask, path.with_name("mni_icbm152_t1_tal_nlin_sym_09c_mask.nii"), dtype="uint8")
    return path


def inside(volume: nib.Nifti1Image) -> np.ndarray:
    return np.asarray(volume.dataobj) > 0


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_another_head_and_the_same_mask_twice(heads: list[SimulatedHead], template: Path):
    atlas = Atlas(template.parent, None, seed=5)
    first, second = (atlas.mask(heads[1].image, Path("head.nii")) for _ in range(2))
    assert first.shape == heads[1].image.shape
    assert dice(first, inside(heads[1].brain_mask)) > 0.94
    np.testing.assert_array_equal(first, second)


def test_head_that_lies_far_off_is_found_from_another_start(
    heads: list[SimulatedHead], caplog: pytest.LogCaptureFixture
):
    turn = np.deg2rad(62)
    tilted = np.eye(4)
    tilted[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    tilted[:3, 3] = 60, -90, 70
    head = nib.Nifti1Image(heads[1].image.dataobj, tilted @ heads[1].image.affine)
    with caplog.at_level("INFO", logger="mrisynth.imaging.head_fit"):
        found = HeadTemplate(heads[0].image, inside(heads[0].brain_mask)).fit(head, seed=0)
    assert "fits with" in caplog.text, "the first start was good enough: this head tests nothing"
    assert found.similarity > 0.65
    angle = np.rad2deg(np.arctan2(found.matrix[2, 1], found.matrix[1, 1]))
    assert angle == pytest.approx(62, abs=6)


@pytest.mark.parametrize("content", ["upside_down", "empty"])
def test_what_is_no_upright_head_is_refused_in_one_sentence(content: str, heads: list[SimulatedHead], template: Path):
    values = np.asarray(heads[1].image.dataobj)
    volume = np.zeros_like(values) if content == "empty" else np.ascontiguousarray(values[:, :, ::-1])
    atlas = Atlas(template, None, seed=0)
    with pytest.raises(ScanError, match=r"head\.nii: ") as refused:
        atlas.mask(nib.Nifti1Image(volume, heads[1].image.affine), Path("head.nii"))
    assert refused.value.reason == "no_brain"


def test_mask_on_another_grid_or_missing(heads: list[SimulatedHead], template: Path, tmp_path: Path):
    small = tmp_path / "small.nii"
    write_volume(nib.Nifti1Image(inside(heads[0].brain_mask)[:-2].astype(np.uint8), np.eye(4)), small, dtype="uint8")
    with pytest.raises(MrisynthError, match="another grid"):
        Atlas(template, small, seed=0)
    alone = tmp_path / "alone.nii"
    alone.write_bytes(template.read_bytes())
    with pytest.raises(MrisynthError, match="key `head_mask`"):
        Atlas(alone, None, seed=0)


def test_identity_names_what_the_mask_depends_on(template: Path):
    one, other = (Atlas(template, None, seed=seed).identity for seed in (1, 2))
    assert set(one) == {"algorithm", "head_template", "head_mask", "seed"}
    assert {key for key in one if one[key] != other[key]} == {"seed"}
