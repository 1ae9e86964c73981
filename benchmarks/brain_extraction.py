"""Brain extraction on real heads: Dice with the label maps, CPU seconds, and one loaded model against one each scan.

The label maps are a silver standard: DLMUSE's regions, filled. ``--heads 16`` takes every ninth head.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS="1")  # before NumPy and torch are loaded

import nibabel as nib
import numpy as np
from measure import REPOSITORY, cpu_seconds, real_data, report
from scipy import ndimage

sys.path.insert(0, str(REPOSITORY / "workflow"))

METHODS = ("deepbet", "atlas")
BUNDLE = 8
WORST = 5
ONE_JOB = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from mrisynth.imaging.brain_extraction import make_extractor
heads = {Path(head).name[:14]: Path(head) for head in sys.argv[3:]}
make_extractor("deepbet").extract(heads, sys.argv[2])
"""


def main() -> None:
    """Measure, print the table and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=144, help="how many of the 144 heads")
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--bundle", type=int, default=BUNDLE, help="scans in one process and in as many")
    wanted = parser.parse_args()
    heads = sorted((real_data() / "heads_ixi_2mm").glob("*.nii.gz"))
    chosen = [heads[round(index)] for index in np.linspace(0, len(heads) - 1, min(wanted.heads, len(heads)))]
    figures: dict[str, Any] = {}
    rows = []
    for method in wanted.methods:
        found = pictures_of(method, chosen)
        rows.append(summary(method, found))
        worst = sorted(found, key=lambda scan: found[scan][0])[:WORST]
        figures[f"worst_{method}"] = ", ".join(f"{scan} {found[scan][0]:.4f}" for scan in worst)
    report("brain_extraction", rows, **figures, **one_process_against_many(chosen[: wanted.bundle]))


def pictures_of(method: str, heads: list[Path]) -> dict[str, tuple[float, float]]:
    """Extract each head; return scan -> (Dice with the label map, CPU seconds); Dice 0 where no brain was found."""
    from mrisynth.imaging.brain_extraction import make_extractor

    templates = real_data() / "templates"
    extractor = make_extractor(
        method,
        head_template=templates / "MNI152_T1_2mm.nii.gz",
        head_mask=templates / "MNI152_T1_2mm_brain_mask.nii.gz",
    )
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        extractor.extract({"warm-up": heads[0]}, folder)
        for head in heads:
            scan, before = head.name[:14], time.process_time()
            mask = extractor.extract({scan: head}, folder)[scan]
            spent = time.process_time() - before
            dice = overlap(mask, label_map(scan)) if isinstance(mask, Path) else 0.0
            found[scan] = (dice, spent)
            print(f"{method} {scan} {dice:.4f} {spent:.1f} CPU-s", file=sys.stderr, flush=True)
    return found


def summary(method: str, found: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """One row of the table."""
    dice, spent = (np.asarray(values) for values in zip(*found.values(), strict=True))
    return {
        "method": method,
        "scans": len(found),
        "no_brain": int((dice == 0).sum()),
        "median_dice": round(float(np.median(dice)), 4),
        "worst_dice": round(float(dice.min()), 4),
        "cpu_s_per_scan": round(float(spent.mean()), 2),
        "cpu_s_longest": round(float(spent.max()), 2),
    }


def one_process_against_many(heads: list[Path]) -> dict[str, Any]:
    """Extract the same scans with deepbet in one process and in one process each."""
    with tempfile.TemporaryDirectory() as folder:
        together = job(heads, Path(folder) / "together")
        alone = [job([head], Path(folder) / "alone") for head in heads]
        same = [
            (Path(folder) / "together" / head.name[:14] / "mask.nii.gz").read_bytes()
            == (Path(folder) / "alone" / head.name[:14] / "mask.nii.gz").read_bytes()
            for head in heads
        ]
    return {
        "scans_in_one_process": len(heads),
        "cpu_s_one_process": together,
        "cpu_s_a_process_each": sum(alone),
        "ratio": sum(alone) / together,
        "masks_equal_bit_for_bit": all(same),
    }


def job(heads: list[Path], folder: Path) -> float:
    """Run one job in a process of its own; return its CPU seconds."""
    before = cpu_seconds()
    command = [sys.executable, "-c", ONE_JOB, str(REPOSITORY / "workflow"), str(folder), *map(str, heads)]
    subprocess.run(command, check=True, capture_output=True)
    return cpu_seconds() - before


def label_map(scan: str) -> np.ndarray:
    """Return the filled region of the label map, bool [x, y, z], RAS+."""
    path = real_data() / "labels" / "ixi_2mm_dlmuse" / f"{scan}-T1_DLMUSE.nii.gz"
    return ndimage.binary_fill_holes(np.asarray(nib.as_closest_canonical(nib.load(path)).dataobj) > 0)


def overlap(mask: Path, truth: np.ndarray) -> float:
    """Return the Dice overlap of a mask file with a region on the same grid."""
    found = np.asarray(nib.load(mask).dataobj) > 0
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


if __name__ == "__main__":
    main()
