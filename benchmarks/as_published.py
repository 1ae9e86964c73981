"""The image pipeline of the published IXI study on two scans: what it costs and what it leaves behind.

    python benchmarks/as_published.py [--scans 2] [--size 256] [--pictures FOLDER]

In its order: N4 on the whole head without a mask, the brain alone (here inside the filled outline of its DLMUSE label
map), rigid + affine + SyN with cross-correlation onto the whole head of the template, B-spline interpolation, the
template's grid stretched to a cube, and the range taken last. Beside it `greedy`, with N4 inside the mask. Figures:
CPU-seconds of each step, how often the deformation folds, the voxel size along each axis, the level of the background,
which should be 0, and for both the Dice of the regions of the first two scans.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure import REPOSITORY, cpu_seconds, real_data, report

sys.path.insert(0, str(REPOSITORY / "workflow"))

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure
from registration import choose, load
from scipy import ndimage

from mrisynth.imaging.as_published import correct_bias_as_published, cube_as_published
from mrisynth.imaging.regions import mean_region_dice
from mrisynth.imaging.registration import register_to_template
from mrisynth.imaging.volume import read_volume
from mrisynth.seeds import derive_seed

SEED = 7


def main() -> None:
    """Measure, draw and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=2)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each brain; none without it")
    chosen = parser.parse_args()
    folder = real_data() / "templates"
    head, mask = (read_head(folder / f"MNI152_T1_2mm{kind}.nii.gz") for kind in ("", "_brain_mask"))
    mask = nib.Nifti1Image((np.asarray(mask.dataobj) > 0.5).astype(np.float32), mask.affine)
    rows, maps = [], {"as_published": [], "greedy": []}
    for scan in choose(20)[: chosen.scans]:
        row, cube, labels = published(scan, head, mask, size=chosen.size)
        rows.append(row)
        maps["as_published"].append(labels)
        maps["greedy"].append(by_greedy(scan, head, mask))
        if chosen.pictures is not None:
            draw(cube, chosen.pictures / f"{scan}.png", title=f"{scan} as published")
    dice = {f"region_dice_{name}": mean_region_dice(*found[:2]) for name, found in maps.items() if len(found) > 1}
    report("as_published", rows, **dice)


def read_head(path: Path) -> nib.Nifti1Image:
    """A template volume turned to RAS+, float32."""
    image = nib.as_closest_canonical(nib.load(path))
    return nib.Nifti1Image(np.asarray(image.dataobj, dtype=np.float32), image.affine)


def published(
    scan: str, template: nib.Nifti1Image, template_mask: nib.Nifti1Image, *, size: int
) -> tuple[dict, nib.Nifti1Image, np.ndarray]:
    """One scan through the published steps: its row, its cube, its label map on the template's grid."""
    labels = load(scan)[1]
    times = [cpu_seconds()]
    corrected = correct_bias_as_published(read_volume(real_data() / "heads_ixi_2mm" / f"{scan}-T1.nii.gz"))
    times.append(cpu_seconds())
    inside = ndimage.binary_fill_holes(np.asarray(labels.dataobj) > 0)
    brain = nib.Nifti1Image(np.asarray(corrected.dataobj) * inside, corrected.affine)
    with tempfile.TemporaryDirectory() as name:
        found = register_to_template(
            brain,
            template,
            transform="as_published",
            seed=derive_seed(SEED, "registration", scan),
            folder=name,
            template_mask=template_mask,
        )
        times.append(cpu_seconds())
        cube = cube_as_published(found.onto(template, brain, interpolation="spline"), size=size)
        times.append(cpu_seconds())
        folds = found.folds(template_mask)
        moved = np.asarray(found.onto(template, labels, interpolation="nearest").dataobj).astype(np.int16)
    seconds = np.diff(times)
    row = {"scan": scan, "n4_cpu_s": seconds[0], "registration_cpu_s": seconds[1], "cube_cpu_s": seconds[2]}
    row |= {"folds": folds, "voxel_mm": " x ".join(f"{mm:.2f}" for mm in nib.affines.voxel_sizes(cube.affine))}
    row["background"] = float(np.median(np.asarray(cube.dataobj)[:8]))
    return row, cube, moved


def by_greedy(scan: str, template: nib.Nifti1Image, template_mask: nib.Nifti1Image) -> np.ndarray:
    """The label map of a scan on the template's grid by the recommended preset, brain onto brain."""
    brain, labels = load(scan)
    target = np.asarray(template.dataobj) * (np.asarray(template_mask.dataobj) > 0)
    fixed = nib.Nifti1Image((target / target.max()).astype(np.float32), template.affine)
    with tempfile.TemporaryDirectory() as name:
        seed = derive_seed(SEED, "registration", scan)
        found = register_to_template(brain, fixed, transform="greedy", seed=seed, folder=name)
        return np.asarray(found.onto(template, labels, interpolation="nearest").dataobj).astype(np.int16)


def draw(cube: nib.Nifti1Image, path: Path, *, title: str) -> None:
    """Three slices through the middle of a cube, voxel for voxel, as a network would see them."""
    volume = np.asarray(cube.dataobj)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for index, axes in enumerate(figure.subplots(1, 3)):
        axes.imshow(
            np.take(volume, volume.shape[index] // 2, axis=index).T, origin="lower", cmap="gray", vmin=0, vmax=1
        )
        axes.set_axis_off()
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
