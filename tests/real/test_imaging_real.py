"""Preprocessing of real heads: masks against DLMUSE label maps, registrations that pass, templates inside the field."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.grid import FIELD_CENTRE, FIELD_MM
from mrisynth.imaging.limits import judge, limits_of_study
from mrisynth.imaging.quality import dice
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import load_template
from mrisynth.store import build_pyramid, open_pyramid

pytestmark = pytest.mark.real

IXI = ("IXI012-HH-1211", "IXI257-HH-1724")  # a usual head, and the one of 24 whose mask fits its label map least


def preprocess(scans: dict[str, Path], folder: Path, *, already_extracted: bool = False) -> dict[str, dict]:
    settings = {"voxel_mm": 2.0, "already_extracted": already_extracted}
    extract_bundle(scans, folder / "extraction", recipe=ExtractionRecipe(**settings))
    table = register_bundle(
        scans,
        folder / "extraction",
        folder / "preprocessed",
        template=load_template("icbm152_2009a", voxel_mm=2.0),
        recipe=RegistrationRecipe(**settings, size=64),
    )
    limits = limits_of_study(pd.DataFrame(), configured={}, learn=False, transform="affine")
    assert list(table["status"]) == ["measured"] * len(scans), table["message"]
    return {row["scan"]: row | {"verdict": judge(row, limits)} for row in table.to_dict("records")}


@pytest.mark.long
def test_ixi_heads(shared_data: Path, tmp_path: Path):
    rows = preprocess({scan: shared_data / "heads_ixi_2mm" / f"{scan}-T1.nii.gz" for scan in IXI}, tmp_path)
    for scan, row in rows.items():
        assert row["verdict"] == ("", ""), row
        assert row["overlap"] > 0.94 and row["correlation"] > 0.5
        labels = nib.as_closest_canonical(
            nib.load(shared_data / "labels" / "ixi_2mm_dlmuse" / f"{scan}-T1_DLMUSE.nii.gz")
        )
        mask = nib.load(tmp_path / "extraction" / scan / "mask.nii.gz")
        np.testing.assert_allclose(mask.affine, labels.affine, atol=1e-3)
        truth = ndimage.binary_fill_holes(np.asarray(labels.dataobj) > 0)
        assert dice(np.asarray(mask.dataobj) > 0, truth) > 0.96
    volumes = {scan: tmp_path / "preprocessed" / scan / "T1w_brain.nii.gz" for scan in IXI}
    build_pyramid(volumes, tmp_path / "pyramid", sizes=[32, 64])
    images = open_pyramid(tmp_path / "pyramid", 32).images
    assert (images > 0).mean(axis=(1, 2, 3)) == pytest.approx([1886e3 / FIELD_MM**3] * 2, rel=0.25)


@pytest.mark.long
@pytest.mark.parametrize("scan", ["sub-16", "sub-18"])
def test_difficult_heads(scan: str, shared_data: Path, tmp_path: Path):
    """Strong coil bias (sub-16), slices of 4.8 mm (sub-18)."""
    row = preprocess({scan: shared_data / "heads" / f"{scan}_T1w.nii.gz"}, tmp_path)[scan]
    assert row["verdict"] == ("", ""), row
    assert 1450 < row["brain_ml"] < 1650


def test_brains_that_are_already_extracted(shared_data: Path, tmp_path: Path):
    path = shared_data / "brains" / "brain-04_T1w_brain.nii.gz"
    row = preprocess({"brain-04": path}, tmp_path, already_extracted=True)["brain-04"]
    assert row["verdict"] == ("", ""), row


def test_sixth_generation_template_lies_inside_the_field(shared_data: Path):
    mask = nib.load(shared_data / "templates" / "MNI152_T1_1mm_brain_mask.nii.gz")
    corners = np.argwhere(np.asarray(mask.dataobj) > 0)[:, :3]
    world = nib.affines.apply_affine(mask.affine, [corners.min(axis=0), corners.max(axis=0)])
    low, high = world.min(axis=0) - 0.5, world.max(axis=0) + 0.5
    margin_mm = np.minimum(low - FIELD_CENTRE + FIELD_MM / 2, np.asarray(FIELD_CENTRE) + FIELD_MM / 2 - high)
    assert (margin_mm >= [38, 16, 34]).all(), margin_mm
