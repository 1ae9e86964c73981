"""Region volumes of packed brains: the closed form of `mrisynth.imaging.tissue` beside atropos with priors.

    python benchmarks/tissue.py [--scans 24] [--atropos-scans 5] [--sizes 32 64 128]

IXI brains (heads at 2 mm inside the filled outline of their DLMUSE label maps, corrected for bias, registered affinely)
are packed at every size. Both methods get the same priors; atropos gives up where fluid is the most likely tissue of no
voxel. Figures: correlation with the volumes of the label maps on the same grid, a silver standard, and CPU-seconds a
volume. Both methods are also given on the same few scans, as atropos is slow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial

from measure import REPOSITORY, cpu_seconds, report

sys.path.insert(0, str(REPOSITORY / "workflow"))

import ants
import nibabel as nib
import numpy as np
from registration import SEED, choose, load
from scipy import ndimage

from mrisynth.imaging.ants_bridge import ants_seed, to_ants
from mrisynth.imaging.grid import empty_cube, grid_affine
from mrisynth.imaging.intensity import scale_inside
from mrisynth.imaging.regions import region_volumes
from mrisynth.imaging.registration import register_to_template
from mrisynth.imaging.template import load_template
from mrisynth.imaging.tissue import TissueAtlas, fit_contrast, region_volumes_mm3
from mrisynth.region_atlas import load_atlas
from mrisynth.seeds import derive_seed
from mrisynth.store import area_average, from_unit, overlap_weights

FULL = 128
VENTRICLES = (4, 49, 50, 51, 52)
LABELS = {  # DLMUSE: which labels make a region
    "ventricles": VENTRICLES,
    "total_csf": (1, 11, 46, *VENTRICLES),
    "total_white": (35, 40, 41, 61, 62, *range(81, 96)),
    "cerebellum": (38, 39, 40, 41, 71, 72, 73),
    "brainstem": (35,),
    "deep_grey": (23, 30, 36, 37, 55, 56, 57, 58, 59, 60),
}
Volumes = dict[str, float]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=24)
    parser.add_argument("--atropos-scans", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128])
    chosen = parser.parse_args()
    template = load_template("icbm152_2009a", voxel_mm=2.0).image
    packed = [pack(scan, template, chosen.sizes) for scan in choose(chosen.scans)]
    truth = [labelled for _, labelled in packed]
    rows = []
    for size in chosen.sizes:
        brains = [brain[size] for brain, _ in packed]
        atlas = load_atlas(size)
        contrast = fit_contrast(brains, atlas)
        few = min(chosen.atropos_scans, len(brains))
        closed = partial(region_volumes_mm3, atlas=atlas, contrast=contrast)
        slow = partial(by_atropos, atlas=atlas)
        rows.append(measure("closed form", size, closed, brains, truth))
        rows.append(measure("closed form, few", size, closed, brains[:few], truth))
        rows.append(measure("atropos, few", size, slow, brains[:few], truth))
    report("tissue", rows, scans=len(packed), scans_by_atropos=chosen.atropos_scans)


def pack(scan: str, template: nib.Nifti1Image, sizes: Sequence[int]) -> tuple[dict[int, np.ndarray], Volumes]:
    """One brain as the pyramid packs it at every size, and the volumes of its label map in mm3 on the same cube."""
    brain, labels = load(scan)
    with tempfile.TemporaryDirectory() as folder:
        seed = derive_seed(SEED, "registration", scan)
        found = register_to_template(brain, template, transform="affine", seed=seed, folder=folder)
        cube = np.asarray(found.onto(empty_cube(FULL), brain).dataobj)
        moved = found.onto(empty_cube(FULL), labels, interpolation="nearest")
    inside = ndimage.binary_fill_holes(np.asarray(moved.dataobj) > 0)
    cube = scale_inside(cube * inside, inside)
    volumes = region_volumes(np.asarray(moved.dataobj), grid_voxel_mm(FULL))
    found = {name: 1000.0 * sum(volumes.get(label, 0.0) for label in parts) for name, parts in LABELS.items()}
    found["total_grey"] = 1000.0 * sum(volumes.values()) - found["total_csf"] - found["total_white"]
    packed = {size: from_unit(2.0 * area_average(cube, overlap_weights(FULL, size)) - 1.0) for size in sizes}
    return packed, found


def grid_voxel_mm(size: int) -> float:
    """Edge of a voxel of the cube."""
    return float(grid_affine(size)[0, 0])


def by_atropos(brain: np.ndarray, atlas: TissueAtlas) -> Volumes:
    """The same regions from the posteriors of atropos."""
    affine = grid_affine(len(brain))

    def image(values: np.ndarray) -> ants.ANTsImage:
        return to_ants(nib.Nifti1Image(values.astype(np.float32), affine))

    mask = ndimage.binary_fill_holes(brain > 8) & atlas.inside
    priors = []
    for prior in atlas.priors + 0.02:
        filled = np.zeros(brain.shape)
        filled[atlas.inside] = prior
        priors.append(filled)
    priors = np.stack(priors) / np.maximum(np.sum(priors, axis=0), 1e-6)
    with ants_seed(SEED):
        found = ants.atropos(
            a=image(brain), x=image(mask), i=[image(prior) for prior in priors], m="[0.1,1x1x1]", c="[5,0.001]",
            priorweight=0.25,
        )  # fmt: skip
    fractions = np.stack([part.numpy()[atlas.inside] for part in found["probabilityimages"]])
    return {
        name: float(sum(fractions[tissue] @ region.share for tissue in region.tissues) * atlas.voxel_mm**3)
        for name, region in atlas.regions.items()
    }


def measure(
    method: str, size: int, volumes_of: Callable[[np.ndarray], Volumes], brains: Sequence[np.ndarray],
    truth: Sequence[Volumes],
) -> dict[str, object]:  # fmt: skip
    """Correlations with the label maps, and the mean ratio of the volumes; missing where the method gives up."""
    row: dict[str, object] = {"method": method, "size": size, "scans": len(brains)}
    started = cpu_seconds()
    try:
        found = [volumes_of(brain) for brain in brains]
    except Exception as error:  # atropos has one class for all
        found, row["method"] = [], f"{method}: {str(error)[:24]}"
    row["cpu_seconds"] = (cpu_seconds() - started) / len(brains)
    for name in truth[0]:
        pairs = np.array([(one[name], other[name]) for one, other in zip(found, truth, strict=False)])
        row[name] = float(np.corrcoef(pairs.T)[0, 1]) if len(pairs) > 2 else float("nan")
    return row


if __name__ == "__main__":
    main()
