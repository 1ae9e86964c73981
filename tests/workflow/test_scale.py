"""Jobs are counted in bundles, not in scans: 581 scans are few submissions, and a hundred times as many can be planned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mrisynth.cohorts.bundles import divide
from mrisynth.cohorts.listing import list_simulated

pytestmark = pytest.mark.workflow
OF_BUNDLES = {"unpack_scans", "extract_brains", "register_scans"}
FOLDER = "folder=studies/never-run"


@pytest.fixture(scope="module")
def biobank(tmp_path_factory):
    """Makes a folder of so many zip files; they are empty, for a plan opens none."""

    def make(count: int) -> str:
        folder = tmp_path_factory.mktemp("biobank")
        for number in range(count):
            (folder / f"{1_000_000 + 37 * number}_20252_2_0.zip").touch()
        return f"cohort={{name: ukbiobank, folder: {folder}}}"

    return make


def local_rules(repository: Path) -> set[str]:
    """The rules that run where snakemake runs and are never submitted."""
    texts = [path.read_text() for path in (repository / "workflow" / "rules").glob("*.smk")]
    texts.append((repository / "Snakefile").read_text())
    rules = [rule for text in texts for rule in f"\n{text}".split("\nrule ")[1:]]
    return {rule.split(":")[0] for rule in rules if "localrule: True" in rule}


def test_581_scans_are_preprocessed_in_at_most_80_submissions(snakemake, repository):
    planned = snakemake("-n", "--profile", "slurm", "preprocessed", "--config", FOLDER)
    assert planned.returncode == 0, planned.text
    jobs = planned.jobs
    submitted = {name: count for name, count in jobs.items() if name not in local_rules(repository) | {"total"}}
    assert {"download_ixi", "accept_scans", "preprocessed"} <= jobs.keys() - submitted.keys()
    assert 581 / 32 < submitted["extract_brains"] == submitted["register_scans"]
    assert sum(submitted.values()) <= 80


def test_only_bundles_grow_with_the_scans(snakemake, biobank):
    """Ten times the scans are ten times the bundles and not one job more of any other kind."""
    few, many = (snakemake("-n", "all", "--quiet", "rules", "--config", FOLDER, biobank(n)).jobs for n in (300, 3000))
    grown = {name for name in many if many[name] != few[name]} - {"total"}
    assert grown == OF_BUNDLES
    assert few.keys() == many.keys()
    for rule in OF_BUNDLES:
        assert 3000 / 32 <= many[rule] < 2 * 3000 / 32
        assert 5 < many[rule] / few[rule] < 20


def test_larger_bundles_are_fewer_jobs(snakemake, biobank):
    cohort = biobank(1000)
    words = ("-n", "preprocessed", "--quiet", "rules", "--config", FOLDER, cohort)
    small, large = (snakemake(*words, f"preprocessing={{scans_per_job: {n}}}").jobs for n in (32, 256))
    for rule in OF_BUNDLES:
        assert small[rule] > 6 * large[rule]


@pytest.mark.parametrize(("scans", "scans_per_job"), [(10_000, 32), (100_000, 128), (100_000, 192)])
def test_bundles_of_large_cohorts_are_filled(scans, scans_per_job):
    """Splitting by bits leaves bundles between half full and full."""
    bundles = divide(list_simulated(scans), scans_per_job=scans_per_job)
    assert scans / scans_per_job <= len(bundles) < 2.1 * scans / scans_per_job
    assert max(map(len, bundles.values())) <= scans_per_job


def test_a_job_lists_the_scans_of_its_own_bundle_alone(snakemake, biobank):
    """What a job of a cluster is told of grows with its bundle: its inputs, and the scans among its parameters."""
    target = "studies/never-run/quality/verdicts.tsv"
    planned = snakemake("-n", "--config", FOLDER, biobank(500), "--", target)
    inputs = [line for line in planned.text.splitlines() if line.strip().startswith("input:")]
    zips = [len(re.findall(r"_20252_2_0\.zip", line)) for line in inputs]
    assert sum(zips) == 500 and max(zips) <= 32
