"""Who works on a folder, and what is removed of one that was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mrisynth import driver_locks, drivers, orphans
from mrisynth.driver_locks import HOLDER, end_driver, hold_study, start_driver
from mrisynth.drivers import SILENT_SECONDS, Driver, is_dead, read_driver, started, this_driver, write_driver
from mrisynth.errors import MrisynthError

pytestmark = pytest.mark.fault(2)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Snakemake's folder and that of a study; no heartbeat and no environment stay behind."""
    monkeypatch.setattr(driver_locks, "keep_alive", lambda *_, **__: None)
    for name in (orphans.PARENT, orphans.RUN):
        monkeypatch.setenv(name, "")
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / "study").mkdir()
    return tmp_path / ".snakemake", tmp_path / "study"


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def driver_of(process: subprocess.Popen) -> Driver:
    return replace(this_driver(), pid=process.pid, started=started(process.pid))


def written(folder: Path, driver: Driver, *, age: float = 0.0) -> Path:
    record = folder / "mrisynth" / f"{driver.run_id}.json"
    assert write_driver(driver, record)
    os.utime(record, (time.time() - age,) * 2)
    return record


def test_a_process_is_known_by_number_and_start(sleeper) -> None:
    driver, record = driver_of(sleeper), Path("nowhere")
    assert not is_dead(driver, record)
    assert is_dead(replace(driver, started="1"), record)  # its number was given to another
    sleeper.kill()
    while sleeper.poll() is None and started(sleeper.pid) is not None:
        time.sleep(0.01)
    assert started(sleeper.pid) is None  # a zombie does nothing any more
    assert is_dead(driver, record)


def test_a_driver_elsewhere_is_dead_when_it_is_silent(tmp_path: Path) -> None:
    driver = replace(this_driver(), host="login2", machine="login2 x")
    assert not is_dead(driver, written(tmp_path, driver, age=SILENT_SECONDS - 60))
    other = replace(driver, run_id="other")
    assert is_dead(other, written(tmp_path, other, age=SILENT_SECONDS + 60))


def test_a_record_is_written_once_and_whole(tmp_path: Path) -> None:
    one, two = this_driver(), this_driver()
    record = tmp_path / "new" / "record.json"
    assert write_driver(one, record) and not write_driver(two, record)
    assert read_driver(record) == one
    assert [path.name for path in record.parent.iterdir()] == ["record.json"]
    for text in ("", "{", "[]", '{"run_id": "x"}'):
        record.write_text(text)
        assert read_driver(record) is None


def test_the_lock_of_the_dead_is_removed_and_no_other(folders, sleeper, capfd) -> None:
    folder, study = folders
    lock = folder / "locks" / "0.output.lock"
    lock.touch()
    start_driver(folder, study)
    assert lock.exists(), "nobody is known to have made it"
    dead, living = replace(driver_of(sleeper), started="1", run_id="dead"), driver_of(sleeper)
    written(folder, dead)
    alive = written(folder, living)
    start_driver(folder, study)
    assert lock.exists() and f"another snakemake works in this folder (process {sleeper.pid}" in capfd.readouterr().err
    alive.unlink()
    written(folder, replace(dead, run_id="dead2"))
    start_driver(folder, study)
    assert not lock.exists() and "its lock is removed" in capfd.readouterr().err


def test_a_study_has_one_driver(folders, sleeper) -> None:
    folder, study = folders
    living = driver_of(sleeper)
    assert write_driver(living, study / HOLDER)
    me = start_driver(folder, study)
    with pytest.raises(
        MrisynthError, match=rf"study: another snakemake works on this study \(process {sleeper.pid} of"
    ):
        hold_study(me, folder, study)
    assert read_driver(study / HOLDER) == living
    end_driver(me, folder, study)
    assert read_driver(study / HOLDER) == living, "it was not ours to remove"


