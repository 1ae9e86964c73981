"""Adding a scan to a study preprocesses one bundle again, and in it only the new scan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mrisynth.cohorts.bundles import divide
from mrisynth.cohorts.listing import list_ixi

pytestmark = pytest.mark.end_to_end


def config(folder: Path) -> list[str]:
    """A study of the files of a folder; empty files are enough, each is a row with a reason."""
    words = ["--configfile", "tests/config/tiny.yaml", "--config", "folder=studies/more"]
    return [*words, f"cohort={{name: ixi, folder: {folder}}}", "preprocessing={scans_per_job: 4}"]


def tables(folder: Path) -> list[str]:
    bundles = divide(list_ixi(folder, names=None), scans_per_job=4)
    return [f"studies/more/brain_extraction/bundle-{bundle}.tsv" for bundle in bundles]


def test_a_scan_more_is_one_job_more(run_snakemake, clean_clone: Path, tmp_path: Path):
    for number in range(9):
        (tmp_path / f"IXI{number:03d}-HH-1000-T1.nii.gz").touch()
    before = tables(tmp_path)
    assert len(before) >= 3
    first = run_snakemake(*config(tmp_path), "--cores", "2", "--", *before)
    assert first.returncode == 0, first.stderr[-4000:]
    records = {
        path: path.stat().st_mtime_ns for path in (clean_clone / "studies/more/brain_extraction").glob("*/*.json")
    }
    assert len(records) == 9

    (tmp_path / "IXI100-HH-1000-T1.nii.gz").touch()
    after = tables(tmp_path)
    second = run_snakemake(*config(tmp_path), "--cores", "2", "--", *after)
    assert second.returncode == 0, second.stderr[-4000:]
    started = re.findall(r"\] extract_brains/(b[01]*)", second.stderr)
    changed = set(after) - set(before) or set(started)
    assert len(started) == len(changed) <= 2  # one bundle, or the two halves of one that was full
    assert {path: path.stat().st_mtime_ns for path in records} == records
    assert (clean_clone / "studies/more/brain_extraction/IXI100-HH-1000/extraction.json").exists()
