"""Region volumes of real brains: they follow the DLMUSE label maps, and other real brains are closer than damaged ones."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from mrisynth.imaging.bias import correct_bias
from mrisynth.imaging.grid import empty_cube
from mrisynth.imaging.intensity import scale_inside
from mrisynth.imaging.regions import region_volumes
from mrisynth.imaging.registration import register_to_template
from mrisynth.imaging.template import load_template
from mrisynth.imaging.tissue import fit_contrast
from mrisynth.imaging.volume import read_volume, resample_brain
from mrisynth.metrics.morphometry import score_morphometry
from mrisynth.morphometry_study import sources_of
from mrisynth.region_atlas import load_atlas
from mrisynth.region_stage import measure_regions, parts_of
from mrisynth.store import area_average, from_unit, overlap_weights

pytestmark = [pytest.mark.real, pytest.mark.long]

HEADS, FULL, SIZE = 12, 128, 32
VENTRICLES = (4, 49, 50, 51, 52)
CSF = (1, 11, 46, *VENTRICLES)
WHITE = (35, 40, 41, 61, 62, *range(81, 96))


@pytest.fixture(scope="module")
def measured(shared_data, tmp_path_factory):
    """Region volumes of every twelfth head, those of its label map on the same cube, and the brains."""
    template = load_template("icbm152_2009a", voxel_mm=4.0).image
    folder = tmp_path_factory.mktemp("registration")
    heads = sorted((shared_data / "heads_ixi_2mm").glob("*.nii.gz"))[::12]
    found = [_packed(head, shared_data / "labels" / "ixi_2mm_dlmuse", template, folder) for head in heads]
    brains, truth = np.stack([brain for brain, _ in found]), [volumes for _, volumes in found]
    atlas = load_atlas(SIZE)
    contrast = fit_contrast(brains, atlas)
    ids = [head.name for head in heads]

    def measure(volumes):
        return measure_regions(volumes, ids[: len(volumes)], atlas=atlas, contrast=contrast, what="regions")

    return measure(brains), truth, brains, measure, contrast


def _packed(head, labels, template, folder):
    image = read_volume(head)  # its bias field is taken out: without that grey and white matter mean little
    label = nib.as_closest_canonical(nib.load(labels / head.name.replace(".nii.gz", "_DLMUSE.nii.gz")))
    inside = ndimage.binary_fill_holes(np.asarray(label.dataobj) > 0)
    corrected = correct_bias(image, nib.Nifti1Image(inside.astype(np.uint8), image.affine))
    brain = nib.Nifti1Image(scale_inside(np.asarray(corrected.dataobj), inside), image.affine)
    coarse = resample_brain(brain, inside, voxel_mm=4.0)[0]
    found = register_to_template(coarse, template, transform="affine", seed=1, folder=folder)
    moved = np.asarray(found.onto(empty_cube(FULL), label, interpolation="nearest").dataobj)
    mask = ndimage.binary_fill_holes(moved > 0)
    cube = scale_inside(np.asarray(found.onto(empty_cube(FULL), brain).dataobj) * mask, mask)
    volumes = region_volumes(moved, 224 / FULL)
    return from_unit(2 * area_average(cube, overlap_weights(FULL, SIZE)) - 1), volumes


def test_volumes_follow_the_label_maps_at_7_mm(measured):
    table, truth, _, _, contrast = measured
    assert len(table) == HEADS and (table["reason"] == "").all()
    assert 0.68 < contrast.grey < 0.8
    labelled = {name: np.array([sum(one.get(label, 0.0) for label in labels) for one in truth]) for name, labels in
                {"ventricles": VENTRICLES, "total_csf": CSF, "total_white": WHITE}.items()}  # fmt: skip
    labelled["total_grey"] = np.array([sum(one.values()) for one in truth])
    labelled["total_grey"] = labelled["total_grey"] - labelled["total_csf"] - labelled["total_white"]
    agreement = {name: np.corrcoef(table[name], values)[0, 1] for name, values in labelled.items()}
    assert agreement["ventricles"] > 0.9 and agreement["total_csf"] > 0.75 and agreement["total_grey"] > 0.6
    assert agreement["total_white"] > 0.4
    for name, values in labelled.items():
        assert table[name].mean() / 1000 == pytest.approx(
            values.mean(), rel=0.25 if name in ("total_grey", "total_white") else 0.5
        )


def test_blurred_and_turned_brains_are_farther_than_other_brains(measured):
    table, _, brains, measure, _ = measured
    parts = parts_of(table.columns)
    values = table[parts].to_numpy()
    real = {"train": values[:5], "test": values[5:8]}
    held_out = brains[8:]
    bad = {
        "held_out": held_out,
        "blurred": np.stack([ndimage.gaussian_filter(brain.astype(float), 1).astype(np.uint8) for brain in held_out]),
        "upside_down": held_out[:, :, :, ::-1],
    }
    sources = sources_of({name: measure(volumes) for name, volumes in bad.items()})
    table = score_morphometry(real, sources, view="32", seed=1, replicates=20).table
    values = table[table["reference"] == "test"].set_index(["metric", "model"])["value"].unstack(0)
    distance = values["region_wasserstein"]
    assert 2 * distance["held_out"] < distance["blurred"] and 2 * distance["held_out"] < distance["upside_down"]
