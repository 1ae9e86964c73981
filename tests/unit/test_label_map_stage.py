"""Label maps of real scans: volumes in template space, and a reason where there are none."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import MrisynthError
from mrisynth.imaging.ants_bridge import write_linear
from mrisynth.label_map_stage import measure_label_maps


@pytest.fixture
def folders(tmp_path):
    maps, preprocessed = tmp_path / "maps", tmp_path / "preprocessed"
    maps.mkdir()
    for scan in ("s1", "s10", "s2", "s3", "s4", "s5"):
        (preprocessed / scan).mkdir(parents=True)
        write_linear(np.diag([2.0, 1.0, 1.0, 1.0]), preprocessed / scan / "template_to_scan.mat")
    return maps, preprocessed


def write(path, values, *, voxel_mm=(2.0, 1.0, 3.0)):
    nib.save(nib.Nifti1Image(values, np.diag([*voxel_mm, 1.0])), path)


def test_volumes_are_those_of_template_space_and_gaps_have_reasons(folders):
    maps, preprocessed = folders
    labels = np.zeros((20, 20, 20), dtype=np.int16)
    labels[:4, 0, 0], labels[:, 3, 5] = 7, 12
    write(maps / "s1_labels.nii.gz", labels)
    write(maps / "s10-DLMUSE.nii", np.where(labels == 7, 7, 0).astype(np.int16))
    write(maps / "s2_a.nii.gz", labels)
    write(maps / "s2_b.nii.gz", labels)
    write(maps / "s3.nii.gz", labels.astype(np.float32) + 0.3)
    (maps / "s4.nii.gz").write_bytes((maps / "s1_labels.nii.gz").read_bytes()[:60])
    table = measure_label_maps(["s1", "s10", "s2", "s3", "s4", "s5"], maps, preprocessed).set_index("id")
    assert list(table.columns) == ["reason", "label_7", "label_12"]
    assert table.loc["s1", ["label_7", "label_12"]].tolist() == [4 * 6 / 2, 20 * 6 / 2]
    assert table.loc["s10", ["label_7", "label_12"]].tolist() == [4 * 6 / 2, 0.0]
    assert table["reason"][["s1", "s10", "s2", "s3", "s5"]].tolist() == ["", "", "several", "no_labels", "missing"]
    assert table["reason"]["s4"] == "unreadable" and table.loc[["s2", "s3", "s4", "s5"], "label_7"].isna().all()


def test_a_missing_folder_is_named(folders, tmp_path):
    with pytest.raises(MrisynthError, match=r"evaluation\.label_maps"):
        measure_label_maps(["s1"], tmp_path / "nowhere", folders[1])
    with pytest.raises(MrisynthError, match="is not set"):
        measure_label_maps(["s1"], None, folders[1])
