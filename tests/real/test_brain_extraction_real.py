"""Masks of real heads by the atlas method: against DLMUSE label maps, and on heads on which plain registrations fail."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from mrisynth.imaging.brain_extraction import BundleExtractor, make_extractor
from mrisynth.imaging.quality import dice
from mrisynth.imaging.resampling import resample_to_voxel
from mrisynth.imaging.volume import read_volume, write_volume

pytestmark = pytest.mark.real

# Two heads that a start at the centre of mass loses (IXI012, IXI338), two small brains (IXI328, IXI526).
IXI = ("IXI012-HH-1211", "IXI338-HH-1971", "IXI328-HH-2295", "IXI526-HH-2392")


@pytest.fixture(scope="module")
def atlas(shared_data: Path) -> BundleExtractor:
    templates = shared_data / "templates"
    return make_extractor(
        "atlas",
        head_template=templates / "MNI152_T1_2mm.nii.gz",
        head_mask=templates / "MNI152_T1_2mm_brain_mask.nii.gz",
    )


def test_ixi_heads_against_their_label_maps(atlas: BundleExtractor, shared_data: Path, tmp_path: Path):
    heads = {scan: shared_data / "heads_ixi_2mm" / f"{scan}-T1.nii.gz" for scan in IXI}
    for scan, mask in atlas.extract(heads, tmp_path).items():
        labels = nib.as_closest_canonical(
            nib.load(shared_data / "labels" / "ixi_2mm_dlmuse" / f"{scan}-T1_DLMUSE.nii.gz")
        )
        truth = ndimage.binary_fill_holes(np.asarray(labels.dataobj) > 0)
        assert dice(np.asarray(nib.load(mask).dataobj) > 0, truth) > 0.94, scan


def test_the_same_mask_in_another_call(atlas: BundleExtractor, shared_data: Path, tmp_path: Path):
    head = {"one": shared_data / "heads_ixi_2mm" / f"{IXI[0]}-T1.nii.gz"}
    first, second = (atlas.extract(head, tmp_path / name)["one"].read_bytes() for name in ("a", "b"))
    assert first == second


@pytest.mark.parametrize(("scan", "brain_ml"), [("sub-03", 1060), ("sub-16", 1500), ("sub-17", 1445), ("sub-18", 1640)])
def test_other_scanners(scan: str, brain_ml: float, atlas: BundleExtractor, shared_data: Path, tmp_path: Path):
    """Defaced (sub-03), strong coil bias (sub-16), a bright scalp (sub-17), slices of 4.8 mm (sub-18)."""
    head = resample_to_voxel(read_volume(shared_data / "heads" / f"{scan}_T1w.nii.gz"), voxel_mm=2.0)
    path = tmp_path / "T1w.nii"
    write_volume(head, path)
    mask = atlas.extract({scan: path}, tmp_path)[scan]
    assert isinstance(mask, Path), str(mask)
    assert (np.asarray(nib.load(mask).dataobj) > 0).sum() * 0.008 == pytest.approx(brain_ml, rel=0.04)
