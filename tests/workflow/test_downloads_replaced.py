"""What a user already has replaces its download, one by one and all together, in the full study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow

DOWNLOADS = {
    "download_ixi",
    "download_demographics",
    "download_template",
    "download_hd_bet_weights",
    "download_medicalnet_weights",
}


@pytest.fixture(scope="module")
def own_files(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """All that the full study downloads, as a user may have it on a disk; names only, for a dry run reads nothing."""
    folder = tmp_path_factory.mktemp("own files")
    for line in (repository / "resources" / "ixi_t1_scans.tsv").read_text().splitlines()[1:]:
        (folder / "T1").mkdir(exist_ok=True)
        (folder / "T1" / line.split("\t")[0]).touch()
    (folder / "hd_bet").mkdir()
    for name in ("IXI.xls", "template.nii.gz", "template_mask.nii.gz", "medicalnet.pth"):
        (folder / name).touch()
    return folder


def replaced(folder: Path) -> dict[str, str]:
    """The setting that stands in for each download."""
    return {
        "download_ixi": f"cohort={{folder: {folder}/T1}}",
        "download_demographics": f"cohort={{demographics: {folder}/IXI.xls}}",
        "download_template": f"preprocessing={{template: {folder}/template.nii.gz}}",
        "download_hd_bet_weights": f"preprocessing={{brain_extraction: {{weights: {folder}/hd_bet}}}}",
        "download_medicalnet_weights": f"features={{medicalnet: {{weights: {folder}/medicalnet.pth}}}}",
    }


def planned_downloads(snakemake, clone: Path, *settings: str) -> set[str]:
    words = ["--config", *settings] if settings else []
    planned = snakemake("-n", *words, folder=clone)
    assert planned.returncode == 0, planned.text
    assert planned.jobs["total"] > 100
    return {name for name in planned.jobs if name.startswith("download_")}


def test_the_full_study_plans_every_download_and_only_those(snakemake, clean_clone: Path) -> None:
    assert planned_downloads(snakemake, clean_clone) == DOWNLOADS
    rules = (clean_clone / "workflow" / "rules" / "acquire.smk").read_text()
    assert {name for name in DOWNLOADS if f"rule {name}:" in rules} == DOWNLOADS


def test_with_all_of_them_given_nothing_is_downloaded(snakemake, clean_clone: Path, own_files: Path) -> None:
    together = (
        f"cohort={{folder: {own_files}/T1, demographics: {own_files}/IXI.xls}}",
        f"preprocessing={{template: {own_files}/template.nii.gz, brain_extraction: {{weights: {own_files}/hd_bet}}}}",
        f"features={{medicalnet: {{weights: {own_files}/medicalnet.pth}}}}",
    )
    assert planned_downloads(snakemake, clean_clone, *together) == set()


@pytest.mark.parametrize("rule", sorted(DOWNLOADS))
def test_each_of_them_replaces_its_own_download_alone(snakemake, clean_clone: Path, own_files: Path, rule: str) -> None:
    assert planned_downloads(snakemake, clean_clone, replaced(own_files)[rule]) == DOWNLOADS - {rule}


def test_what_was_downloaded_is_not_downloaded_again(snakemake, clean_clone: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(clean_clone, clone, symlinks=True)
    (clone / "resources" / "ixi" / "T1").mkdir(parents=True)
    (clone / "resources" / "ixi" / "IXI.xls").touch()
    (clone / "resources" / "weights").mkdir()
    (clone / "resources" / "weights" / "resnet_50_23dataset.pth").touch()
    left = planned_downloads(snakemake, clone, "seed=42")
    assert left == {"download_template", "download_hd_bet_weights"}
