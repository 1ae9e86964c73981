"""The smallest study runs on a clean machine, and nothing that it writes holds a secret or names a place to fetch from."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.clean_machine import SECRETS, planted_in, without_network

from mrisynth.archives import unpack_zip
from mrisynth.files import read_table

pytestmark = pytest.mark.end_to_end
PLANTED = [*SECRETS.values(), "planted-pw-1", "planted-pw-2"]


@pytest.mark.fault(32)
def test_no_network_no_gpu_no_data_is_enough(tiny_run, clean_clone: Path) -> None:
    assert tiny_run.returncode == 0, tiny_run.stderr[-6000:]
    assert (clean_clone / "studies/tiny/report/index.html").is_file()
    downloads = [path.name for path in (clean_clone / "resources").iterdir() if path.is_dir()]
    assert downloads in ([], ["logs"]), "something was fetched, or was there before"


@pytest.mark.fault(32)
def test_the_network_was_really_gone(run_snakemake, tmp_path: Path) -> None:
    before, variables, how = without_network(tmp_path)
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    finished = run_snakemake("--version", before=[*before, "python", "-c", code], **variables)
    assert finished.returncode == 1, how
    assert "unreachable" in finished.stderr or "no network" in finished.stderr


@pytest.mark.fault(25)
def test_no_secret_of_the_environment_is_written_anywhere(tiny_run, clean_clone: Path) -> None:
    assert tiny_run.returncode == 0
    for stream in (tiny_run.stdout, tiny_run.stderr):
        assert [secret for secret in PLANTED if secret in stream] == []
    for folder in ("studies/tiny", ".snakemake", "resources"):  # what Snakemake itself keeps is looked through, too
        assert any((clean_clone / folder).iterdir())
        assert planted_in(clean_clone / folder, PLANTED) == {}


@pytest.fixture(scope="module")
def snakemake_report(run_snakemake, tiny_study: Path, tmp_path_factory) -> Path:
    """What `snakemake --report` makes of the study, unpacked."""
    folder = tmp_path_factory.mktemp("report")
    words = ("--configfile", "tests/config/tiny.yaml", "--report", str(folder / "report.zip"))
    finished: subprocess.CompletedProcess = run_snakemake(*words, **SECRETS)
    assert finished.returncode == 0, finished.stderr[-4000:]
    unpack_zip(folder / "report.zip", folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.fault(25, 26)
def test_snakemakes_report_has_no_secret_and_no_name_of_a_scan(snakemake_report: Path, tiny_study: Path) -> None:
    files = [path for path in snakemake_report.rglob("*") if path.is_file()]
    assert len(files) > 10
    scans = read_table(tiny_study / "cohort/scans.tsv")["scan"].tolist()
    assert planted_in(snakemake_report, [*PLANTED, *scans]) == {}


@pytest.fixture
def exported(run_snakemake, tiny_study: Path) -> Iterator[Path]:
    """What `snakemake export` makes of the study; the study is afterwards as it was."""
    words = ("--configfile", "tests/config/tiny.yaml", "--quiet", "rules", "host", "reason", "--", "export")
    finished = run_snakemake(*words, **SECRETS)
    assert finished.returncode == 0, finished.stderr[-4000:]
    yield tiny_study / "export"
    shutil.rmtree(tiny_study / "export")
    for left in ("logs/export.log", "provenance/export.json"):
        (tiny_study / left).unlink(missing_ok=True)


@pytest.mark.fault(25, 26)
def test_an_export_has_no_secret_and_no_name_of_a_scan(exported: Path, tiny_study: Path) -> None:
    assert (exported / "samples/wgp_hagan/sub-000000/anat/sub-000000_T1w.nii.gz").is_file()
    scans = read_table(tiny_study / "cohort/scans.tsv")["scan"].tolist()
    assert planted_in(exported, [*PLANTED, *scans]) == {}
    assert "ICBM 152" in (exported / "TERMS.md").read_text()
