from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from mrisynth.imaging.brain_edge import refine_edge

SHAPE, VOXEL_MM = (80, 90, 85), 2.0
AFFINE = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
RADIUS_MM = np.linalg.norm((np.indices(SHAPE).T - np.asarray(SHAPE) / 2) * VOXEL_MM, axis=-1).T


def phantom() -> np.ndarray:
    """A brain of 50 mm in fluid, bone and scalp, brighter towards the front as under a coil."""
    head = np.zeros(SHAPE, dtype=np.float32)
    head[RADIUS_MM < 70] = 0.9
    head[RADIUS_MM < 64] = 0.05
    head[RADIUS_MM < 58] = 0.2
    head[RADIUS_MM < 50] = 0.7
    return head * np.linspace(0.6, 1.4, SHAPE[1], dtype=np.float32)[None, :, None]


def refined(head: np.ndarray, rough: np.ndarray) -> np.ndarray:
    return refine_edge(rough, nib.Nifti1Image(head, AFFINE))


@pytest.mark.parametrize("rough_mm", [48.5, 54.0, 57.0])
def test_edge_moves_to_where_the_tissue_ends(rough_mm: float):
    found = refined(phantom(), rough_mm > RADIUS_MM)
    assert found[RADIUS_MM < 50].mean() > 0.995
    assert found[RADIUS_MM > 52].sum() == 0


def test_what_hangs_on_by_a_thin_bridge_is_cut_off():
    head = phantom()
    x, y, z = (axis * VOXEL_MM - length for axis, length in zip(np.indices(SHAPE), SHAPE, strict=True))
    bridge = (abs(x) < 2) & (abs(y) < 2) & (z > 0) & (RADIUS_MM < 60)
    head[bridge | ((RADIUS_MM > 54) & (RADIUS_MM < 60) & (z > 50))] = 0.7
    found = refined(head, RADIUS_MM < 60)
    assert found[RADIUS_MM > 54].sum() == 0
    assert found[RADIUS_MM < 50].mean() > 0.995


def test_sulci_and_ventricles_belong_to_the_brain():
    head = phantom()
    x, _, z = (axis * VOXEL_MM - length for axis, length in zip(np.indices(SHAPE), SHAPE, strict=True))
    head[(abs(x) < 4) & (z > 20) & (RADIUS_MM < 50)] = 0.1  # a fissure open to the outside, 8 mm wide
    head[RADIUS_MM < 12] = 0.1
    found = refined(head, RADIUS_MM < 54)
    assert found[RADIUS_MM < 48].mean() > 0.995


def test_mask_at_the_border_of_the_field_and_empty_mask():
    head = np.full((30, 30, 30), 0.7, dtype=np.float32)
    rough = np.ones(head.shape, dtype=bool)
    assert refined(head, rough).mean() > 0.9
    assert not refined(head, ~rough).any()
