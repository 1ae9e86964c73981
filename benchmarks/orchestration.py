"""What the workflow costs beside its work: 581 scans in bundles against one job a scan.

One head of each bundle is real, so that every job loads its libraries and models; all other files are empty and cost
nothing but their verdict. The same heads, worked on by the same code in one process, are the payload, which is
subtracted. One job a scan is measured on fewer scans, likewise with real heads only.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
from measure import REPOSITORY, cpu_seconds, real_data, report

from mrisynth.cohorts.bundles import divide
from mrisynth.cohorts.listing import list_ixi

NAMES = REPOSITORY / "resources" / "ixi_t1_scans.tsv"
STEPS = 2  # brain extraction, registration
SETTINGS = {"voxel_mm": 3.0, "size": 64, "brain_extraction": {"method": "deepbet"}}
PAYLOAD = """
import json, sys
from pathlib import Path
from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import load_template
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
scans = {path.name.removesuffix("-T1.nii.gz"): path for path in sorted(folder.iterdir())}
extract_bundle(scans, out / "brain_extraction", recipe=ExtractionRecipe(method="deepbet", voxel_mm=3.0, seed=42))
template = load_template("icbm152_2009a", voxel_mm=3.0)
recipe = RegistrationRecipe(voxel_mm=3.0, size=64, seed=42)
register_bundle(scans, out / "brain_extraction", out / "preprocessed", template=template, recipe=recipe)
"""


def main() -> None:
    """Run the bundled study, the payload alone, and the naive study, and compare CPU seconds a scan and step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=581)
    parser.add_argument("--naive-scans", type=int, default=8)
    chosen = parser.parse_args()
    listed = list_ixi(None, names=NAMES)[: chosen.scans]
    bundles = divide(listed, scans_per_job=32)
    first_of_bundle = {scans[0].file_name for scans in bundles.values()}
    few = [scan.file_name for scan in listed[: chosen.naive_scans]]
    with tempfile.TemporaryDirectory() as scratch:
        rows = [
            measured("bundles", Path(scratch), [s.file_name for s in listed], real=first_of_bundle, scans_per_job=32),
            measured("one job a scan", Path(scratch), few, real=set(few), scans_per_job=1),
        ]
    ours, naive = (row["orchestration_cpu_s_per_scan_step"] for row in rows)
    report("orchestration", rows, bundles=len(bundles), jobs_for_preprocessing=STEPS * len(bundles), ratio=naive / ours)


def measured(what: str, scratch: Path, names: list[str], *, real: set[str], scans_per_job: int) -> dict[str, object]:
    """CPU seconds of the study and of its payload alone."""
    folder = scratch / what.replace(" ", "-")
    folder.mkdir()
    heads = sorted((real_data() / "heads_ixi_2mm").iterdir())
    for index, name in enumerate(names):
        if name in real:
            (folder / name).symlink_to(heads[index % len(heads)])
        else:
            (folder / name).touch()
    study = f"studies/bench-{what.replace(' ', '-')}"
    whole = spent(lambda: run_study(folder, study, scratch, scans_per_job))
    payload = spent(lambda: run_payload(folder, scratch / "payload" / what))
    steps = STEPS * len(names)
    return {
        "what": what,
        "scans": len(names),
        "whole_cpu_s": whole,
        "payload_cpu_s": payload,
        "orchestration_cpu_s_per_scan_step": (whole - payload) / steps,
    }


def run_study(folder: Path, study: str, scratch: Path, scans_per_job: int) -> None:
    """Preprocess the folder with Snakemake, up to the table of the last bundle."""
    config = yaml.safe_load((REPOSITORY / "config" / "ixi_2mm.yaml").read_text())
    config["folder"], config["cohort"] = study, {"name": "ixi", "folder": str(folder)}
    config["preprocessing"] = SETTINGS | {"scans_per_job": scans_per_job}
    path = scratch / f"{scans_per_job}.yaml"
    path.write_text(json.dumps(config))
    bundles = divide(list_ixi(folder, names=None), scans_per_job=scans_per_job)
    targets = [f"{study}/preprocessed/bundle-{bundle}.tsv" for bundle in bundles]
    shutil.rmtree(REPOSITORY / study, ignore_errors=True)
    words = ["--cores", "1", "--quiet", "all", "--configfile", str(path), "--", *targets]
    subprocess.run([sys.executable, "-m", "snakemake", *words], cwd=REPOSITORY, check=True)
    shutil.rmtree(REPOSITORY / study)


def run_payload(folder: Path, out: Path) -> None:
    """The same work in one process."""
    words = [sys.executable, "-c", PAYLOAD, str(folder), str(out)]
    subprocess.run(words, cwd=REPOSITORY / "workflow", check=True)


def spent(work: Callable[[], None]) -> float:
    """CPU seconds of the children that the work starts."""
    before = cpu_seconds()
    work()
    return cpu_seconds() - before


if __name__ == "__main__":
    main()
