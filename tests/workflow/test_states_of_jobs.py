"""The `sacct` of the cluster profile: what it tells the Slurm plugin when Slurm's own programs disagree, lie or fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

STATES = ("-X", "--parsable2", "--clusters", "all", "--noheader", "--format=JobIdRaw,State", "--name", "run")


@pytest.fixture
def asked(repository: Path, tmp_path: Path):
    """Ask the profile's sacct where Slurm's sacct and squeue are these shell commands."""

    def ask(*words: str, sacct: str, squeue: str) -> tuple[int, list[str]]:
        for name, command in (("sacct", sacct), ("squeue", squeue)):
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\n{command}\n")
            program.chmod(0o755)
        own = repository / "profiles" / "slurm" / "bin"
        path = os.pathsep.join([str(own), str(tmp_path), os.environ["PATH"]])
        done = subprocess.run(
            [str(own / "sacct"), *words], env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        return done.returncode, done.stdout.splitlines()

    return ask


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("CANCELLED by 1000", "CANCELLED"),
        ("CANCELLED+", "CANCELLED"),
        ("OUT_OF_MEMORY", "OUT_OF_MEMORY"),
        ("PREEMPTED", "FAILED"),
        ("LAUNCH_FAILED", "FAILED"),
        ("COMPLETED", "COMPLETED"),
        ("PENDING", "PENDING"),
    ],
)
def test_a_state_is_a_word_that_the_plugin_knows(asked, said, told):
    assert asked(*STATES, sacct=f"echo '12|{said}'", squeue="exit 1") == (0, [f"12|{told}"])


def test_the_controller_knows_better_and_the_accounting_longer(asked):
    status, lines = asked(*STATES, sacct="echo '1|COMPLETED'; echo '2|RUNNING'", squeue="echo '2|FAILED'")
    assert status == 0
    assert dict(line.split("|") for line in lines) == {"1": "COMPLETED", "2": "FAILED"}


@pytest.mark.parametrize("sacct", ["exit 1", "exit 0", r"printf 'State\n||\n12|\n\377\0|COMPLETED\nwell|RUNNING\n'"])
def test_what_is_no_job_and_state_is_not_passed_on(asked, sacct):
    assert asked(*STATES, sacct=sacct, squeue="echo '3|RUNNING'") == (0, ["3|RUNNING"])


def test_it_fails_when_neither_answers(asked):
    assert asked(*STATES, sacct="exit 1", squeue="exit 1") == (1, [])


def test_the_plugins_other_questions_have_harmless_answers(asked):
    reason = asked("-j", "5.0", "--format=Reason", "--noheader", sacct=r"printf '\377None\n'; exit 1", squeue="exit 1")
    assert reason == (0, ["None"])
    node = asked("-j", "5", "-n", "-X", "-o", "nodelist%-256", sacct="exit 1", squeue="echo gpu-7")
    assert node == (0, ["gpu-7"])
    assert asked("--version", sacct="echo slurm 24", squeue="exit 1") == (0, ["slurm 24"])
