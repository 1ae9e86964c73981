"""Studies of several cohorts, planned: every member's own jobs and files, and one table of all."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.several_cohorts import write_bids

pytestmark = pytest.mark.workflow


@pytest.fixture
def planned(snakemake, tmp_path: Path):
    """Plan a study of these members: the keys of a cohort by name, as a user writes them."""
    written = tmp_path / "study.yaml"
    tiny = Path("tests/config/tiny.yaml").read_text()

    def plan(members: str, *words: str):
        cohort = next(line for line in tiny.splitlines() if line.startswith("cohort:"))
        written.write_text(tiny.replace(cohort, f"cohort: {{name: several, members: {{{members}}}}}"))
        return snakemake("-n", "--configfile", str(written), "--config", "folder=studies/never-run", *words)

    return plan


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two BIDS data sets with the same subjects, and a flat folder with names of IXI."""
    write_bids(tmp_path / "one", {"age": range(20, 26)})
    write_bids(tmp_path / "other", {"sex": "mfmf"})
    (tmp_path / "T1").mkdir()
    for number in (2, 12):
        (tmp_path / "T1" / f"IXI{number:03d}-Guys-{number:04d}-T1.nii.gz").touch()
    return tmp_path


def test_every_member_has_its_own_jobs_and_all_share_one_table(planned, folders):
    bids = f"one: {{name: bids, folder: {folders}/one}}, other: {{name: bids, folder: {folders}/other}}"
    ixi = f"ixi: {{name: ixi, folder: {folders}/T1, demographics: {folders}/IXI.xls}}"
    (folders / "IXI.xls").touch()
    study = planned(f"{bids}, {ixi}, drawn: {{name: simulated, participants: 2}}", "preprocessing={scans_per_job: 1}")
    assert study.returncode == 0, study.text
    assert (study.jobs["extract_brains"], study.jobs["build_cohort"], study.jobs["simulate_member"]) == (14, 1, 2)
    assert not {name for name in study.jobs if name.startswith(("download_", "simulate_heads", "convert_"))}
    for path in ("one/participants.tsv", "other/participants.tsv", "IXI.xls", "one/sub-00/anat/sub-00_T1w.nii.gz"):
        assert str(folders / path) in study.text
    assert "studies/never-run/cohort/simulated/drawn/bundle-" in study.text


def test_dicom_of_a_member_is_converted(planned, folders):
    for number in range(2):
        series = folders / "ADNI" / f"011_S_{number:04d}" / "MP-RAGE" / "2006-04-18_08_20_30.0" / f"I{100 + number}"
        series.mkdir(parents=True)
        (series / "1.dcm").touch()
    adni = f"{{name: adni, folder: {folders}/ADNI, adni: {{accept_data_use_agreement: true}}}}"
    study = planned(f"adni: {adni}, one: {{name: bids, folder: {folders}/one}}", "preprocessing={scans_per_job: 1}")
    assert study.returncode == 0, study.text
    assert (study.jobs["convert_dicom"], study.jobs["extract_brains"]) == (2, 8)


@pytest.mark.fault(7)
@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ("one: {{name: bids, folder: {folder}/one}}", "cohort.members has 1 entries; name two cohorts or more"),
        ("a: {{name: images}}, b: {{name: simulated}}", "cohort.members.a.name is 'images'; expected one of ixi, bids"),
        (
            "a: {{name: bids, folder: no/such}}, b: {{name: simulated}}",
            "cohort.members.a.folder: no/such should be the",
        ),
    ],
)
def test_what_cannot_be_stops_before_any_work(planned, folders, members, sentence):
    study = planned(members.format(folder=folders))
    assert study.returncode == 1
    assert sentence in study.text
    assert "Traceback" not in study.text


@pytest.mark.fault(27)
def test_the_export_is_refused_for_the_sake_of_one_member(planned, folders):
    members = f"one: {{name: bids, folder: {folders}/one}}, drawn: {{name: simulated, participants: 4}}"
    study = planned(members, "--", "export")
    assert study.returncode == 1
    assert "The export is refused: one: nobody has said" in study.text
