"""Fault 26: a name in every corner of a scan's header is in nothing that preprocessing writes."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.nifti1 import Nifti1Extension

from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import load_template

pytestmark = pytest.mark.fault(26)
NAMES = (b"JaneDoe", b"Jane Doe", b"Doe^Jane", b"19210101")
MAY_BE_SET = {  # all that a written header says; every other field has the value of an empty header
    "sizeof_hdr", "dim", "datatype", "bitpix", "pixdim", "vox_offset", "scl_slope", "scl_inter", "xyzt_units", "regular",
    "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "srow_x",
    "srow_y", "srow_z", "magic", "intent_code", "dim_info",
}  # fmt: skip


def with_names(image: nib.Nifti1Image, path: Path) -> Path:
    """The image with a name in every field of text and in extensions of several kinds."""
    header = image.header
    header["descrip"], header["aux_file"], header["intent_name"] = b"Doe^Jane 19210101", b"JaneDoe.img", b"JaneDoe"
    header["db_name"], header["data_type"] = b"Jane Doe", b"JaneDoe"
    for code in (0, 4, 6, 44):
        header.extensions.append(Nifti1Extension(code, b"Doe^Jane 19210101 <PatientName>Jane Doe</PatientName>"))
    nib.save(image, path)
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, list[pd.DataFrame], str]:
    """The folder of two scans that were preprocessed, their tables, and the log: one is good, one fails."""
    folder = tmp_path_factory.mktemp("study")
    raw = tmp_path_factory.mktemp("raw")
    template = load_template("icbm152_2009a", voxel_mm=5.0)
    good = nib.Nifti1Image(np.asarray(template.image.dataobj, dtype=np.float32) * 800, template.image.affine)
    bad = nib.Nifti1Image(np.ones((40, 40, 40), np.float32), template.image.affine)
    scans = {"a": with_names(good, raw / "a.nii.gz"), "b": with_names(bad, raw / "b.nii")}
    assert all(name in gzip.decompress(scans["a"].read_bytes()) for name in NAMES)
    handler = logging.FileHandler(folder / "log.txt")
    logging.getLogger().addHandler(handler)
    try:
        extraction = ExtractionRecipe(already_extracted=True, voxel_mm=5.0)
        tables = [extract_bundle(scans, folder / "extraction", recipe=extraction, keep_intermediate=True)]
        recipe = RegistrationRecipe(
            already_extracted=True, voxel_mm=5.0, transform="syn_quick", size=32, bias_correction=False
        )
        where = (folder / "extraction", folder / "preprocessed")
        tables.append(register_bundle(scans, *where, template=template, recipe=recipe, keep_intermediate=True))
    finally:
        logging.getLogger().removeHandler(handler)
    return folder, tables, (folder / "log.txt").read_text()


def test_no_file_holds_a_name(written) -> None:
    folder, tables, log = written
    assert tables[1].set_index("scan")["status"].to_dict() == {"a": "measured", "b": "excluded"}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {".gz", ".json", ".png", ".mat"} <= {path.suffix for path in files}
    for path in files:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert [name for name in NAMES if name in content] == [], path
    for text in (log, *(table.to_csv() for table in tables)):
        assert [name for name in NAMES if name.decode() in text] == []


def test_headers_are_of_the_whitelist(written) -> None:
    images = sorted(written[0].rglob("*.nii.gz"))
    assert {path.name for path in images} >= {"mask.nii.gz", "T1w_brain.nii.gz", "brain_mask.nii.gz"}
    assert any("warp" in path.name for path in images)
    empty = nib.Nifti1Header()
    for path in images:
        header = nib.load(path).header
        assert list(header.extensions) == []
        for field in set(header.keys()) - MAY_BE_SET:
            np.testing.assert_array_equal(header[field], empty[field], err_msg=f"{path.name}: {field}")
