"""Registration with ANTs: finds a known transform, repeats bit for bit, and keeps world coordinates."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.imaging.ants_bridge import from_ants, to_ants
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.registration import Registration, read_matrix, register_to_template
from mrisynth.imaging.template import Template, load_template

TURN = np.deg2rad(8.0)
KNOWN = nib.affines.from_matvec(
    np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]]) * 0.93, [6.0, -9.0, 12.0]
)

REPEAT = """
import sys
from pathlib import Path
from mrisynth.imaging.registration import register_to_template
from mrisynth.imaging.template import load_template
import nibabel as nib
template = load_template("icbm152_2009a", voxel_mm=5.0).image
brain = nib.load(sys.argv[1])
register_to_template(brain, template, transform=sys.argv[3], seed=int(sys.argv[4]), folder=Path(sys.argv[2]))
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


def test_conversion_to_ants_and_back_is_exact(moved: nib.Nifti1Image):
    there = to_ants(moved)
    back = from_ants(there)
    np.testing.assert_allclose(back.affine, moved.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(back.dataobj), np.asarray(moved.dataobj))


def test_affine_finds_the_known_transform(template: Template, moved: nib.Nifti1Image, tmp_path: Path):
    found = register_to_template(moved, template.image, transform="affine", seed=5, folder=tmp_path)
    corners = np.array([[-60.0, -90, -50], [60, 60, 70], [0, -17, 5], [50, -80, 60]])
    error_mm = np.linalg.norm(
        nib.affines.apply_affine(found.matrix, corners) - nib.affines.apply_affine(KNOWN, corners), axis=1
    )
    assert error_mm.max() < 2.0, error_mm
    assert found.volume_ratio == pytest.approx(0.93**3, rel=0.03)
    assert found.files == (tmp_path / "template_to_scan.mat",)
    np.testing.assert_array_equal(read_matrix(found.files[0]), found.matrix)


def test_affine_repeats_bit_for_bit_in_this_and_in_another_process(
    template: Template, moved: nib.Nifti1Image, tmp_path: Path, repository: Path
):
    one = register_to_template(moved, template.image, transform="affine", seed=5, folder=tmp_path / "1")
    two = register_to_template(moved, template.image, transform="affine", seed=5, folder=tmp_path / "2")
    other_seed = register_to_template(moved, template.image, transform="affine", seed=6, folder=tmp_path / "3")
    assert digests(one) == digests(two) != digests(other_seed)
    subprocess.run(
        [sys.executable, "-c", REPEAT, moved.get_filename(), tmp_path / "4", "affine", "5"],
        check=True,
        cwd=repository / "workflow",
    )
    assert (tmp_path / "4" / "template_to_scan.mat").read_bytes() == one.files[0].read_bytes()


def test_syn_repeats_bit_for_bit(template: Template, moved: nib.Nifti1Image, tmp_path: Path):
    one = register_to_template(moved, template.image, transform="syn", seed=5, folder=tmp_path / "1")
    two = register_to_template(moved, template.image, transform="syn", seed=5, folder=tmp_path / "2")
    assert [path.name for path in one.files] == ["template_to_scan_warp.nii.gz", "template_to_scan.mat"]
    assert digests(one) == digests(two)
    cubes = [np.asarray(each.apply(moved, size=32).dataobj) for each in (one, two)]
    np.testing.assert_array_equal(*cubes)


def test_applied_volume_lies_on_the_template(template: Template, moved: nib.Nifti1Image, tmp_path: Path):
    found = register_to_template(moved, template.image, transform="rigid", seed=5, folder=tmp_path)
    assert found.volume_ratio == pytest.approx(1.0, abs=1e-3)
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
    with pytest.raises(MrisynthError, match="'elastic' is not known; expected one of rigid, affine, syn"):
        register_to_template(moved, template.image, transform="elastic", seed=0, folder=tmp_path)
