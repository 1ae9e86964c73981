"""Region covariates measured: volumes of template space, a reason where there are none, left left and right right."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.cohorts.simulated import simulate_participants, write_heads
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.imaging.ants_bridge import write_linear
from mrisynth.region_covariate_stage import covariates_of_maps, covariates_of_tissues
from mrisynth.region_covariates import RegionPlan

SHIFT_MM = -20.0  # of world x in the maps: the midline is voxel 10 of 20


def labelled(**places):
    """A map with a box of voxels for each label: name (ignored) -> (label, slices)."""
    values = np.zeros((20, 20, 20), dtype=np.int16)
    for label, where in places.values():
        values[where] = label
    return values


def freesurfer():
    return labelled(
        grey=(3, np.s_[2:8, 0:5, 0]), right_grey=(42, np.s_[12:18, 0:5, 0]), white=(2, np.s_[2:8, 0:5, 1]),
        ventricle=(4, np.s_[8:10, 0, 0]), right_ventricle=(43, np.s_[10:13, 0, 3]), third=(14, np.s_[9:11, 5, 5]),
        left=(17, np.s_[4:8, 8, 8]), right=(53, np.s_[12:15, 8, 8]), fluid=(24, np.s_[0, :, 19]),
        parcel=(1007, np.s_[2, 10:14, 10]),
    )  # fmt: skip


def muse():
    values = freesurfer()
    numbers = {3: 101, 42: 100, 2: 82, 4: 52, 43: 51, 14: 4, 17: 48, 53: 47, 24: 1, 1007: 107}
    return np.vectorize(lambda label: numbers.get(label, 0))(values).astype(np.int16)


def write(path, values, *, voxel_mm=2.0, flipped=False):
    affine = np.diag([-voxel_mm if flipped else voxel_mm, 2.0, 2.0, 1.0])
    affine[0, 3] = -SHIFT_MM if flipped else SHIFT_MM
    nib.save(nib.Nifti1Image(values, affine), path)


def plan(folder, **changes):
    usual = {"origin": "label_maps", "folders": {"": str(folder)}, "named_by_member": False, "numbering": "auto"}
    return RegionPlan(**(usual | {"structures": {}} | changes))


@pytest.fixture
def place(tmp_path):
    """The folders of maps and of registrations, and a function that lists scans as the scans table does."""
    maps, preprocessed = tmp_path / "maps", tmp_path / "preprocessed"
    maps.mkdir()

    def scans(*names):
        for name in names:
            (preprocessed / name).mkdir(parents=True, exist_ok=True)
            write_linear(np.diag([1.25, 1.0, 1.0, 1.0]), preprocessed / name / "template_to_scan.mat")
        return pd.DataFrame({"scan": names, "t1w": [str(maps / f"{name}_T1w.nii.gz") for name in names]})

    return maps, preprocessed, scans


def test_volumes_are_those_of_template_space_in_either_numbering(place):
    maps, preprocessed, scans = place
    write(maps / "s1_aseg.nii.gz", freesurfer())
    write(maps / "s2_DLMUSE.nii.gz", muse())
    table = covariates_of_maps(scans("s1", "s2"), plan(maps), preprocessed).set_index("scan")
    assert table["reason"].tolist() == ["", ""] and table["numbering"].tolist() == ["freesurfer", "dlmuse"]
    voxel_ml = 0.008 / 1.25
    counts = {
        "ventricles": 2 + 3 + 2,
        "grey_matter": 30 + 30 + 4 + 4 + 3,
        "hippocampus_left": 4,
        "hippocampus_right": 3,
    }
    for name, count in (counts | {"brain": 71 + 30}).items():
        assert table[f"{name}_ml"].tolist() == pytest.approx([count * voxel_ml] * 2, abs=1e-4), name
    assert table["intracranial_ml"].isna().tolist() == [True, False], "FreeSurfer does not label all fluid"
    assert table.loc["s2", "intracranial_ml"] == pytest.approx((71 + 30 + 7 + 20) * voxel_ml, abs=1e-4)


def test_every_gap_has_its_reason_and_stops_nobody(place):
    maps, preprocessed, scans = place
    write(maps / "s1.nii.gz", freesurfer())
    write(maps / "s10.nii.gz", freesurfer())
    write(maps / "s2_a.nii.gz", freesurfer())
    write(maps / "s2_b.nii.gz", freesurfer())
    (maps / "s3.nii.gz").write_bytes((maps / "s1.nii.gz").read_bytes()[:60])
    write(maps / "s4.nii.gz", freesurfer().astype(np.float32) + 0.3)
    write(maps / "s5.nii.gz", labelled(what=(9, np.s_[:3, :3, :3])))
    write(maps / "s6.nii.gz", freesurfer(), flipped=True)
    mixed = muse()
    mixed[4:6, 8, 8] = 47  # two voxels of the left hippocampus, labelled as the right one
    write(maps / "s7.nii.gz", mixed)
    names = ("s1", "s10", "s2", "s3", "s4", "s5", "s6", "s7", "s8")
    table = covariates_of_maps(scans(*names), plan(maps), preprocessed).set_index("scan")
    assert table["reason"].to_dict() == {
        "s1": "", "s10": "", "s2": "several", "s3": "unreadable", "s4": "no_labels", "s5": "numbering", "s6": "sides",
        "s7": "sides", "s8": "missing",
    }  # fmt: skip
    measured = [name for name in table if name.endswith("_ml") and name != "intracranial_ml"]
    assert table.loc[["s1", "s10"], measured].notna().all(axis=None)
    assert table.loc[table["reason"] != "", measured].isna().all(axis=None)


def test_a_map_of_another_numbering_is_not_measured_as_if_it_were_of_this(place):
    maps, preprocessed, scans = place
    write(maps / "s1.nii.gz", freesurfer())
    with pytest.raises(MrisynthError, match=r"None of 1 scans .*numbering 1"):
        covariates_of_maps(scans("s1"), plan(maps, numbering="dlmuse"), preprocessed)
    table = covariates_of_maps(scans("s1"), plan(maps, numbering="synthseg"), preprocessed)
    assert table["numbering"].tolist() == ["synthseg"]


def test_own_structures_are_zero_where_a_map_has_none_and_known_ones_missing(place):
    maps, preprocessed, scans = place
    values = freesurfer()
    values[values == 17] = 0
    values[0, 0, 0] = 17  # one voxel far left stays, so that the numbering is known
    values[values == 53] = 9
    write(maps / "s1.nii.gz", values)
    asked = plan(maps, numbering="freesurfer", structures={"lesions": [99], "odd": [9, 3]})
    row = covariates_of_maps(scans("s1"), asked, preprocessed).iloc[0]
    assert row["lesions_ml"] == 0.0 and row["odd_ml"] == pytest.approx(33 * 0.0064, abs=1e-4)
    assert np.isnan(row["hippocampus_right_ml"])
    alone = plan(maps, numbering="custom", structures={"odd": [9]})
    assert list(covariates_of_maps(scans("s1"), alone, preprocessed)) == ["scan", "reason", "numbering", "odd_ml"]


def test_maps_of_simulated_heads_and_of_members_are_found_by_their_names(place):
    maps, preprocessed, scans = place
    write(maps / "sub-1_labels.nii.gz", freesurfer())
    write(maps / "sub-1_mask.nii.gz", freesurfer())
    own = plan(maps, folders={"": None})
    assert covariates_of_maps(scans("sub-1", "sub-2"), own, preprocessed)["reason"].tolist() == ["", "missing"]
    (maps / "sub-1_mask.nii.gz").unlink()
    of_members = plan(maps, folders={"ukb": str(maps)}, named_by_member=True)
    two = scans("ukb-sub-1", "adni-sub-1")
    assert covariates_of_maps(two, of_members, preprocessed, cohort="several")["reason"].tolist() == ["", "missing"]
    as_in_study = plan(maps, folders={"ukb": str(maps), "adni": str(maps)})
    with pytest.raises(MrisynthError, match="missing 2"):
        covariates_of_maps(two, as_in_study, preprocessed, cohort="several")
    with pytest.raises(MrisynthError, match="nowhere is not there"):
        covariates_of_maps(two, plan(maps / "nowhere"), preprocessed)


def test_simulated_heads_have_their_true_volumes(tmp_path):
    people = simulate_participants(2, seed=3)
    write_heads(people, tmp_path / "heads", seed=3, voxel_mm=4.0)
    truth = read_table(tmp_path / "heads" / "truth.tsv")
    for scan in people["scan"]:
        (tmp_path / scan).mkdir()
        write_linear(np.eye(4), tmp_path / scan / "template_to_scan.mat")
    paths = [str(tmp_path / "heads" / f"{scan}_T1w.nii.gz") for scan in people["scan"]]
    scans = pd.DataFrame({"scan": people["scan"], "t1w": paths})
    table = covariates_of_maps(scans, plan("", folders={"": None}), tmp_path)
    assert table["numbering"].tolist() == ["simulated"] * 2
    for name in ("ventricles", "grey_matter", "hippocampus_left", "hippocampus_right", "intracranial"):
        assert table[f"{name}_ml"].tolist() == pytest.approx(truth[f"{name}_ml"].tolist(), abs=1e-3), name


def test_tissues_tell_ventricles_and_grey_matter_and_no_hippocampus():
    regions = pd.DataFrame({
        "id": ["s1", "s2"], "reason": [None, "no_tissue"], "total_grey": [700000.0, np.nan],
        "total_white": [500000.0, np.nan], "ventricles": [30000.0, np.nan], "cerebellum": [1.0, np.nan],
    })  # fmt: skip
    table = covariates_of_tissues(regions)
    assert list(table) == ["scan", "reason", "numbering", "ventricles_ml", "grey_matter_ml", "brain_ml"]
    assert table.iloc[0].tolist() == ["s1", "", "tissue", 30.0, 700.0, 1200.0]
    assert table.loc[1, "reason"] == "no_tissue" and table.iloc[1, 3:].isna().all()
