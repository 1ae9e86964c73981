"""Fault 1: jobs are killed at 10, 50 and 90 % of their work and in the moment before a file gets its final name."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from support import clone as clones
from support.clone import TINY, Clone, content, tree

pytestmark = [pytest.mark.fault(1), pytest.mark.end_to_end]
STUDY = "studies/tiny"
KILLER = Path(clones.__file__).parent / "killer"
ONE_BUNDLE = (
    *TINY, "--cores", "1", "--keep-going", "--config",
    "cohort={name: simulated, participants: 3, simulated_voxel_mm: 4.0}",
    "preprocessing={voxel_mm: 4.0, size: 32, scans_per_job: 3, brain_extraction: {method: deepbet}}",
    "--", f"{STUDY}/cohort/scans.tsv", f"{STUDY}/template/T1w.nii.gz",
)  # fmt: skip
WHOLE = ("--configfile", "tests/config/faults.yaml", *TINY[2:], "--cores", "1", "--retries", "4")
WRITTEN_IN_PLACE = re.compile(r"/watch-\d+/(grid|health)")  # pictures for people who look on while a chunk trains


class Kills:
    """Jobs of a clone are killed at chosen points, or measured.

    Attributes:
        folder: what the killer in the jobs reads and writes.
    """

    def __init__(self, folder: Path, clone: Clone, *, points: list[float | str], cpu_seconds: dict[str, float]) -> None:
        folder.mkdir()
        self.folder, self.study = folder, clone.folder / STUDY
        plan = {"study": str(self.study), "points": points, "cpu_seconds": cpu_seconds, "only": []}
        (folder / "plan.json").write_text(json.dumps(plan))

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(KILLER), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"MRISYNTH_TEST_KILLS": str(self.folder), "PYTHONPATH": os.pathsep.join(paths)}

    @property
    def killed(self) -> list[str]:
        """Script and point of every kill that happened."""
        claims = [path for path in self.folder.iterdir() if path.is_file() and re.fullmatch(r"\w+-\d+", path.name)]
        return sorted(path.name for path in claims if path.read_text() == "killed")

    @property
    def cpu_seconds(self) -> dict[str, float]:
        return {path.stem: float(path.read_text()) for path in self.folder.glob("*.seconds")}

    def opened(self) -> set[str]:
        """What jobs opened for writing at a final path."""
        lines = (self.folder / "opened.txt").read_text().splitlines() if (self.folder / "opened.txt").exists() else []
        return {line for line in lines if not WRITTEN_IN_PLACE.search(line)}

    def torn(self, final: dict[str, str]) -> list[str]:
        """Files that stood at a final path in the moment of a kill and were not what they became in the end."""
        found = []
        for folder in self.folder.glob("seen-*"):
            for path in folder.rglob("*"):
                name = path.relative_to(folder).as_posix()
                if (
                    path.is_file()
                    and name in final
                    and not WRITTEN_IN_PLACE.search(name)
                    and _read(path) != final[name]
                ):
                    found.append(f"{folder.name}: {name}")
        return found


def _read(path: Path) -> str:
    try:
        return content(path)
    except ValueError:
        return "torn"


@pytest.mark.slow_fault
def test_one_command_finishes_what_was_killed_and_nothing_was_torn(clone: Clone, tmp_path: Path) -> None:
    undisturbed = Clone(tmp_path / "undisturbed", clone.folder)
    measured = Kills(tmp_path / "measured", undisturbed, points=[], cpu_seconds={})
    whole = undisturbed.run(*ONE_BUNDLE, **measured.environment)
    assert whole.returncode == 0, whole.stderr
    assert set(measured.cpu_seconds) == {"simulate_heads", "build_cohort", "prepare_template"}
    assert measured.opened() == set(), "files are opened at their final paths"
    kills = Kills(tmp_path / "kills", clone, points=["rename"], cpu_seconds=measured.cpu_seconds)
    runs = [clone.run(*ONE_BUNDLE, **kills.environment) for _ in range(3)]
    assert [run.returncode == 0 for run in runs] == [False, False, True], runs[-1].stderr
    assert kills.killed == ["build_cohort-0", "prepare_template-0", "simulate_heads-0"]
    final = tree(undisturbed.folder / STUDY)
    assert kills.torn(final) == []
    assert tree(clone.folder / STUDY) == final
    assert not list((clone.folder / STUDY).rglob(".unfinished-*")), "halves of killed jobs stay for ever"


@pytest.mark.slow_fault
def test_every_rule_of_a_whole_study_is_killed_four_times(clone: Clone, tmp_path: Path) -> None:
    undisturbed = Clone(tmp_path / "undisturbed", clone.folder)
    measured = Kills(tmp_path / "measured", undisturbed, points=[], cpu_seconds={})
    whole = undisturbed.run(*WHOLE, seconds=7200, **measured.environment)
    assert whole.returncode == 0, whole.stderr[-4000:]
    assert measured.opened() == set(), "files are opened at their final paths"
    kills = Kills(tmp_path / "kills", clone, points=[0.1, 0.5, 0.9, "rename"], cpu_seconds=measured.cpu_seconds)
    disturbed = clone.run(*WHOLE, seconds=14400, **kills.environment)
    assert disturbed.returncode == 0, disturbed.stderr[-4000:]
    scripts = measured.cpu_seconds
    assert len(kills.killed) > 3 * len(scripts), "too few jobs were killed"
    assert {name.rpartition("-")[0] for name in kills.killed} == set(scripts)
    final = tree(undisturbed.folder / STUDY)
    assert kills.torn(final) == []
    assert tree(clone.folder / STUDY) == final
