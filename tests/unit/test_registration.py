"""Registration by each preset: finds a known transform, repeats bit for bit, and keeps world coordinates."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from mrisynth.errors import MrisynthError
from mrisynth.imaging.ants_bridge import from_ants, read_linear, to_ants, write_linear
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.registration import DEFORMABLE, TRANSFORMS, Registration, register_to_template
from mrisynth.imaging.template import Template, load_template

TURN = np.deg2rad(8.0)
KNOWN = nib.affines.from_matvec(
    np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]]) * 0.93, [6.0, -9.0, 12.0]
)

CORNERS = np.array([[-60.0, -90, -50], [60, 60, 70], [0, -17, 5], [50, -80, 60]])

REPEAT = """
import sys
from pathlib import Path
import nibabel as nib
from mrisynth.imaging.registration import register_to_template
template, brain = (nib.load(path) for path in sys.argv[1:3])
for transform in sys.argv[4:]:
    folder = Path(sys.argv[3]) / transform
    register_to_template(brain, template, transform=transform, seed=5, folder=folder)
"""


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template("icbm152_2009a", voxel_mm=5.0)


@pytest.fixture(scope="module")
def moved(template: Template, tmp_path_factory: pytest.TempPathFactory) -> nib.Nifti1Image:
    """The template, put elsewhere in the world by KNOWN (template mm to scan mm), as read from a file."""
    path = tmp_path_factory.mktemp("moved") / "moved.nii"
    nib.save(nib.Nifti1Image(np.asarray(template.image.dataobj), KNOWN @ template.image.affine), path)
    return nib.load(path)


def digests(registration: Registration) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in registration.files]


def upright(scan: nib.Nifti1Image) -> nib.Nifti1Image:
    """The same brain on a grid along the axes of the world, as scanners give it, when its own axes are oblique."""
    still = Registration(files=(), matrix=np.eye(4))
    grid = nib.Nifti1Image(np.zeros((48, 56, 48), dtype=np.float32), grid_affine(48, field_mm=240.0))
    return still.onto(grid, scan)


def bend(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """The template bent by up to 8 mm, left and right to opposite sides along the anterior axis."""
    volume = np.asarray(image.dataobj)
    index = np.indices(volume.shape).astype(float)
    middle = (np.asarray(volume.shape) - 1) / 2
    index[1] += 8.0 / 5.0 * np.sin((index[0] - middle[0]) / 5.0) * np.cos((index[2] - middle[2]) / 8.0)
    return nib.Nifti1Image(ndimage.map_coordinates(volume, index, order=1), image.affine)


def test_conversion_to_ants_and_back_is_exact(moved: nib.Nifti1Image):
    there = to_ants(moved)
    back = from_ants(there)
    np.testing.assert_allclose(back.affine, moved.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(back.dataobj), np.asarray(moved.dataobj))


def same(one: Path, two: Path) -> bool:
    return one.read_bytes() == two.read_bytes()


def corner_errors_mm(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.linalg.norm(nib.affines.apply_affine(found, CORNERS) - nib.affines.apply_affine(truth, CORNERS), axis=1)


def test_a_linear_map_is_read_as_it_was_written(tmp_path: Path):
    write_linear(KNOWN, tmp_path / "known.mat")
    np.testing.assert_allclose(read_linear(tmp_path / "known.mat"), KNOWN, atol=1e-12)


@pytest.mark.parametrize("transform", ["affine", "affine_9dof"])
def test_linear_presets_find_the_known_transform(
    transform: str, template: Template, moved: nib.Nifti1Image, tmp_path: Path
):
    found = register_to_template(moved, template.image, transform=transform, seed=5, folder=tmp_path)
    assert corner_errors_mm(found.matrix, KNOWN).max() < 2.0
    assert np.linalg.det(found.matrix[:3, :3]) == pytest.approx(0.93**3, rel=0.03)
    assert found.files == (tmp_path / "template_to_scan.mat",)
    assert found.folds(template.image) == 0.0
    np.testing.assert_array_equal(read_linear(found.files[0]), found.matrix)


def test_nine_degrees_of_freedom_find_three_scales_and_no_shear(template: Template, tmp_path: Path):
    turn = KNOWN[:3, :3] / 0.93
    truth = nib.affines.from_matvec(turn @ np.diag([0.9, 1.08, 1.0]), KNOWN[:3, 3])
    scan = nib.Nifti1Image(np.asarray(template.image.dataobj), truth @ template.image.affine)
    found = register_to_template(upright(scan), template.image, transform="affine_9dof", seed=5, folder=tmp_path)
    assert corner_errors_mm(found.matrix, truth).max() < 2.5
    squares = found.matrix[:3, :3].T @ found.matrix[:3, :3]
    np.testing.assert_allclose(np.sqrt(np.diag(squares)), [0.9, 1.08, 1.0], atol=0.02)
    np.testing.assert_allclose(squares - np.diag(np.diag(squares)), 0, atol=1e-6)


def test_every_preset_repeats_bit_for_bit_in_another_process(tmp_path: Path, repository: Path):
    """On voxels of 8 mm: what repeats does not depend on their number, and the published preset is slow."""
    template = load_template("icbm152_2009a", voxel_mm=8.0).image
    paths = [tmp_path / "template.nii", tmp_path / "scan.nii"]
    for path, affine in zip(paths, (template.affine, KNOWN @ template.affine), strict=True):
        nib.save(nib.Nifti1Image(np.asarray(template.dataobj), affine), path)
    template, scan = (nib.load(path) for path in paths)
    for transform in TRANSFORMS:
        here = register_to_template(scan, template, transform=transform, seed=5, folder=tmp_path / "1" / transform)
        names = ["template_to_scan_warp.nii.gz", "template_to_scan.mat"][-2 if transform in DEFORMABLE else -1 :]
        assert [path.name for path in here.files] == names
    subprocess.run(
        [sys.executable, "-c", REPEAT, *paths, tmp_path / "2", *TRANSFORMS],
        check=True,
        cwd=repository / "workflow",
        env={name: value for name, value in os.environ.items() if not name.startswith(("ITK_", "ANTS_"))},
    )
    found = {path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.*") if path.is_file()}
    assert len(found) == len(TRANSFORMS) + len(DEFORMABLE)
    different = [str(path) for path in found if not same(tmp_path / "1" / path, tmp_path / "2" / path)]
    assert different == []


def test_affine_repeats_in_this_process_and_follows_its_seed(
    template: Template, moved: nib.Nifti1Image, tmp_path: Path
):
    one, two, other = (
        register_to_template(moved, template.image, transform="affine", seed=seed, folder=tmp_path / str(index))
        for index, seed in enumerate((5, 5, 6))
    )
    assert digests(one) == digests(two) != digests(other)


@pytest.mark.parametrize("transform", ["syn", "greedy"])
def test_deformations_undo_a_bend_that_no_linear_map_can(transform: str, template: Template, tmp_path: Path):
    bent = bend(template.image)
    still = np.asarray(template.image.dataobj)
    fits = {}
    for each in ("affine", transform):
        found = register_to_template(bent, template.image, transform=each, seed=5, folder=tmp_path / each)
        fits[each] = np.corrcoef(np.asarray(found.onto(template.image, bent).dataobj).ravel(), still.ravel())[0, 1]
        assert found.folds(template.image) == 0.0
    assert fits[transform] > 0.5 + 0.5 * fits["affine"], fits  # at least half of what is missing to 1
    assert np.linalg.det(found.matrix[:3, :3]) == pytest.approx(1.0, abs=0.1)


def test_a_preset_leaves_no_warp_of_another(template: Template, moved: nib.Nifti1Image, tmp_path: Path):
    register_to_template(moved, template.image, transform="greedy", seed=5, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["template_to_scan.mat", "template_to_scan_warp.nii.gz"]
    register_to_template(moved, template.image, transform="affine_9dof", seed=5, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["template_to_scan.mat"]


def test_greedy_prints_nothing(template: Template, moved: nib.Nifti1Image, tmp_path: Path, capfd):
    register_to_template(moved, template.image, transform="greedy", seed=5, folder=tmp_path)
    assert capfd.readouterr().out == ""


def test_applied_volume_lies_on_the_template(template: Template, moved: nib.Nifti1Image, tmp_path: Path):
    found = register_to_template(moved, template.image, transform="rigid", seed=5, folder=tmp_path)
    assert np.linalg.det(found.matrix[:3, :3]) == pytest.approx(1.0, abs=1e-3)
    found = register_to_template(moved, template.image, transform="affine", seed=5, folder=tmp_path)
    cube = found.apply(moved, size=40)
    still = Registration(files=(), matrix=np.eye(4)).apply(template.image, size=40)
    np.testing.assert_allclose(cube.affine, grid_affine(40))
    inside = np.asarray(still.dataobj) > 0
    assert np.corrcoef(np.asarray(cube.dataobj)[inside], np.asarray(still.dataobj)[inside])[0, 1] > 0.97


def test_coarse_cube_does_not_alias():
    checkers = (np.indices((64, 64, 64)).sum(axis=0) % 2).astype(np.float32)
    image = nib.Nifti1Image(checkers, grid_affine(64, field_mm=128.0))
    still = Registration(files=(), matrix=np.eye(4))
    coarse = np.asarray(still.apply(image, size=16, field_mm=128.0).dataobj)[1:-1, 1:-1, 1:-1]
    np.testing.assert_allclose(coarse, 0.5, atol=0.02)


def test_unknown_transform_is_refused(template: Template, moved: nib.Nifti1Image, tmp_path: Path):
    with pytest.raises(
        MrisynthError, match="'elastic' is not known; expected one of rigid, affine_9dof, affine, syn, syn_quick, "
    ):
        register_to_template(moved, template.image, transform="elastic", seed=0, folder=tmp_path)
