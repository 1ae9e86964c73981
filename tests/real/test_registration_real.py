"""Registration presets on real brains: regions come together, nothing folds, other scanners work too."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.intensity import scale_inside
from mrisynth.imaging.quality import dice
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.regions import mean_region_dice, region_volumes
from mrisynth.imaging.registration import register_to_template
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.resampling import resample_brain
from mrisynth.imaging.template import Template, load_template
from mrisynth.imaging.volume import read_volume

pytestmark = pytest.mark.real

SCANS = ("IXI012-HH-1211", "IXI049-HH-1358")


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template("icbm152_2009a", voxel_mm=2.0)


@pytest.fixture(scope="module")
def brains(shared_data: Path) -> dict[str, tuple[nib.Nifti1Image, nib.Nifti1Image]]:
    found = {}
    for scan in SCANS:
        head = read_volume(shared_data / "heads_ixi_2mm" / f"{scan}-T1.nii.gz")
        path = shared_data / "labels" / "ixi_2mm_dlmuse" / f"{scan}-T1_DLMUSE.nii.gz"
        labels = nib.as_closest_canonical(nib.load(path))
        inside = ndimage.binary_fill_holes(np.asarray(labels.dataobj) > 0)
        brain = nib.Nifti1Image(scale_inside(np.asarray(head.dataobj), inside), head.affine)
        found[scan] = brain, labels
    return found


@pytest.mark.long
def test_regions_of_two_brains_come_together(brains, template: Template, tmp_path: Path):
    overlaps = {}
    for transform in ("affine_9dof", "greedy"):
        maps = []
        for scan, (brain, labels) in brains.items():
            found = register_to_template(
                brain, template.image, transform=transform, seed=3, folder=tmp_path / transform / scan
            )
            assert found.folds(template.image) == 0.0
            assert 0.5 < np.linalg.det(found.matrix[:3, :3]) < 1.2
            maps.append(np.asarray(found.onto(template.image, labels, interpolation="nearest").dataobj).astype(int))
        overlaps[transform] = mean_region_dice(*maps)
    assert overlaps["affine_9dof"] > 0.45
    assert overlaps["greedy"] > overlaps["affine_9dof"] + 0.08


def test_volumes_of_the_hippocampi_are_those_of_adults(brains):
    """DLMUSE 47 and 48 (right and left), about 2.5 to 5 mL each in a healthy adult."""
    for _, labels in brains.values():
        volumes = region_volumes(np.asarray(labels.dataobj), 2.0)
        assert 2.0 < volumes[47] < 6.0 and 2.0 < volumes[48] < 6.0
        assert 900 < sum(volumes.values()) < 1800


@pytest.mark.long
def test_the_published_registration_takes_the_template_with_its_skull(shared_data: Path, tmp_path: Path):
    """On voxels of 5 mm, since at 2 mm it takes minutes."""
    scans = {"brain-04": shared_data / "brains" / "brain-04_T1w_brain.nii.gz"}
    folder = shared_data / "templates"
    template = load_template(
        folder / "MNI152_T1_2mm.nii.gz", mask_path=folder / "MNI152_T1_2mm_brain_mask.nii.gz", voxel_mm=5.0
    )
    assert template.head is not None
    common = {"already_extracted": True, "voxel_mm": 5.0}
    extract_bundle(scans, tmp_path / "ex", recipe=ExtractionRecipe(**common))
    recipe = RegistrationRecipe(**common, transform="as_published", size=32)
    row = register_bundle(scans, tmp_path / "ex", tmp_path / "pp", template=template, recipe=recipe).iloc[0]
    assert row["status"] == "measured", row["message"]
    assert row["overlap"] > 0.92 and row["folds"] < 0.001


@pytest.mark.long
@pytest.mark.parametrize("transform", ["affine_9dof", "greedy"])
def test_a_brain_of_another_scanner(transform: str, shared_data: Path, template: Template, tmp_path: Path):
    scan = read_volume(shared_data / "brains" / "brain-04_T1w_brain.nii.gz")
    inside = np.asarray(scan.dataobj) > 0
    scaled = nib.Nifti1Image(scale_inside(np.asarray(scan.dataobj), inside), scan.affine)
    brain, mask = resample_brain(scaled, inside, voxel_mm=2.0)
    found = register_to_template(brain, template.image, transform=transform, seed=3, folder=tmp_path)
    moved = np.asarray(found.onto(template.image, mask, interpolation="nearest").dataobj) > 0.5
    assert dice(moved, np.asarray(template.mask.dataobj) > 0) > 0.92
    assert found.folds(template.image) == 0.0
