"""Fault 7: folders that cannot be written to, too little room, missing inputs: told before any job runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from support.clone import TINY, Clone
from support.small_disk import small_disk

from mrisynth import preflight
from mrisynth.configuration import complete, load_schema
from mrisynth.disk import check_writable
from mrisynth.errors import MrisynthError
from mrisynth.study import Study

pytestmark = pytest.mark.fault(7)
TARGET = ("--", "studies/tiny/template/T1w.nii.gz")


def test_a_folder_is_made_and_nothing_stays_in_it(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "study")
    assert list((tmp_path / "new" / "study").iterdir()) == []


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MrisynthError, match=r"file: a file stands where the folder .*file/study is to be made"):
        check_writable(tmp_path / "file" / "study")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder; the read-only file system stands for it")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(MrisynthError, match=r"study: this folder cannot be written to \(Permission denied\)"):
        check_writable(tmp_path / "study")
    tmp_path.chmod(0o755)


def test_a_read_only_file_system_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.close_for_writing()
        with pytest.raises(MrisynthError, match=r"disk: this folder cannot be written to \(Read-only file system\)"):
            check_writable(disk.folder)


def test_too_little_room_is_told_with_both_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with small_disk(tmp_path / "disk") as disk:
        preflight.check_room(disk.folder, needed_bytes=5e5, needed_files=10)
        assert caplog.messages == []
        preflight.check_room(disk.folder, needed_bytes=2.5e9, needed_files=10)
    assert len(caplog.messages) == 1
    assert "1.0 MB are free, and what was asked for writes at least 2.5 GB" in caplog.text


def test_too_few_files_left_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = os.statvfs(tmp_path)
    fields = list(left[:10])
    fields[5], fields[6], fields[7] = 1000, 7, 7  # f_files, f_ffree, f_favail
    monkeypatch.setattr(preflight.os, "statvfs", lambda _: os.statvfs_result([*fields, left.f_namemax]))
    preflight.check_room(tmp_path, needed_bytes=0, needed_files=80)
    assert "room for 7 more files, and what was asked for makes at least 80" in caplog.text


def test_only_what_is_asked_for_needs_room(repository: Path) -> None:
    schema = load_schema(repository / "workflow" / "schemas" / "config.schema.yaml")
    config = yaml.safe_load((repository / "tests" / "config" / "tiny.yaml").read_text())
    study = Study(config=complete(config, schema, source="tiny"), source="tiny")
    asked = [{"download_dataset"}, {"register_scans"}, {"register_scans", "build_pyramid"}]
    asked.append(asked[-1] | {"draw_samples"})
    needed = [preflight.least_bytes(study, rules=rules) for rules in asked]
    assert needed[0] == 0
    assert needed == sorted(set(needed))


@pytest.mark.workflow
def test_a_file_at_the_studys_folder_stops_before_any_job(clone: Clone) -> None:
    (clone.folder / "studies").mkdir()
    (clone.folder / "studies" / "tiny").touch()
    done = clone.run(*TINY, *TARGET)
    assert done.returncode != 0
    assert "studies/tiny: a file stands where the folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.workflow
def test_a_read_only_study_stops_before_any_job(clone: Clone) -> None:
    with small_disk(clone.folder / "studies", kilobytes=8192) as disk:
        disk.close_for_writing()
        done = clone.run(*TINY, *TARGET)
        assert done.returncode != 0
        assert "studies/tiny: this folder cannot be written to (Read-only file system)" in done.stderr
        assert "prepare_template" not in done.stderr.split("total", 1)[-1], "a job ran"
