"""What a head costs at full resolution: CPU seconds and bytes of every stage of preprocessing, at 1 mm and 256 cubed.

Real heads at about 1 mm go through brain extraction, registration and packing one by one, each with its own process and
loaded model, so that start-up is counted, which bundles share.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import mean

from measure import REPOSITORY, cpu_seconds, real_data, report

sys.path.insert(0, str(REPOSITORY / "workflow"))

from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import load_template
from mrisynth.store import build_pyramid

HEADS = ("sub-01", "sub-03", "sub-15")
SIZES = [64, 128, 256]


def main() -> None:
    """Measure the heads and compare with what the estimate takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", nargs="+", default=HEADS)
    chosen = parser.parse_args()
    template = load_template("icbm152_2009a", voxel_mm=1.0)
    with tempfile.TemporaryDirectory() as scratch:
        rows = [measured(head, Path(scratch), template) for head in chosen.heads]
    means = {f"mean_{name}": mean(row[name] for row in rows) for name in rows[0] if name not in ("head", "status")}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report("one_millimetre", rows, **means, peak_mib=peak)


def measured(head: str, scratch: Path, template: object) -> dict[str, object]:
    """CPU seconds and megabytes (10^6 bytes) of one head."""
    scans = {head: real_data() / "heads" / f"{head}_T1w.nii.gz"}
    folders = [scratch / name for name in ("extracted", "preprocessed", f"pyramid-{head}")]
    clock = [cpu_seconds()]
    extract_bundle(scans, folders[0], recipe=ExtractionRecipe(method="deepbet", voxel_mm=1.0, seed=42))
    clock.append(cpu_seconds())
    recipe = RegistrationRecipe(voxel_mm=1.0, size=256, seed=42)
    table = register_bundle(scans, folders[0], folders[1], template=template, recipe=recipe)
    clock.append(cpu_seconds())
    build_pyramid({head: folders[1] / head / "T1w_brain.nii.gz"}, folders[2], sizes=SIZES)
    clock.append(cpu_seconds())
    spent = [later - earlier for earlier, later in pairwise(clock)]
    return {
        "head": head,
        "status": table["status"].iloc[0],
        **dict(zip(("extract_cpu_s", "register_cpu_s", "pack_cpu_s"), spent, strict=True)),
        "input_mb": scans[head].stat().st_size / 1e6,
        "extracted_mb": megabytes(folders[0] / head),
        "preprocessed_mb": megabytes(folders[1] / head),
        "packed_mb": megabytes(folders[2], "*.npy"),
    }


def megabytes(folder: Path, pattern: str = "*") -> float:
    """Megabytes of the files of a folder."""
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 1e6


if __name__ == "__main__":
    main()
