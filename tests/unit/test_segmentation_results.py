"""Predicted label maps of arms, scored by volume: put together from slices, held against true ones of the same grid."""

from __future__ import annotations

import shutil

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.segmentation.cases import Case, slice_affine
from mrisynth.segmentation.layout import Layout
from mrisynth.segmentation.nnunet_dataset import write_dataset
from mrisynth.segmentation.results import score_arms, score_predictions
from mrisynth.segmentation.structures import Structures

BALL = Structures({"ball": [7]})


def ball(centre: float) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[np.arange(12.0)] * 3, indexing="ij"))
    return np.where(((grid - centre) ** 2).sum(axis=0) < 9, 7, 0)


def volume(person: int, **changes) -> Case:
    labels = ball(5.0 + 0.2 * person)
    return Case(
        name=f"v{person}", participant_id=f"p{person}", image=labels * 1.0, labels=labels,
        affine=np.diag([1.0, 1.0, 2.0, 1.0]), **changes,
    )  # fmt: skip


def slices(person: int, *, step: int = 1) -> list[Case]:
    whole = volume(person)
    return [
        Case(
            name=f"v{person}-{at}", participant_id=f"p{person}", image=whole.image[..., at], labels=whole.labels[..., at],
            affine=slice_affine(pixel_mm=1.0, thickness_mm=2.0), volume=f"v{person}", position=at,
        )
        for at in range(0, 12, step)
    ]  # fmt: skip


def predicted(folder, dataset, *, shift: int):
    """As predicted: the true label maps, pushed along an axis."""
    folder.mkdir()
    for path in (dataset.folder / "labelsTs").iterdir():
        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.roll(np.asarray(image.dataobj), shift, axis=0), image.affine), folder / path.name)
    return folder


@pytest.fixture
def dataset(tmp_path):
    found = Layout(tmp_path).dataset("real", 501)
    write_dataset(found, [volume(9)], test=[volume(person) for person in range(5)], structures=BALL, seed=1)
    return found


def test_arms_are_scored_by_volume_and_against_one_another(dataset, tmp_path):
    arms = {"good": predicted(tmp_path / "a", dataset, shift=0), "off": predicted(tmp_path / "b", dataset, shift=2)}
    tables = score_arms(arms, dataset.folder, tolerance_mm=1.0, seed=1, replicates=100)
    assert len(tables.volumes) == 10 and set(tables.volumes["participant_id"]) == {f"p{one}" for one in range(5)}
    good = tables.volumes[tables.volumes["arm"] == "good"]
    assert good["dice"].tolist() == [1.0] * 5 and good["hausdorff_95_mm"].tolist() == [0.0] * 5
    off = tables.volumes[tables.volumes["arm"] == "off"]
    assert (off["hausdorff_95_mm"] <= 2.0).all() and (off["dice"] < 0.8).all()
    assert set(tables.differences["ahead"]) == {"good"} and (tables.volumes["true_voxels"] > 50).all()


def test_slices_are_put_together_with_the_way_between_them(tmp_path):
    whole, flat = (Layout(tmp_path / name).dataset("real", 501) for name in ("whole", "flat"))
    write_dataset(whole, [volume(9)], test=[volume(1)], structures=BALL, seed=1)
    write_dataset(flat, slices(9), test=slices(1), structures=BALL, seed=1)
    scores = [
        score_predictions(predicted(tmp_path / name, dataset, shift=1), dataset.folder, tolerance_mm=1.0)
        for name, dataset in (("a", whole), ("b", flat))
    ]
    columns = ["dice", "surface_dice", "hausdorff_95_mm", "true_voxels"]
    np.testing.assert_allclose(scores[0][columns], scores[1][columns])
    assert scores[1]["volume"].tolist() == ["v1"]


def test_uneven_slices_are_refused_and_one_slice_is_scored_in_its_plane(tmp_path):
    layout = Layout(tmp_path)
    uneven, single = layout.dataset("uneven", 501), layout.dataset("single", 502)
    write_dataset(uneven, slices(9), test=[slices(1)[at] for at in (3, 4, 6)], structures=BALL, seed=1)
    with pytest.raises(MrisynthError, match=r"positions \[3, 4, 6\]"):
        score_predictions(predicted(tmp_path / "a", uneven, shift=0), uneven.folder, tolerance_mm=1.0)
    write_dataset(single, slices(9), test=[slices(1)[5]], structures=BALL, seed=1)
    scores = score_predictions(predicted(tmp_path / "b", single, shift=1), single.folder, tolerance_mm=0.0)
    assert scores["hausdorff_95_mm"].tolist() == [1.0] and 0 < scores["surface_dice"][0] < 1


def test_maps_that_are_missing_or_of_another_grid_or_arm_are_refused(dataset, tmp_path):
    folder = predicted(tmp_path / "a", dataset, shift=0)
    path = folder / "real_v3.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((12, 12, 12), np.uint8), np.eye(4)), path)
    with pytest.raises(MrisynthError, match="their affines differ"):
        score_predictions(folder, dataset.folder, tolerance_mm=1.0)
    nib.save(nib.Nifti1Image(np.full((12, 12, 12), 4, np.uint8), np.diag([1.0, 1, 2, 1])), path)
    with pytest.raises(MrisynthError, match="holds the number 4"):
        score_predictions(folder, dataset.folder, tolerance_mm=1.0)
    path.unlink()
    with pytest.raises(MrisynthError, match=r"real_v3\.nii\.gz is not there"):
        score_predictions(folder, dataset.folder, tolerance_mm=1.0)
    shutil.rmtree(folder)
    with pytest.raises(MrisynthError, match="No arm"):
        score_arms({}, dataset.folder, tolerance_mm=1.0, seed=1)