def test_a_dead_driver_is_taken_over_with_its_jobs_and_halves(folders, sleeper, monkeypatch) -> None:
    folder, study = folders
    dead = replace(driver_of(sleeper), started="1")
    write_driver(dead, study / HOLDER)
    (study / "deep").mkdir()
    half = study / "deep" / ".unfinished-1-brain.nii.gz"
    half.touch()
    job = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], orphans.RUN: f"{dead.run_id} x"})
    other = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], orphans.RUN: "someoneelse x"})
    me = start_driver(folder, study)
    hold_study(me, folder, study)
    assert job.wait(timeout=10) == -signal.SIGKILL and other.poll() is None
    other.kill()
    other.wait()
    assert read_driver(study / HOLDER) == me and not half.exists()
    end_driver(me, folder, study)
    assert not (study / HOLDER).exists() and not list((folder / "mrisynth").glob("*.json"))


def test_only_one_of_many_takes_over(folders, sleeper) -> None:
    folder, study = folders
    write_driver(replace(driver_of(sleeper), started="1"), study / HOLDER)
    winners = []

    def take() -> None:
        me = this_driver()
        try:
            hold_study(me, folder, study)
            winners.append(me)
        except MrisynthError:
            pass

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read_driver(study / HOLDER)] == winners


def test_submitted_jobs_that_were_unfinished_are_cancelled(folders, tmp_path: Path, monkeypatch) -> None:
    folder, _ = folders
    (folder / "incomplete").mkdir()
    (folder / "incomplete" / "a").write_text(json.dumps({"external_jobid": "4711"}))
    (folder / "incomplete" / "b").write_text(json.dumps({"external_jobid": "--all"}))
    (folder / "incomplete" / "c").write_text("torn")
    command = tmp_path / "bin" / "scancel"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/cancelled\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    orphans.end_orphans(this_driver(), folder)
    assert (tmp_path / "cancelled").read_text() == "4711\n"


JOB = """
import sys, time
sys.path.insert(0, sys.argv[1])
from mrisynth.orphans import die_with_snakemake
die_with_snakemake()
print("working", flush=True)
time.sleep(600)
"""
SNAKEMAKE = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from mrisynth.orphans import mark_jobs
mark_jobs(None, None)
words = [sys.executable, "-c", sys.argv[2], sys.argv[1]]
if sys.argv[3] == "shell":
    words = ["/bin/sh", "-c", '"$0" "$@"; true', *words]
print(subprocess.Popen(words, stdout=sys.stdout).wait())
"""


@pytest.mark.parametrize("between", ["nothing", "shell"])
def test_a_job_ends_with_its_snakemake(between: str, repository: Path) -> None:
    words = [sys.executable, "-c", SNAKEMAKE, str(repository / "workflow"), JOB, between]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "working\n"
    process.kill()
    process.wait()
    process.stdout.read()  # ends when the last that holds it does
    process.stdout.close()


def test_a_job_ends_when_another_has_taken_over(tmp_path: Path, repository: Path, sleeper) -> None:
    holder = tmp_path / HOLDER
    holder.write_text(json.dumps(asdict(this_driver())))
    environment = os.environ | {orphans.PARENT: f"{os.getpid()} {started(os.getpid())}", orphans.RUN: f"mine {holder}"}
    quick = JOB.replace(
        "die_with_snakemake()\n", "import mrisynth.orphans as o\no._HOLDER_EVERY_S = 1.0\no.die_with_snakemake()\n", 1
    )
    job = subprocess.run(
        [sys.executable, "-c", quick, str(repository / "workflow")], env=environment, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert job.returncode == -signal.SIGKILL
    assert "this job ends, since another snakemake has taken over" in job.stderr


def test_a_driver_that_passed_for_dead_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "_SECONDS_BETWEEN_BEATS", 0.02)
    me, other, record, told = this_driver(), this_driver(), tmp_path / HOLDER, threading.Event()
    write_driver(me, record)
    os.utime(record, (0, 0))
    drivers.keep_alive(me, record, lost=lambda found: told.set() if found == other else None)
    while record.stat().st_mtime == 0:
        time.sleep(0.01)
    assert not told.is_set()
    record.unlink()
    write_driver(other, record)
    assert told.wait(timeout=60)


def test_outside_of_snakemake_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(orphans.PARENT, raising=False)
    orphans.die_with_snakemake()
