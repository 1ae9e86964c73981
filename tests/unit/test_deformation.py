"""Where a deformation folds: determinants of fields that are known in closed form."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.imaging.ants_bridge import ants, to_ants
from mrisynth.imaging.deformation import folded_share, jacobian_determinant

OBLIQUE = nib.affines.from_matvec(
    np.array([[0.0, -2.0, 0.0], [1.8, 0.0, -0.6], [0.9, 0.0, 1.2]]), [10.0, -20.0, 5.0]
)  # three voxel sizes, axes turned and exchanged


def field_of(linear: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """The displacements x -> linear x - x in LPS mm on a grid."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    points = nib.affines.apply_affine(affine, index) * [-1, -1, 1]
    return points @ (linear - np.eye(3)).T


def stored(field: np.ndarray, affine: np.ndarray, path: Path) -> Path:
    image = nib.Nifti1Image(field[..., None, :].astype(np.float32), affine)
    image.header.set_intent("vector")
    nib.save(image, path)
    return path


@pytest.mark.parametrize("affine", [np.diag([2.0, 2.0, 2.0, 1.0]), OBLIQUE])
def test_determinant_of_a_linear_map(affine: np.ndarray):
    linear = np.array([[1.2, 0.3, 0.0], [-0.1, 0.8, 0.2], [0.0, 0.1, 1.1]])
    found = jacobian_determinant(field_of(linear, (6, 7, 8), affine), affine)
    np.testing.assert_allclose(found, np.linalg.det(linear), rtol=1e-4)


def test_determinant_agrees_with_ants(tmp_path: Path):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    index = np.moveaxis(np.indices((30, 32, 34)), 0, -1).astype(float)
    field = 3.0 * np.sin(index / 6.0 + index[..., [1, 2, 0]] / 9.0)
    path = stored(field, affine, tmp_path / "warp.nii.gz")
    domain = to_ants(nib.Nifti1Image(np.zeros(field.shape[:3]), affine))
    expected = ants.create_jacobian_determinant_image(domain, str(path)).numpy()
    found = jacobian_determinant(field, affine)
    inner = (slice(3, -3),) * 3
    assert found[inner].std() > 0.02
    np.testing.assert_allclose(found[inner], expected[inner], atol=5e-3)


def test_folds_are_counted_inside_the_mask_only(tmp_path: Path):
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    field = np.zeros((20, 12, 12, 3))
    field[8:12, ..., 0] = 1.5 * np.arange(4)[:, None, None]  # LPS: x runs the other way, so this turns space over
    field[12:, ..., 0] = 4.5
    path = stored(field, affine, tmp_path / "warp.nii.gz")
    mask = np.zeros((20, 12, 12))
    mask[1:-1, 1:-1, 1:-1] = 1
    found = folded_share(path, nib.Nifti1Image(mask, affine))
    determinant = jacobian_determinant(field, affine)
    assert 0 < found == pytest.approx((determinant[mask > 0] <= 0).mean())
    mask[6:15] = 0
    assert folded_share(path, nib.Nifti1Image(mask, affine)) == 0.0


def test_another_grid_or_an_empty_mask_is_refused(tmp_path: Path):
    path = stored(np.zeros((8, 8, 8, 3)), np.eye(4), tmp_path / "warp.nii.gz")
    with pytest.raises(MrisynthError, match="give the template that the scan was registered to"):
        folded_share(path, nib.Nifti1Image(np.ones((8, 8, 9)), np.eye(4)))
    with pytest.raises(MrisynthError, match="mask is empty"):
        folded_share(path, nib.Nifti1Image(np.zeros((8, 8, 8)), np.eye(4)))
