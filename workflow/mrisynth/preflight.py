"""Preflight: what would stop a study hours later is looked for before its first job."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from mrisynth.clocks import check_dates, mend_dates
from mrisynth.disk import check_writable
from mrisynth.disk_needs import FILES_OF_A_SCAN, packed_bytes, preprocessed_bytes, sample_bytes
from mrisynth.study import Study

_log = logging.getLogger(__name__)
_BEGUN = ("preprocessed", "pyramid", "training")  # folders of a study that has spent most of what is estimated


def check_before_start(study: Study, *, rules: Collection[str], others: Sequence[Path] = ()) -> None:
    """Check that the study's folder can be written to, and warn where it has little room.

    Args:
        study: about to run.
        rules: names of the rules that are about to run; a download needs no room for samples.
        others: further folders that are written to, such as the one for downloads.

    Raises:
        MrisynthError: naming the folder and what to do.
    """
    folder = Path(study.folder)
    for place in (folder, *others):
        check_writable(place)
    if not any((folder / name).exists() for name in _BEGUN):
        files = FILES_OF_A_SCAN * len(study.scans) if "register_scans" in rules else 0
        check_room(folder, needed_bytes=least_bytes(study, rules=rules), needed_files=files)


def mend_clocks(study: Study) -> None:
    """Give dates in the past to files of the study that are dated in the future, and refuse scans and images that are.

    Raises:
        MrisynthError: a scan or an image is dated in the future.
    """
    if ahead := mend_dates(Path(study.folder)):
        _log.warning("files in %s were dated up to %.0f s in the future; they are dated anew", study.folder, ahead)
    check_dates((scan.path for scan in study.scans if scan.path), what="scan")
    if study.of_images:
        from mrisynth.image_study import image_files  # imports pandas, and other studies need none of it

        check_dates(image_files(study.config["cohort"]), what="image")


def check_room(folder: Path, *, needed_bytes: float, needed_files: int) -> None:
    """Warn when the file system of a folder has less left than is needed.

    A warning, since a full disk costs nothing that was computed, and since other files may make room meanwhile.
    """
    left = os.statvfs(folder)
    free = left.f_bavail * left.f_frsize
    if free < needed_bytes:
        _log.warning(
            f"{folder}: {_size(free)} are free, and what was asked for writes at least {_size(needed_bytes)}. "
            f"Free some space, or put the study on another disk (folder). `snakemake estimate` tells more."
        )
    if left.f_files and left.f_favail < needed_files:
        _log.warning(
            f"{folder}: the file system has room for {left.f_favail:,} more files, and what was asked "
            f"for makes at least {needed_files:,}. Remove some files, or put the study on another disk (folder)."
        )


def least_bytes(study: Study, *, rules: Collection[str]) -> float:
    """Return what these rules write of a study at least: its brains, its packed scans, its samples; no network."""
    scans, sampling = len(study.scans), study.config["sampling"]
    needed = 0.0
    if "register_scans" in rules:
        needed += preprocessed_bytes(scans, size=study.config["preprocessing"]["size"])
    if "build_pyramid" in rules:
        needed += packed_bytes(scans, sizes=study.sizes)
    if "draw_samples" in rules:
        needed += sum(
            sample_bytes(sampling["count"], size=model.size, nifti=sampling["nifti"]) for model in study.models.values()
        )
    return needed


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
