"""From DICOM folders and zip files to the tables of the cohort, by the workflow."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mrisynth.files import read_table

pytestmark = pytest.mark.end_to_end

TIME = "2006-04-18_08_20_30.0"
SEARCH = """Image Data ID,Subject,Group,Sex,Age,Visit,Modality,Description,Type,Acq Date,Format,Downloaded
I1,002_S_0001,CN,M,70,sc,MRI,MP-RAGE,Original,4/18/2006,DCM,1/1/2020
I2,002_S_0002,AD,F,75,sc,MRI,MP-RAGE,Original,4/18/2006,DCM,1/1/2020
"""


def test_adni_from_dicom_to_tables(run_snakemake, clean_clone: Path, tmp_path: Path, dicom_series):
    for number, absent in ((1, ()), (2, ()), (3, (7,))):
        series = tmp_path / "ADNI" / f"002_S_000{number}" / "MP-RAGE" / TIME / f"I{number}"
        dicom_series(series, absent=absent)
    (tmp_path / "search.csv").write_text(SEARCH)
    cohort = f"cohort={{name: adni, folder: {tmp_path}, demographics: {tmp_path}/search.csv, test_fraction: 0.0, "
    cohort += "adni: {accept_data_use_agreement: true}}"
    target = "studies/adni/cohort/scans.tsv"
    finished = run_snakemake(
        *("--cores", "1", "--configfile", "tests/config/tiny.yaml", "--config", "folder=studies/adni", cohort),
        *("--", target),
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    scans = read_table(clean_clone / target, diagnosis="string").set_index("scan")
    assert scans["diagnosis"].fillna("-").tolist() == ["CN", "AD", "-"]
    assert scans["sha256"].notna().tolist() == [True, True, False]
    selection = read_table(clean_clone / "studies/adni/cohort/selection.tsv", reason="string").set_index("image")
    assert selection["reason"].fillna("-").to_dict() == {"I1": "-", "I2": "-", "I3": "no_row"}
    rows = [read_table(path) for path in (clean_clone / "studies/adni/cohort/nifti").glob("*/conversion.tsv")]
    assert [row for table in rows for row in table["scan"][table["status"] == "failed"]] == ["002S0003-20060418-I3"]
    for log in (clean_clone / "studies/adni").rglob("*.log"):
        assert "Doe" not in log.read_text()


def test_ukbiobank_from_zip_files_to_tables(run_snakemake, clean_clone: Path, tmp_path: Path):
    for eid in (1000001, 1000002):
        with zipfile.ZipFile(tmp_path / f"{eid}_20252_2_0.zip", "w") as zipped:
            zipped.writestr("T1/T1.nii.gz", f"head {eid}")
            zipped.writestr("T1/T1_brain.nii.gz", "brain")
    (tmp_path / "1000003_20252_2_0.zip").write_bytes(b"broken")
    (tmp_path / "fields.csv").write_text("eid,31-0.0,21003-2.0\n1000001,0,61\n1000002,1,66\n")
    cohort = f"cohort={{name: ukbiobank, folder: {tmp_path}, demographics: {tmp_path}/fields.csv, test_fraction: 0.0}}"
    target = "studies/ukb/cohort/scans.tsv"
    finished = run_snakemake(
        *("--cores", "1", "--configfile", "tests/config/tiny.yaml", "--config", "folder=studies/ukb", cohort),
        *("--", target),
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    scans = read_table(clean_clone / target, sex="string")
    assert scans["scan"].tolist() == ["1000001-i2", "1000002-i2", "1000003-i2"]
    assert scans["sex"].fillna("-").tolist() == ["f", "m", "-"]
    assert scans["sha256"].notna().tolist() == [True, True, False]
    unpacked = [path.name for path in (clean_clone / "studies/ukb/cohort/unpacked").rglob("*.nii.gz")]
    assert sorted(unpacked) == ["1000001-i2_T1w.nii.gz", "1000002-i2_T1w.nii.gz"]
