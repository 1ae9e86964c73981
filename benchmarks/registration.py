"""What registration presets cost and how well they bring the regions of different brains together.

    python benchmarks/registration.py [--scans 20] [--presets none rigid affine ...]

IXI brains (heads at 2 mm inside the filled outline of their DLMUSE label maps, corrected for bias) are registered to
the template at 2 mm by each preset; their label maps follow by nearest neighbour. Figures: Dice of the regions, mean
over the regions of a pair and over all pairs; CPU-seconds a scan (median); voxels of the template's brain in which
the deformation folds, over all scans; whether a second run of the first scan writes the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import combinations
from pathlib import Path

from measure import REPOSITORY, cpu_seconds, real_data, report

sys.path.insert(0, str(REPOSITORY / "workflow"))

import nibabel as nib
import numpy as np
from scipy import ndimage

from mrisynth.imaging.ants_bridge import write_linear
from mrisynth.imaging.bias import correct_bias
from mrisynth.imaging.centres import between_centres
from mrisynth.imaging.intensity import scale_inside
from mrisynth.imaging.regions import mean_region_dice
from mrisynth.imaging.registration import TRANSFORMS, Registration, register_to_template
from mrisynth.imaging.template import Template, load_template
from mrisynth.imaging.volume import read_volume
from mrisynth.seeds import derive_seed, numpy_generator

SEED = 7
VOXEL_MM = 2.0
PRESETS = ("none", *(name for name in TRANSFORMS if name != "as_published"))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=PRESETS)
    chosen = parser.parse_args()
    template = load_template("icbm152_2009a", voxel_mm=VOXEL_MM)
    scans = {name: load(name) for name in choose(chosen.scans)}
    rows = [measure(preset, scans, template) for preset in chosen.presets]
    seconds = {row["preset"]: row["cpu_seconds"] for row in rows}
    ratios = {
        f"syn_quick_over_{name}": seconds["syn_quick"] / value
        for name, value in seconds.items()
        if "syn_quick" in seconds and name in ("syn", "greedy")
    }
    report("registration", rows, scans=len(scans), pairs=len(scans) * (len(scans) - 1) // 2, **ratios)


def choose(count: int) -> list[str]:
    """The same scans in every run: drawn once, without regard to what they show."""
    folder = real_data() / "heads_ixi_2mm"
    names = sorted(path.name.removesuffix("-T1.nii.gz") for path in folder.glob("*-T1.nii.gz"))
    return sorted(numpy_generator(SEED, "benchmark", "registration").choice(names, count, replace=False).tolist())


def load(scan: str) -> tuple[nib.Nifti1Image, nib.Nifti1Image]:
    """Brain and label map, prepared as the pipeline prepares a scan before it registers it."""
    data = real_data()
    head = read_volume(data / "heads_ixi_2mm" / f"{scan}-T1.nii.gz")
    labels = nib.as_closest_canonical(nib.load(data / "labels" / "ixi_2mm_dlmuse" / f"{scan}-T1_DLMUSE.nii.gz"))
    inside = ndimage.binary_fill_holes(np.asarray(labels.dataobj) > 0)
    corrected = correct_bias(head, nib.Nifti1Image(inside.astype(np.uint8), head.affine))
    return nib.Nifti1Image(scale_inside(np.asarray(corrected.dataobj), inside), head.affine), labels


def measure(preset: str, scans: dict[str, tuple[nib.Nifti1Image, nib.Nifti1Image]], template: Template) -> dict:
    """Register all scans by one preset: a row of the table."""
    maps, seconds, folded = [], [], 0
    with tempfile.TemporaryDirectory() as name:
        for scan, (brain, labels) in scans.items():
            started = cpu_seconds()
            found = register(preset, scan, brain, template.image, Path(name) / scan)
            seconds.append(cpu_seconds() - started)
            folded += round(found.folds(template.image) * int((np.asarray(template.image.dataobj) > 0).sum()))
            moved = found.onto(template.image, labels, interpolation="nearest")
            maps.append(np.asarray(moved.dataobj).astype(np.int16))
        first = next(iter(scans))
        again = register(preset, first, scans[first][0], template.image, Path(name) / "again")
        same = all((Path(name) / first / path.name).read_bytes() == path.read_bytes() for path in again.files)
    overlaps = [mean_region_dice(one, two) for one, two in combinations(maps, 2)]
    row = {
        "preset": preset,
        "region_dice": float(np.mean(overlaps)),
        "cpu_seconds": float(np.median(seconds)),
        "folded_voxels": folded,
        "same_again": "yes" if same else "no",
    }
    print(row, file=sys.stderr, flush=True)
    return row


def register(preset: str, scan: str, brain: nib.Nifti1Image, template: nib.Nifti1Image, folder: Path) -> Registration:
    """One registration; ``none`` only lays the centres of mass over each other."""
    if preset != "none":
        seed = derive_seed(SEED, "registration", scan)
        return register_to_template(brain, template, transform=preset, seed=seed, folder=folder)
    folder.mkdir(parents=True)
    matrix = between_centres(template, brain)
    write_linear(matrix, folder / "template_to_scan.mat")
    return Registration(files=(folder / "template_to_scan.mat",), matrix=matrix)


if __name__ == "__main__":
    main()
