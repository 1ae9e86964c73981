"""Listing of scans from file names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mrisynth.cohorts import listing
from mrisynth.errors import ConfigError


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def _names(path: Path, *names: str) -> Path:
    path.write_text("\n".join(["file_name", *names]) + "\n", encoding="utf-8-sig")
    return path


def test_ixi_folder_is_listed_in_order_with_scan_participant_and_path(tmp_path: Path) -> None:
    folder = _touch(tmp_path, "IXI020-Guys-0700-T1.nii.gz", "IXI012-HH-1211-T1.nii.gz", "._IXI012-HH-1211-T1.nii.gz")
    scans = listing.list_ixi(folder, names=None)
    assert [scan.scan for scan in scans] == ["IXI012-HH-1211", "IXI020-Guys-0700"]
    assert scans[0].participant_id == "IXI012"
    assert scans[0].path == folder / "IXI012-HH-1211-T1.nii.gz"


def test_ixi_images_of_other_modalities_are_passed_over(tmp_path: Path) -> None:
    folder = _touch(
        tmp_path, "IXI012-HH-1211-T1.nii.gz", "IXI012-HH-1211-T2.nii.gz", "IXI012-HH-1211-DTI-00.nii.gz", "notes.txt"
    )
    assert [scan.scan for scan in listing.list_ixi(folder, names=None)] == ["IXI012-HH-1211"]


def test_names_choose_and_keep_the_missing(tmp_path: Path) -> None:
    folder = _touch(tmp_path / "T1", "IXI012-HH-1211-T1.nii.gz", "IXI013-HH-1212-T1.nii.gz")
    names = _names(tmp_path / "names.tsv", "IXI012-HH-1211-T1.nii.gz", "IXI014-HH-1236-T1.nii.gz")
    scans = listing.list_ixi(folder, names=names)
    assert [(scan.scan, scan.path is not None and scan.path.exists()) for scan in scans] == [
        ("IXI012-HH-1211", True),
        ("IXI014-HH-1236", False),
    ]


def test_folder_of_other_names_is_listed_as_it_is_even_with_names(tmp_path: Path) -> None:
    folder = _touch(tmp_path / "mine", "sub-01_T1w.nii.gz", "patient 7 (b).nii")
    scans = listing.list_ixi(folder, names=_names(tmp_path / "names.tsv", "IXI012-HH-1211-T1.nii.gz"))
    assert [(scan.scan, scan.participant_id) for scan in scans] == [
        ("patient-7-b", "patient-7-b"),
        ("sub-01", "sub-01"),
    ]


def test_without_folder_the_names_are_to_be_downloaded(tmp_path: Path) -> None:
    scans = listing.list_ixi(None, names=_names(tmp_path / "names.tsv", "IXI012-HH-1211-T1.nii.gz"))
    assert scans == [listing.ScanFile("IXI012-HH-1211", "IXI012", None, "IXI012-HH-1211-T1.nii.gz")]


def test_committed_tables_list_581_and_144_scans(repository: Path) -> None:
    every = listing.list_ixi(None, names=repository / "resources" / "ixi_t1_scans.tsv")
    small = listing.list_ixi(None, names=repository / "resources" / "ixi_2mm_scans.tsv")
    assert len(every) == 581
    assert len({scan.participant_id for scan in every}) == 581
    assert len(small) == 144
    assert set(small) <= set(every)
    assert {listing.ixi_site(scan.file_name) for scan in small} == {"HH"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: listing.list_ixi(folder / "absent", names=None), ("cohort.folder", "absent", "does not exist")),
        (lambda folder: listing.list_bids(folder / "absent"), ("cohort.folder", "absent", "does not exist")),
        (lambda folder: listing.list_ixi(_touch(folder, "a.txt"), names=None), ("cohort.folder", "no scan")),
        (lambda folder: listing.list_ixi(_touch(folder, "IXI012-HH-1211-T2.nii.gz"), names=None), ("no T1 scan",)),
        (lambda folder: listing.list_ixi(_touch(folder, "___.nii"), names=None), ("___.nii", "letters")),
        (lambda folder: listing.list_bids(_touch(folder, "sub-01_T1w.nii.gz")), ("cohort.folder", "sub-*/")),
        (lambda folder: listing.list_ixi(None, names=None), ("cohort.folder", "cohort.scan_names")),
        (lambda folder: listing.list_ixi(None, names=folder / "no.tsv"), ("cohort.scan_names", "no.tsv")),
        (lambda folder: listing.list_simulated(0), ("cohort.participants is 0",)),
        (
            lambda folder: listing.list_ixi(_touch(folder, "sub-01.nii", "sub-01_T1w.nii.gz"), names=None),
            ("sub-01.nii", "sub-01_T1w.nii.gz", "more than once"),
        ),
    ],
)
def test_errors_are_one_sentence_that_names_the_key_and_the_file(tmp_path: Path, make, words) -> None:
    with pytest.raises(ConfigError) as error:
        make(tmp_path)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../../etc/IXI012-HH-1211-T1.nii.gz", "IXI012;touch x", "", ".hidden.nii"])
def test_names_that_are_no_plain_image_names_are_refused(tmp_path: Path, name: str) -> None:
    table = _names(tmp_path / "names.tsv", "IXI012-HH-1211-T1.nii.gz", name or '""')
    with pytest.raises(ConfigError, match="line 3"):
        listing.list_ixi(None, names=table)


def test_bids_sessions_and_runs(tmp_path: Path) -> None:
    _touch(
        tmp_path,
        "sub-01/ses-02/anat/sub-01_ses-02_run-1_T1w.nii.gz",
        "sub-01/ses-02/anat/sub-01_ses-02_T2w.nii.gz",
        "sub-02/anat/sub-02_T1w.nii",
        "sub-02/anat/sub-02_T1w.json",
        "derivatives/x/sub-03/anat/sub-03_T1w.nii.gz",
    )
    scans = listing.list_bids(tmp_path)
    assert [(scan.scan, scan.participant_id) for scan in scans] == [
        ("sub-01-ses-02-run-1", "sub-01"),
        ("sub-02", "sub-02"),
    ]


def test_simulated_names_do_not_depend_on_the_count() -> None:
    assert [scan.scan for scan in listing.list_simulated(3)] == ["sub-0001", "sub-0002", "sub-0003"]
    assert listing.list_simulated(40)[:3] == listing.list_simulated(3)


def test_site_comes_from_file_and_scan_names_of_ixi_alone() -> None:
    assert listing.ixi_site("IXI002-Guys-0828-T1.nii.gz") == "Guys"
    assert listing.ixi_site("IXI002-Guys-0828") == "Guys"
    assert listing.ixi_site("sub-01-ses-02_T1w.nii.gz") is None


def test_importing_the_listing_loads_no_heavy_module(repository: Path) -> None:
    code = "import sys, mrisynth.cohorts.listing; print([m for m in ('numpy', 'pandas', 'torch') if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=repository / "workflow", capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
