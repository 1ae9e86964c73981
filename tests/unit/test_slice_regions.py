"""Where a structure lies in slices: which labels, whose label maps, and which pixel a voxel lands in."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.imaging.ants_bridge import write_linear
from mrisynth.imaging.grid import grid_affine
from mrisynth.slice_region_stage import maps_of_scans, region_positions, region_probability, training_scans
from mrisynth.slice_regions import region_labels
from mrisynth.slices.positions import cuts_of, wishes_of
from mrisynth.slices.region_maps import cut_region, write_region
from mrisynth.slices.slice_set import open_slices
from mrisynth.slices.volumes import pack_volumes
from mrisynth.store import Pyramid

SIZE, FIELD_MM = 32, 224.0
WISHES = wishes_of([{"plane": plane, "index": [10, 19]} for plane in ("axial", "coronal", "sagittal")])
CUTS = cuts_of(WISHES, size=SIZE)


def test_a_voxel_lands_in_the_pixel_in_which_slices_show_it(tmp_path: Path):
    """The same voxels as a map and as a scan, cut both ways."""
    voxels = [(10, 19, 10), (19, 10, 19), (3, 10, 19), (19, 27, 10), (10, 4, 4)]
    volume = np.zeros((1, SIZE, SIZE, SIZE), dtype=np.uint8)
    for place, voxel in enumerate(voxels):
        volume[0][voxel] = 51 * (place + 1)
    scans = pd.DataFrame({"scan": ["s"], "participant_id": ["s"], "split": ["train"]})
    pyramid = Pyramid(images=volume, scans=["s"], path=tmp_path / "32.npy")
    pack_volumes(pyramid, tmp_path / "slices", wishes=WISHES, sizes=[16, 32], scans=scans)
    for size, exact in ((32, 0.0), (16, 0.5 / 255)):
        slices = open_slices(tmp_path / "slices", size)
        write_region(volume[0] / np.float32(255), CUTS, tmp_path / "map.npy", size=size)
        found = np.load(tmp_path / "map.npy")
        assert slices.index["plane"].tolist() == [cut.plane for cut in CUTS] and found.dtype == np.float32
        np.testing.assert_allclose(found, slices.images / 255, atol=exact + 1e-6)
    axial, coronal, sagittal = (cut_region(volume[0] / np.float32(255), CUTS, size=SIZE)[place] for place in (0, 2, 4))
    assert axial[SIZE - 1 - 19, 10] == coronal[SIZE - 1 - 19, 3] * 1 / 3 == sagittal[SIZE - 1 - 10, SIZE - 1 - 19]


@pytest.fixture
def heads(tmp_path: Path):
    """Label maps of four scans in spaces of their own, whose structure is the same cube of template space."""
    maps, preprocessed = tmp_path / "maps", tmp_path / "preprocessed"
    maps.mkdir()
    affine = grid_affine(64)
    for number in range(4):
        labels = np.zeros((64,) * 3, dtype=np.uint8)
        labels[20:24, 30:34, 40:44], labels[50:52, 50:52, 50:52] = 5, 9
        if number == 3:
            labels[22:24] = 0
        shift = np.eye(4)
        shift[:3, 3] = (7.0 * number, -3.5 * number, 0.0)
        nib.save(nib.Nifti1Image(labels, shift @ affine), maps / f"s{number}_labels.nii.gz")
        (preprocessed / f"s{number}").mkdir(parents=True)
        write_linear(shift, preprocessed / f"s{number}" / "template_to_scan.mat")
    return maps, preprocessed


def test_label_maps_are_carried_to_the_template_and_averaged(heads):
    maps, preprocessed = heads
    found = maps_of_scans(["s0", "s1", "s2", "s3", "s9"], [maps], own=True)
    assert list(found) == ["s0", "s1", "s2", "s3"]
    assert maps_of_scans(list(found), [maps], own=False) == found
    probability, count = region_probability(found, preprocessed, labels=[5], size=SIZE, field_mm=FIELD_MM)
    expected = np.zeros((SIZE,) * 3)
    expected[10:12, 15:17, 20:22], expected[11, 15:17, 20:22] = 1.0, 0.75
    assert count == 4
    np.testing.assert_allclose(probability, expected, atol=1e-3)
    both, _ = region_probability(found, preprocessed, labels=[5, 9], size=SIZE, field_mm=FIELD_MM)
    assert both[25, 25, 25] == pytest.approx(1.0, abs=1e-3) and probability[25, 25, 25] == 0
    with pytest.raises(MrisynthError, match=r"None of 4 label maps has a voxel of the label 77"):
        region_probability(found, preprocessed, labels=[77], size=SIZE, field_mm=FIELD_MM)
    with pytest.raises(MrisynthError, match="No training scan has a label map"):
        region_probability({}, preprocessed, labels=[5], size=SIZE, field_mm=FIELD_MM)
    (maps / "s1_labels.nii.gz").write_bytes(b"no map")
    assert region_probability(found, preprocessed, labels=[5], size=SIZE, field_mm=FIELD_MM)[1] == 3


def test_each_position_says_how_much_it_shows():
    probability = np.zeros((SIZE,) * 3, dtype=np.float32)
    probability[4:8, 4:6, 10] = 0.5
    table = region_positions(probability, CUTS, field_mm=FIELD_MM, labels=[5, 6], scans=7)
    assert table["position"].tolist()[:3] == ["axial-010", "axial-019", "coronal-010"]
    assert table["area_mm2"].tolist()[:3] == [8 * 0.5 * 49, 0.0, 0.0] and table["highest"].tolist()[:2] == [0.5, 0.0]
    assert set(table["scans"]) == {7} and set(table["labels"]) == {"5 6"}
    with pytest.raises(MrisynthError, match=r"slices\.positions shows anything of the labels 5, 6"):
        region_positions(0 * probability, CUTS, field_mm=FIELD_MM, labels=[5, 6], scans=7)


def test_one_scan_of_each_training_participant_is_used():
    names = [f"p{number // 2:03d}-{number % 2}" for number in range(300)]
    scans = pd.DataFrame({"scan": names, "participant_id": [name[:4] for name in names]})
    scans["split"] = np.where(np.arange(300) < 280, "train", "test")
    quality = pd.DataFrame({"scan": names, "status": "passed"})
    quality.loc[quality["scan"] == "p000-0", "status"] = "excluded"
    found = training_scans(scans, quality, seed=1)
    assert len(found) == len({name[:4] for name in found}) == 100 and found == sorted(found)
    assert max(found) < "p140" and "p000-0" not in found
    assert training_scans(scans.sample(frac=1, random_state=0), quality, seed=1) == found
    assert training_scans(scans, quality, seed=2) != found


def config(cohort="simulated", label_maps=None, regions=None):
    evaluation = {"label_maps": label_maps, "slice_areas": {"regions": regions}}
    return {"cohort": {"name": cohort}, "evaluation": evaluation}


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({}, [5, 6]),
        ({"regions": ["ventricles", 7]}, [4, 7]),
        ({"cohort": "ixi", "label_maps": "maps"}, [17, 53]),
        ({"cohort": "bids", "label_maps": "maps", "regions": [47, 48]}, [47, 48]),
        ({"label_maps": "maps"}, [17, 53]),
    ],
)
def test_labels_are_named_or_those_of_the_hippocampi(changes, labels):
    assert region_labels(config(**changes)) == labels


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cohort": "ixi"}, r"a cohort ixi has no label maps; give their folder as evaluation\.label_maps"),
        (
            {"regions": ["amygdala"]},
            r"evaluation\.slice_areas\.regions names amygdala; simulated heads have cerebrospinal",
        ),
        ({"regions": [9]}, "names 9"),
        ({"cohort": "ixi", "label_maps": "maps", "regions": ["hippocampus_left"]}, "expected numbers"),
    ],
)
def test_labels_that_no_map_has_are_refused(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        region_labels(config(**changes))
