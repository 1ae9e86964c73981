"""Fault 9: clocks that disagree by an hour, and files that appear late on a network file system."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import yaml
from support.clone import TINY, Clone

from mrisynth.clocks import check_dates, mend_dates
from mrisynth.errors import MrisynthError

pytestmark = pytest.mark.fault(9)
HOUR = 3600.0
STUDY = "studies/tiny"


def dated(path: Path, seconds_from_now: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    date = time.time() + seconds_from_now
    os.utime(path, (date, date))
    return path


def test_dates_in_the_future_move_to_the_past_in_their_order(tmp_path: Path) -> None:
    old = dated(tmp_path / "cohort" / "scans.tsv", -600)
    before = old.stat().st_mtime
    files = [dated(tmp_path / "training" / f"state-{number}.pt", HOUR + 60 * number) for number in range(5)]
    assert mend_dates(tmp_path) == pytest.approx(HOUR + 240, abs=10)
    dates = [path.stat().st_mtime for path in files]
    assert dates == sorted(set(dates)) and dates[-1] <= time.time()
    assert dates[0] > before == old.stat().st_mtime
    assert mend_dates(tmp_path) == 0


def test_right_dates_are_left_alone(tmp_path: Path) -> None:
    path = dated(tmp_path / "a.tsv", 0)
    before = path.stat().st_mtime_ns
    assert mend_dates(tmp_path) == 0 and path.stat().st_mtime_ns == before


def test_scans_from_the_future_are_named_before_any_work(tmp_path: Path) -> None:
    scans = [dated(tmp_path / "a.nii.gz", -5), dated(tmp_path / "b.nii.gz", HOUR), tmp_path / "missing.nii.gz"]
    with pytest.raises(MrisynthError, match=r"b\.nii\.gz: this scan is dated 60 minutes in the future, as are 0 more"):
        check_dates(scans, what="scan")
    assert scans[1].stat().st_mtime > time.time()  # not ours to change


@pytest.mark.end_to_end
@pytest.mark.slow_fault
def test_a_study_written_with_a_fast_clock_goes_on_and_repeats_nothing(clone: Clone) -> None:
    words = (*TINY, "--config", "cohort={name: simulated, participants: 4, simulated_voxel_mm: 4.0}",
             "preprocessing={voxel_mm: 4.0, size: 32, scans_per_job: 4, brain_extraction: {method: deepbet}}",
             "--")  # fmt: skip
    first = clone.run(*words, f"{STUDY}/cohort/scans.tsv")
    assert first.returncode == 0, first.stderr
    for path in (clone.folder / STUDY).rglob("*"):
        if path.is_file():
            date = path.stat().st_mtime + HOUR
            os.utime(path, (date, date))
    table = (clone.folder / STUDY / "cohort" / "scans.tsv").read_bytes()
    second = clone.run(*words, f"{STUDY}/conditions/none.tsv")
    assert second.returncode == 0, second.stderr
    assert "are dated anew" in second.stderr
    assert "simulate_heads/" not in second.stderr and "build_cohort" not in second.stderr, "work was repeated"
    assert (clone.folder / STUDY / "cohort" / "scans.tsv").read_bytes() == table
    assert "Nothing to be done" in clone.run(*words, f"{STUDY}/conditions/none.tsv").stderr


def test_the_cluster_profile_waits_a_minute_for_late_files(repository: Path) -> None:
    lines = (repository / "profiles" / "slurm" / "profile.v9+.yaml").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("latency-wait:")]
    assert yaml.safe_load(line)["latency-wait"] >= 60


@pytest.mark.end_to_end
@pytest.mark.slow_fault
def test_an_output_that_appears_late_is_waited_for(clone: Clone) -> None:
    output = clone.folder / STUDY / "template" / "T1w.nii.gz"
    seen = threading.Event()

    def hide() -> None:
        while not output.exists():
            time.sleep(0.002)
        hidden = output.rename(output.with_name("hidden"))
        seen.set()
        time.sleep(30)
        hidden.rename(output)

    threading.Thread(target=hide, daemon=True).start()
    done = clone.run(*TINY, "--latency-wait", "60", "--", f"{STUDY}/template/T1w.nii.gz")
    assert done.returncode == 0, done.stderr
    assert seen.is_set() and output.is_file()
