"""Faults 4 and 5: training is killed at random updates, and while it writes its state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import killed_training
from support.state_digest import state_digest

from mrisynth.files import read_table

UPDATES = 4  # of a chunk


def trained(folder: Path, kills: list) -> list:
    """What became of each process: its chunk, where it was killed, its exit status, the states that stood then."""
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({"folder": str(folder), "kills": kills}))
    library = str(Path(killed_training.__file__).parents[2] / "workflow")
    done = subprocess.run(
        [sys.executable, killed_training.__file__, str(folder / "plan.json")], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": library, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "ended.json").read_text())


@pytest.mark.fault(4)
def test_five_kills_change_no_bit_and_no_batch(tmp_path: Path) -> None:
    random = np.random.default_rng(20)
    kills = [[0, int(random.integers(1, UPDATES + 1))] for _ in range(2)]
    kills += [[1, int(random.integers(UPDATES + 1, 2 * UPDATES + 1))] for _ in range(3)]
    ended = trained(tmp_path / "killed", kills)
    assert [status for *_, status, _ in ended if status] == [-signal.SIGKILL] * 5
    trained(tmp_path / "whole", [])
    for chunk in (0, 1):
        assert state_digest(tmp_path / "killed" / f"state-{chunk}.pt") == state_digest(
            tmp_path / "whole" / f"state-{chunk}.pt"
        )
        one, two = (read_table(tmp_path / name / f"curve-{chunk}.tsv") for name in ("killed", "whole"))
        timed = [name for name in one if "seconds" in name]
        assert one.drop(columns=timed).equals(two.drop(columns=timed))
    batches, expected = ((tmp_path / name / "batches.tsv").read_text().splitlines() for name in ("killed", "whole"))
    assert batches == expected
    numbers = [int(line.split("\t")[1]) for line in batches]
    assert numbers == sorted(set(numbers)) == list(range(len(numbers)))


@pytest.mark.fault(5)
@pytest.mark.slow_fault
def test_a_kill_while_a_state_is_written_leaves_the_state_before(tmp_path: Path) -> None:
    ended = trained(tmp_path / "killed", [[1, "save"]])
    chunk, _, status, states = next(entry for entry in ended if entry[1] == "save")
    assert (chunk, status, states) == (1, -signal.SIGKILL, ["state-0.pt"])
    assert list((tmp_path / "killed").glob(".unfinished-*")), "nothing was torn"
    assert torch.load(tmp_path / "killed" / "state-0.pt", weights_only=True)["step"] == UPDATES
    trained(tmp_path / "whole", [])
    assert state_digest(tmp_path / "killed" / "state-1.pt") == state_digest(tmp_path / "whole" / "state-1.pt")
