"""ADNI and UK Biobank as a researcher has them: what is planned, and what stops before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow

TIME = "2006-04-18_08_20_30.0"


@pytest.fixture
def adni(tmp_path: Path, adni_image) -> str:
    """Eight images as NIfTI, four as DICOM, a localizer; the agreement is not accepted yet."""
    for number in range(8):
        adni_image(f"002_S_{number:04d}", "MP-RAGE", TIME, f"I{number}")
    for number in range(4):
        series = tmp_path / "ADNI" / f"011_S_{number:04d}" / "MP-RAGE" / TIME / f"I{100 + number}"
        series.mkdir(parents=True)
        (series / "1.dcm").touch()
    adni_image("002_S_0000", "localizer", TIME, "I99")
    return f"cohort={{name: adni, folder: {tmp_path}}}"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    return ["-n", "--configfile", "tests/config/tiny.yaml", "--config", f"folder=studies/{tmp_path.name}-never-run"]


def test_adni_without_its_agreement_is_refused_and_explained(snakemake, words, adni):
    planned = snakemake(*words, adni)
    assert planned.returncode == 1
    assert "cohort.adni.accept_data_use_agreement is false" in planned.text
    assert "no redistribution" in planned.text
    assert "Traceback" not in planned.text


def test_adni_converts_only_the_bundles_with_dicom(snakemake, words, adni):
    accepted = "cohort={adni: {accept_data_use_agreement: true}}"
    whole = snakemake(*words, adni, accepted, "preprocessing={scans_per_job: 12}")
    assert whole.returncode == 0, whole.text
    assert (whole.jobs["convert_dicom"], whole.jobs["extract_brains"], whole.jobs["build_cohort"]) == (1, 1, 1)
    one_each = snakemake(*words, adni, accepted, "preprocessing={scans_per_job: 1}")
    assert (one_each.jobs["convert_dicom"], one_each.jobs["extract_brains"]) == (4, 12)
    assert not [name for name in one_each.jobs if name.startswith(("download_", "unpack_", "simulate_"))]
    nifti = snakemake(*words, adni, accepted, "cohort={first_scans: 8}", "preprocessing={scans_per_job: 1}")
    assert "convert_dicom" not in nifti.jobs
    assert nifti.jobs["extract_brains"] == 8


def test_ukbiobank_unpacks_only_the_bundles_with_zip_files(snakemake, words, tmp_path):
    for eid in (1000001, 1000002, 1000003):
        (tmp_path / f"{eid}_20252_2_0.zip").touch()
    (tmp_path / "1000004_20252_2_0" / "T1").mkdir(parents=True)
    (tmp_path / "1000004_20252_2_0" / "T1" / "T1.nii.gz").touch()
    cohort = f"cohort={{name: ukbiobank, folder: {tmp_path}}}"
    planned = snakemake(*words, cohort, "preprocessing={scans_per_job: 1}")
    assert planned.returncode == 0, planned.text
    assert (planned.jobs["unpack_scans"], planned.jobs["extract_brains"]) == (3, 4)
    assert "convert_dicom" not in planned.jobs


def test_a_missing_folder_names_the_file_and_the_key(snakemake, words):
    planned = snakemake(*words, "cohort={name: ukbiobank}")
    assert planned.returncode == 1
    assert "tests/config/tiny.yaml: the key cohort.folder is missing" in planned.text
