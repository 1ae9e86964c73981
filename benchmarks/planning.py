"""What it costs to plan a study: CPU seconds of a dry run, and of the plan that every job of a cluster makes of itself.

The full study is planned for 58 and for all 581 scans of IXI, then for 1000 and 10,000 made-up scans of a UK Biobank
folder (empty zip files: a plan opens none); ``--large`` adds 100,000. No scan is needed and nothing is computed.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from math import log
from pathlib import Path

from measure import REPOSITORY, report

STUDY = "studies/never-run"
PREPROCESSING = (  # rules whose jobs are submitted for `snakemake --profile slurm preprocessed`; the others run at home
    "unpack_scans",
    "prepare_template",
    "extract_brains",
    "register_scans",
    "summarise_quality",
    "write_quality_page",
    "build_pyramid",
)


def main() -> None:
    """Plan every study and compare its cost with its scans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also 100,000 scans (three CPU minutes)")
    chosen = parser.parse_args()
    rows = [planned("IXI", count, 32, f"cohort={{first_scans: {count}}}") for count in (58, 581)]
    with tempfile.TemporaryDirectory() as scratch:
        for count, most in ((1000, 32), (10_000, 32), *(((100_000, 32), (100_000, 128)) if chosen.large else ())):
            folder = Path(scratch, str(count))
            folder.mkdir(exist_ok=True)
            for number in range(count):
                (folder / f"{1_000_000 + 37 * number}_20252_2_0.zip").touch()
            rows.append(planned("UK Biobank", count, most, f"cohort={{name: ukbiobank, folder: {folder}}}"))
    seconds = {row["scans"]: row["plan_cpu_s"] for row in reversed(rows)}
    growths = {
        f"{small} to {large}": (seconds[large] / seconds[small], large * log(large) / (small * log(small)))
        for small, large in ((58, 581), (1000, 10_000), (10_000, 100_000))
        if large in seconds
    }
    figures = {f"growth {step}": f"{found:.2f} (n log n: {allowed:.1f})" for step, (found, allowed) in growths.items()}
    report("planning", rows, **figures)


def planned(cohort: str, scans: int, most: int, words: str) -> dict[str, object]:
    """One row: jobs, submissions, and what planning them took, for bundles of at most so many scans."""
    words = (words, f"preprocessing={{scans_per_job: {most}}}")
    plan, whole, memory = dry_run("all", words, repeats=2 if scans <= 10_000 else 1)
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", plan, re.MULTILINE)}
    _, own, _ = dry_run(f"{STUDY}/template/T1w_brain.nii.gz", words, repeats=2)
    return {
        "cohort": cohort,
        "scans": scans,
        "scans_per_job": most,
        "jobs": jobs["total"],
        "preprocessing_submissions": sum(jobs.get(rule, 0) for rule in PREPROCESSING),
        "plan_cpu_s": whole,
        "plan_mib": memory,
        "plan_of_one_job_cpu_s": own,
    }


def dry_run(target: str, words: tuple[str, ...], *, repeats: int) -> tuple[str, float, float]:
    """What a dry run prints, the CPU seconds of the cheapest repeat, and its peak memory in MiB."""
    command = [sys.executable, "-m", "snakemake", "-n", "--profile", "slurm", target, "--quiet", "rules"]
    command += ["--config", f"folder={STUDY}", *words]
    seconds = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        finished = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return finished.stdout + finished.stderr, min(seconds), after.ru_maxrss / 1024


if __name__ == "__main__":
    main()
